"""Tables made of a job's files: XLSX, CSV, Parquet.

Internal.
"""
