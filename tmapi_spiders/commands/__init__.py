"""The commands this package adds to Scrapy's.

Internal.
"""
