"""What is asked for: spider arguments, seeds and the tables they come in, queries.

Internal, except what docs/reference.md lists.
"""
