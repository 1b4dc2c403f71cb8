"""The numbers that show how far a job is, and estimates of what is left."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.crawl.page_order import SOONEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tmapi_spiders.crawl.progress import Progress

__all__ = ["Figures", "Pace", "pages_to_come", "seconds_left"]

#: Seconds over which the pace is measured.
_RECENT = 60.0


@attrs.frozen(kw_only=True)
class Figures:
    """How far a job is; for a worker, the shared job."""

    queries: int
    ended: int
    """Queries that have their outcome."""
    pages: int
    """Pages read, replayed ones included."""
    pages_to_come: float | None
    """Pages left, an estimate; None where nothing is known yet."""
    products: int
    """Products written."""
    duplicates: int
    calls: int
    """Calls of all runs of the job."""
    budget: int
    """0: no cap."""
    in_flight: int
    allowed: int
    """Calls that may be in flight now, as far as is known."""
    waiting: int = 0
    """Pages that wait in this process for their retry."""
    converting: int = 0
    """Images that are being converted, which may take 18 s each."""


class Pace:
    """Pages per second, over the last minute.

    >>> pace = Pace()
    >>> for second in range(4):
    ...     pace.note(float(second), 2 * second)
    >>> pace.a_second
    2.0
    """

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque()

    def note(self, at: float, pages: int) -> None:
        """Note how many pages had been read by *at*, in seconds of any clock."""
        self._noted.append((at, pages))
        while self._noted[0][0] < at - _RECENT:
            self._noted.popleft()

    @property
    def a_second(self) -> float | None:
        """Pages per second; None while that is not known."""
        if not self._noted:
            return None
        (first, before), (last, now) = self._noted[0], self._noted[-1]
        return (now - before) / (last - first) if last > first else None


def pages_to_come(
    open_ones: Iterable[Progress],
    pages: int,
    ended: int,
    others: int,
    pages_left: Callable[[Progress], int],
) -> float | None:
    """Return how many pages a job still has to read, an estimate; None if nothing is known.

    Queries about which nothing is known count as the known ones do on average.

    :param open_ones: queries that have begun
    :param pages: pages read so far, in all
    :param ended: queries that have ended
    :param others: queries that have not begun
    :param pages_left: returns how many pages a query has left:
        :func:`~tmapi_spiders.crawl.page_order.pages_left`

    >>> from functools import partial
    >>> from tmapi_spiders.crawl.page_order import pages_left
    >>> from tmapi_spiders.crawl.progress import Progress
    >>> left = partial(pages_left, max_pages=0, max_items=0)
    >>> half = Progress(None, pages=2, items=40, total_count=80)
    >>> pages_to_come([half, Progress(None)], pages=10, ended=1, others=3, pages_left=left)
    26.0
    >>> pages_to_come([Progress(None)], pages=0, ended=0, others=3, pages_left=left)
    """
    known = to_come = 0
    for progress in open_ones:
        left = pages_left(progress)
        if progress.ending is not None:
            known += 1
        elif left < SOONEST:
            known += 1
            to_come += left
        else:
            others += 1
    known += ended
    if not others:
        return float(to_come)
    return to_come + others * (pages + to_come) / known if known else None


def seconds_left(figures: Figures, pace: float | None) -> float | None:
    """Estimate how long a job still takes; None if nothing is known.

    If the budget ends it earlier, the estimate is the time until then.

    >>> begun = Figures(queries=10, ended=2, pages=20, pages_to_come=80, products=1, duplicates=0,
    ...                 calls=20, budget=0, in_flight=5, allowed=5)
    >>> seconds_left(begun, 2.0), seconds_left(attrs.evolve(begun, budget=40), 2.0)
    (40.0, 10.0)
    >>> seconds_left(begun, None)
    """
    to_come = figures.pages_to_come
    if figures.budget:
        left = max(figures.budget - figures.calls, 0)
        to_come = left if to_come is None else min(to_come, left)
    if not pace or to_come is None:
        return None
    return to_come / pace
