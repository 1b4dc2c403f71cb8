"""Spider arguments, seeds and the tables they come in, and queries.

Internal, except what docs/reference.md lists.
"""
