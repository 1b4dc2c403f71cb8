"""How a field of a product is read from the API's values.

Internal.
"""
