"""Reads fields of a product from the API's values: prices, URLs, target prices.

Internal.
"""
