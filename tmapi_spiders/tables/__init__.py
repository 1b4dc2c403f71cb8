"""Exports a job's files as tables: XLSX, CSV, Parquet.

Internal.
"""
