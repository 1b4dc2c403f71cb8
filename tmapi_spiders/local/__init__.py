"""A crawl in one process: its gate, retries, ledger and flow, its estimate and summary.

Internal.
"""
