"""What is known of TMAPI: its endpoints, its answers and its calls.

Internal.
"""
