"""Paging: whether a query goes on to its next page, and if not, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from tmapi_spiders.items import Product

__all__ = ["Ending", "Reading", "ending"]


@attrs.frozen
class Ending:
    """How a query ended: the ``status`` and ``reason`` of its outcome."""

    status: str
    reason: str


@attrs.frozen
class Reading:
    """What was read of a page."""

    products: list[Product]
    fresh: int
    """How many of the products are new to the query."""
    truncated: bool
    """Whether ``max_items`` cut the page."""


def ending(
    *,
    page: int,
    elements: int,
    fresh: int,
    items: int,
    truncated: bool,
    has_next_page: bool,
    max_pages: int,
    max_items: int,
) -> Ending | None:
    """Return how a query ends with this page, or None if it goes on.

    Nothing promises that ``has_next_page`` ever turns false or that pages don't overlap, so a page
    without a new item ends a query too. ``total_count`` is capped, and decides nothing.

    :param page: the page's number, from 1
    :param elements: elements on it, usable or not
    :param fresh: items on it that this query had not seen
    :param items: items of the query so far, this page's included
    :param truncated: whether the page held more items than ``max_items`` left room for
    :param max_pages: 0 = no limit
    :param max_items: 0 = no limit

    >>> goes_on = dict(page=2, elements=20, fresh=20, items=40, truncated=False,
    ...                has_next_page=True, max_pages=0, max_items=0)
    >>> ending(**goes_on)
    >>> ending(**goes_on | {"max_pages": 2})
    Ending(status='complete', reason='max_pages')
    >>> ending(**goes_on | {"elements": 0, "fresh": 0, "page": 1})
    Ending(status='empty', reason='empty_page')
    """
    reason: str | None = None
    if not elements:
        reason = "empty_page"
    elif truncated:
        reason = "max_items"
    elif not has_next_page:
        reason = "last_page"
    elif not fresh:
        reason = "no_new_items"
    elif max_items and items >= max_items:
        reason = "max_items"
    elif max_pages and page >= max_pages:
        reason = "max_pages"
    if reason is None:
        return None
    return Ending("complete" if elements or page > 1 else "empty", reason)
