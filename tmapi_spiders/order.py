"""The order of a job's pages: how near its end no place in flight stays empty for want of pages.

A query's pages come one after another, so that each query is one call in flight at most. Whatever
is begun last, or is longest, goes on alone while the account could do more. So the last queries of
a job are begun ahead of their turn, and from then on those go first that have most pages left.

Until then queries are finished one after another, and to the end where the budget may not suffice:
a job that is ended early has as many whole results as can be, and few halves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tmapi_spiders.progress import Progress

__all__ = ["AGAIN", "AHEAD", "MOST_CALLS", "SOONEST", "most_calls", "pages_left"]

#: How many queries are begun ahead at a job's end, for each call that may be in flight.
AHEAD = 4

#: ``Request.priority`` of what nothing is known of yet: first pages and conversions. Near the end
#: it is the highest; before, pages are above it, each by its number.
SOONEST = 1_000_000

#: ``Request.priority`` of what was tried before, and has waited already: above all others.
AGAIN = 2 * SOONEST

_CONVERSIONS = 2
_MOST_PAGES = 100

#: What a query may take, as far as is known: 100 pages of 20, where ``total_count`` is capped
#: (2,000, as users of the API have measured), and two conversions of its image.
MOST_CALLS = _MOST_PAGES + _CONVERSIONS


def most_calls(queries: int, max_pages: int) -> int:
    """Return what so many queries may take, as far as can be seen and without second tries.

    :param max_pages: of the job's arguments; 0 = no limit

    >>> most_calls(10, max_pages=0), most_calls(10, max_pages=3)
    (1020, 50)
    """
    return queries * (min(max_pages or _MOST_PAGES, _MOST_PAGES) + _CONVERSIONS)


def pages_left(progress: Progress, *, max_pages: int, max_items: int) -> int:
    """Return how many pages a query has left, as far as can be seen: at least 1.

    From ``total_count``, which is capped and promises nothing: good enough for an order, and for
    nothing else. :data:`SOONEST` where nothing is known, or no more than that this was wrong.

    :param max_pages: of the job's arguments; 0 = no limit
    :param max_items: likewise

    >>> from tmapi_spiders.progress import Progress
    >>> read = Progress(None, pages=2, items=40, total_count=688)
    >>> pages_left(read, max_pages=0, max_items=0), pages_left(read, max_pages=5, max_items=0)
    (33, 3)
    >>> pages_left(read, max_pages=0, max_items=50)
    1
    >>> beyond = Progress(None, pages=40, items=800, total_count=688)
    >>> [pages_left(one, max_pages=0, max_items=0) for one in (beyond, Progress(None))]
    [1000000, 1000000]
    """
    counts = [count for count in (progress.total_count, max_items or None) if count is not None]
    if progress.pages and counts:
        a_page = max(progress.items / progress.pages, 1)
        left = math.ceil((min(counts) - progress.items) / a_page)
    else:
        left = 0
    if left <= 0:
        left = SOONEST
    if max_pages:
        left = min(left, max_pages - progress.pages)
    return min(max(left, 1), SOONEST)
