"""The order of a job's pages: how near its end no place in flight stays empty for want of pages.

A query's pages come one after another, so that each query is one call in flight at most. Whatever
is begun last, or is longest, goes on alone while the account could do more. So the last queries of
a job are begun ahead of their turn, and from then on those go first that have most pages left.

Until then queries are finished one after another: only so many are open that no place in flight
stays empty, so that a job that is ended early has few halves. Where the budget may not suffice none
is begun beyond those, to the end, and none that the budget will not finish too: it buys as many
whole results as can be.

The same rules are in the scripts of jobs on Redis (``distributed/scripts/common.lua``); tests hold
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

#: How many queries are begun ahead at a job's end, for each call that may be in flight.
AHEAD = 4

#: How many queries are open beyond the calls that may be in flight, so that a place is taken as
#: soon as it is free, although the page that was answered last is still to be parsed.
SPARE = 8

#: ``Request.priority`` of what nothing is known of yet: first pages and conversions. Near the end
#: it is the highest; before, pages are above it, each by its number.
SOONEST = 1_000_000

#: ``Request.priority`` of what was tried before, and has waited already: above all others.
AGAIN = 2 * SOONEST

#: Of one image.
CONVERSIONS = 2

#: Pages that a query may have, as far as is known: 100 of 20, where ``total_count`` is capped
#: (2,000, as users of the API have measured).
MOST_PAGES = 100


def most_calls(queries: int, max_pages: int) -> int:
    """Return what so many queries may take, as far as can be seen and without second tries.

    :param max_pages: of the job's arguments; 0 = no limit

    >>> most_calls(10, max_pages=0), most_calls(10, max_pages=3)
    (1020, 50)
    """
    return queries * (min(max_pages or MOST_PAGES, MOST_PAGES) + CONVERSIONS)


def pages_left(progress: Progress, *, max_pages: int, max_items: int) -> int:
    """Return how many pages a query has left, as far as can be seen: at least 1.

    From ``total_count``, which is capped and promises nothing: good enough for an order, and for
    nothing else. :data:`SOONEST` where nothing is known, or no more than that this was wrong.

    :param max_pages: of the job's arguments; 0 = no limit
    :param max_items: likewise

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
    """How many pages a job's queries turn out to have, and so what its budget will finish.

    >>> lengths = Lengths(most=100)
    >>> lengths.needed([]), lengths.needed([(0, SOONEST)]), lengths.needed([(1, 4), (0, SOONEST)])
    (100, 200, 14)
    >>> for pages in (1, 3):
    ...     lengths.note(pages, calls=pages)
    >>> lengths.needed([(2, 98)])  # a query is not taken for longer than any that has ended
    4
    """

    most: int
    """Of a query, as long as nothing is known of any."""
    ended: int = 0
    pages: int = 0
    """Of those that have ended, in all."""
    longest: int = 0
    calls: int = 0
    """Of those that have ended: what cost them is not to be paid for any more."""

    def note(self, pages: int, calls: int) -> None:
        """Note that a query has ended, having so many pages."""
        self.ended += 1
        self.calls += calls
        self.pages += pages
        self.longest = max(self.longest, pages)

    def needed(self, open_ones: Collection[tuple[int, int]]) -> int:
        """Return how many pages the open queries and one more have before them.

        Those that nothing is known of count as the others do on average. Once as many have ended as
        are open, the longest of them says more than ``total_count``.

        :param open_ones: of each open query, its pages read and left (:func:`pages_left`)
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
