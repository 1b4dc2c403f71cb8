"""A job on disk: its folder, archive and journal, its series.

Internal.
"""
