"""Finds what changed between two jobs, and reports it.

Internal.
"""
