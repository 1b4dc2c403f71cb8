"""Figures: how far a run is, in numbers, for those who watch it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.crawl.order import SOONEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tmapi_spiders.crawl.progress import Progress

__all__ = ["Figures", "Pace", "pages_to_come", "seconds_left"]

#: Of the last so many seconds a pace is told.
_RECENT = 60.0


@attrs.frozen(kw_only=True)
class Figures:
    """How far a job is; of a worker, the job that it shares."""

    queries: int
    ended: int
    """Queries that have their outcome."""
    pages: int
    """Read, replayed ones included."""
    pages_to_come: float | None
    """An estimate; None where nothing is known yet."""
    products: int
    """Written."""
    duplicates: int
    calls: int
    """Of all runs of the job."""
    budget: int
    """0: no cap."""
    in_flight: int
    allowed: int
    """Calls that may be in flight now, as far as is known."""
    waiting: int = 0
    """Pages that wait here for their next try."""
    converting: int = 0
    """Images that are being converted, each of which may take 18 s."""


class Pace:
    """Pages a second, of the last minute.

    >>> pace = Pace()
    >>> for second in range(4):
    ...     pace.note(float(second), 2 * second)
    >>> pace.a_second
    2.0
    """

    def __init__(self) -> None:
        self._noted: deque[tuple[float, int]] = deque()

    def note(self, at: float, pages: int) -> None:
        """Note how many pages were read by a time, in seconds of any clock."""
        self._noted.append((at, pages))
        while self._noted[0][0] < at - _RECENT:
            self._noted.popleft()

    @property
    def a_second(self) -> float | None:
        """None where it can't be told yet."""
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
    """Return how many pages a job has before it, as far as can be seen; None if nothing can.

    Of queries that nothing is known of yet, as many as the known ones have on average.

    :param open_ones: queries that are begun
    :param pages: read so far, in all
    :param ended: queries that have ended
    :param others: queries that are not begun
    :param pages_left: returns how many a query has:
        :func:`~tmapi_spiders.crawl.order.pages_left`

    >>> from functools import partial
    >>> from tmapi_spiders.crawl.order import pages_left
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
    """Return an estimate of how long it still takes; None if there is none.

    Where the budget ends it earlier, until then.

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
