"""Spider arguments, seeds and the tables they come in, target prices, and queries.

Internal, except what docs/reference.md lists.
"""
