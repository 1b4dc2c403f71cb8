"""Decides which rows are the same product, and within which scope it is written once."""

from __future__ import annotations

from typing import Any

from itemadapter import ItemAdapter

from tmapi_spiders.items import Product

__all__ = ["SCOPES", "identity_of"]

#: By ``TMAPI_DEDUPE``: the columns that make up the scope within which a product is written once.
SCOPES = {"job": ("language",), "seed": ("language", "seed_id"), "query": ("query_id",)}


def identity_of(item: Any, dedupe: str) -> tuple[str, str] | None:
    """Return the scope within which an item is written once, and its id there.

    It is read from the item as it leaves the project's pipelines. None if they have removed one of
    the columns needed: such rows can't be told apart, and all of them are written.

    :param item: of any class that Scrapy knows as an item
    :param dedupe: ``TMAPI_DEDUPE``, a key of :data:`SCOPES`

    >>> identity_of(Product(item_id=1, language="en"), "job")
    ('en', '1')
    >>> identity_of({"item_id": "1", "language": "en", "seed_id": "a"}, "seed")
    ('en:a', '1')
    >>> identity_of({"id": 1, "language": "en"}, "job")
    """
    names = ("item_id", *SCOPES[dedupe])
    if isinstance(item, Product):
        values = [getattr(item, name) for name in names]
    else:
        adapter = ItemAdapter(item)
        values = [adapter.get(name) for name in names]
    if values[0] == "" or not all(isinstance(value, str | int) for value in values):
        return None
    item_id, *scope = map(str, values)
    return ":".join(scope), item_id
