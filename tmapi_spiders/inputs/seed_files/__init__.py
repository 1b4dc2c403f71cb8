"""Reads seeds from files: plain lists, CSV, JSON lines and workbooks.

Internal.
"""
