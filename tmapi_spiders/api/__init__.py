"""All that is known about TMAPI: its endpoints, its answers, and calls to it.

Internal.
"""
