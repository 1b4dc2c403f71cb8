"""A crawl in a process of its own.

Internal.
"""
