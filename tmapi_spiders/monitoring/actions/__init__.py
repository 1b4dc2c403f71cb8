"""Spidermon's actions, changed to send this package's message.

Internal, except what docs/reference.md lists.
"""
