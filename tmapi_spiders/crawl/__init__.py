"""The flow of a crawl and its interfaces, wherever it runs.

Internal.
"""
