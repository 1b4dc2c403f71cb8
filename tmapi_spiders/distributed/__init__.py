"""Across workers: one job on many machines, which share it through Redis.

Internal, except what docs/reference.md lists.
"""
