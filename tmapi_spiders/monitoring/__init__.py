"""Judges a job once it has ended, and notifies people, with spidermon.

Internal, except what docs/reference.md lists.
"""
