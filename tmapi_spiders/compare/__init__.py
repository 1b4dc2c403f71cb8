"""What changed between two jobs that asked the same.

Internal.
"""
