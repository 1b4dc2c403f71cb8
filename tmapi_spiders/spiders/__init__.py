"""The spiders of this package.

Internal, except what docs/reference.md lists.
"""
