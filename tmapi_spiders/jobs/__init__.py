"""A job on disk: its folder, archive, journal and series.

Internal.
"""
