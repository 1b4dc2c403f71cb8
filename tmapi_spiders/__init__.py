"""Crawl TMAPI's image search of 1688.com with Scrapy."""

__version__ = "0.1.0"
