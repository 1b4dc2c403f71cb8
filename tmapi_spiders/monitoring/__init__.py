"""Monitors: what is judged of a job when it has ended, and who is told, with spidermon.

Internal, except what docs/reference.md lists.
"""
