"""The settings, typed and checked, and the token.

Internal.
"""
