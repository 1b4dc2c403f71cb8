"""Decides whether a query goes on to its next page, and if not, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.crawl.evidence import evidence_against

if TYPE_CHECKING:
    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.items import Product

__all__ = ["Ending", "PageReading", "ending", "nothing_found"]


@attrs.frozen
class Ending:
    """How a query ended: ``status``, ``reason`` and ``evidence`` of its outcome."""

    status: str
    reason: str
    evidence: tuple[str, ...] = ()
    """Codes of :data:`~tmapi_spiders.crawl.evidence.EVIDENCE`."""


@attrs.frozen
class PageReading:
    """The products of a page, and what they mean for paging."""

    products: list[Product]
    fresh: int
    """Products that are new to the query."""
    truncated: bool
    """Whether the page was cut at ``max_items``."""


def ending(
    *,
    page: int,
    elements: int,
    fresh: int,
    items: int,
    unreadable: int,
    truncated: bool,
    has_next_page: bool,
    total_count: int | None,
    max_pages: int,
    max_items: int,
) -> Ending | None:
    """Return how a query ends with this page, or None if it goes on.

    The API does not promise that ``has_next_page`` ever turns false or that pages don't overlap, so
    a page without a new item ends a query, too. ``total_count`` is capped, and is used only as
    evidence against an ending.

    :param page: the page's number, from 1
    :param elements: elements on it, usable or not
    :param fresh: items on it that are new to this query
    :param items: items of the query so far, this page's included
    :param unreadable: elements of the query so far that have no readable id
    :param truncated: whether the page held more items than ``max_items`` left room for
    :param max_pages: 0 = no limit
    :param max_items: 0 = no limit

    >>> goes_on = dict(page=2, elements=20, fresh=20, items=40, unreadable=0, truncated=False,
    ...                has_next_page=True, total_count=688, max_pages=0, max_items=0)
    >>> ending(**goes_on)
    >>> ending(**goes_on | {"max_pages": 2})
    Ending(status='complete', reason='max_pages', evidence=())
    >>> ending(**goes_on | {"elements": 0, "fresh": 0, "items": 0, "page": 1}).status
    'empty'
    >>> ending(**goes_on | {"fresh": 0})
    Ending(status='complete', reason='no_new_items', evidence=('repeated_page', 'short_of_count'))
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
    evidence = evidence_against(
        reason,
        pages=page,
        items=items,
        unreadable=unreadable,
        has_next_page=has_next_page,
        total_count=total_count,
    )
    return Ending("complete" if elements or page > 1 else "empty", reason, evidence)


def nothing_found(page: Page) -> Ending:
    """Return how a query ends whose empty first page is believed."""
    evidence = evidence_against(
        "empty_page",
        pages=1,
        items=0,
        unreadable=0,
        has_next_page=page.has_next_page,
        total_count=page.total_count,
    )
    return Ending("empty", "empty_page", evidence)
