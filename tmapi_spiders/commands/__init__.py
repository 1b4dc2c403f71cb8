"""The commands this package adds to Scrapy's, or replaces.

Internal.
"""
