"""Builds the gallery: a job as one HTML page.

Internal.
"""
