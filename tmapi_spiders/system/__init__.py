"""Files, streams, signals and limits of the operating system.

Internal.
"""
