"""Reads fields of a product from the API's values: prices and URLs, and what can't be read.

Internal.
"""
