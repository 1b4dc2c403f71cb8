"""Spidermon's actions, with this package's message.

Internal, except what docs/reference.md lists.
"""
