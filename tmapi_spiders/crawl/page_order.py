"""The order of a job's pages, which keeps the concurrency limit in use to the end of the job.

A query's pages come one after another, so a query has at most one call in flight. A query that
begins last, or is the longest, would run on by itself while the account allows more calls. So the
last queries of a job begin ahead of their turn, and from then on the queries with the most pages
left go first.

Until then queries are finished one after another: just enough of them are open to keep the limit in
use, so that a job that ends early has few incomplete queries. Where the budget may not be enough
for the whole job, no further queries are open up to the end, and none begins that the budget can't
finish: it buys as many complete queries as possible.

The scripts of jobs on Redis have the same rules (``distributed/scripts/common.lua``); tests hold
both to the same decisions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection

    from tmapi_spiders.crawl.progress import Progress

__all__ = [
    "AGAIN",
    "AHEAD",
    "CONVERSIONS",
    "MOST_PAGES",
    "SOONEST",
    "SPARE",
    "Lengths",
    "most_calls",
    "pages_left",
]

#: Queries that begin ahead of their turn at a job's end, for each call that may be in flight.
AHEAD = 4

#: Queries that are open beyond the calls that may be in flight: a permit that comes back is used at
#: once, although the page that was answered last still has to be parsed.
SPARE = 8

#: ``Request.priority`` of first pages and conversions, about whose queries nothing is known yet.
#: Near the end of a job it is the highest; before that, later pages are above it by their number.
SOONEST = 1_000_000

#: ``Request.priority`` of retries, which have waited already: above all others.
AGAIN = 2 * SOONEST

#: Conversions that one image may take.
CONVERSIONS = 2

#: Pages that a query may have, as far as is known: 100 of 20 items, where ``total_count`` is capped
#: (at 2,000, as users of the API have measured).
MOST_PAGES = 100


def most_calls(queries: int, max_pages: int) -> int:
    """Return how many calls so many queries may take, as far as is known and without retries.

    :param max_pages: of the job's arguments; 0 = no limit

    >>> most_calls(10, max_pages=0), most_calls(10, max_pages=3)
    (1020, 50)
    """
    return queries * (min(max_pages or MOST_PAGES, MOST_PAGES) + CONVERSIONS)


def pages_left(progress: Progress, *, max_pages: int, max_items: int) -> int:
    """Return how many pages a query has left, as far as is known: at least 1.

    It is estimated from ``total_count``, which is capped and promises nothing: good enough for an
    order, and for nothing else. :data:`SOONEST` where nothing is known, or only that the estimate
    was too low.

    :param max_pages: of the job's arguments; 0 = no limit
    :param max_items: of the job's arguments; 0 = no limit

    >>> from tmapi_spiders.crawl.progress import Progress
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


@attrs.define
class Lengths:
    """How many pages a job's queries turn out to have, to estimate what its budget can finish.

    >>> lengths = Lengths(most=100)
    >>> lengths.needed([]), lengths.needed([(0, SOONEST)]), lengths.needed([(1, 4), (0, SOONEST)])
    (100, 200, 14)
    >>> for pages in (1, 3):
    ...     lengths.note(pages, calls=pages)
    >>> lengths.needed([(2, 98)])  # a query is not taken for longer than any that has ended
    4
    """

    most: int
    """Pages assumed for a query while nothing is known about any."""
    ended: int = 0
    """Queries that have ended."""
    pages: int = 0
    """Pages of all queries that have ended."""
    longest: int = 0
    """Pages of the longest of them."""
    calls: int = 0
    """Calls of the queries that have ended: what they cost is paid."""

    def note(self, pages: int, calls: int) -> None:
        """Note that a query has ended, with its pages and calls."""
        self.ended += 1
        self.calls += calls
        self.pages += pages
        self.longest = max(self.longest, pages)

    def needed(self, open_ones: Collection[tuple[int, int]]) -> int:
        """Return how many pages the open queries and one more still have to read.

        Queries about which nothing is known count as the others do on average. Once as many queries
        have ended as are open, the longest of them says more than ``total_count``.

        :param open_ones: for each open query, its pages read and left (:func:`pages_left`)
        """
        lefts = []
        for read, left in open_ones:
            believed = max(self.longest - read, 1) if self.ended >= len(open_ones) else left
            lefts.append((read, min(left, believed)))
        known = [(read, left) for read, left in lefts if left < SOONEST]
        number = self.ended + len(known)
        pages = self.pages + sum(read + left for read, left in known)
        usual = math.ceil(pages / number) if number else self.most
        unknown = [max(usual - read, 1) for read, left in lefts if left >= SOONEST]
        return sum(left for _, left in known) + sum(unknown) + max(usual, 1)
