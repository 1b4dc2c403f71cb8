"""Outage: whether the API fails everything, learnt from how calls end.

A **row** of failures is what has failed since the API last worked: passing failures, the gateway's
403 and calls without an answer. A page, a conversion or a 422 of the API's own ends it; what is
over the account's limit is neither. A row of ``TMAPI_OUTAGE_CALLS`` failures over
:data:`DIFFERENT` queries is taken for an outage: from then on one call at a time is a **probe**,
after pauses that double, and after :data:`MOST_PROBES` of them the job stops. As a row grows, fewer
calls are let out, so that row and calls in flight are together no more than that number.

Eight different queries, since fewer can't be told from bad ones (the last of a crawl that are left
open, say), and have no more than 28 calls to lose by their own tries (``TMAPI_RETRY_TIMES`` = 3).
From the eighth on, what fails is laid to the API: no page loses a try by it.

Workers share one row: the same rules, by these numbers, are in ``distributed/scripts/common.lua``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.crawl.backoff import backoff
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DIFFERENT", "MOST_PROBES", "SHORTEST_PAUSE", "WORKS", "Outage", "Sign"]

#: Queries that a row of failures has to be of, before it is taken for the API's.
DIFFERENT = 8

#: Probes that fail before the job stops.
MOST_PROBES = 5

#: Seconds before a probe, at least.
SHORTEST_PAUSE = 0.05


@attrs.frozen
class Sign:
    """What the end of a call tells of the API as a whole."""

    works: bool
    reason: str = "outage"
    """Of a failure: why the job stops if there is nothing else any more."""
    said: str = ""
    """Of a failure: what it was, in words."""


WORKS = Sign(works=True)


class Outage:
    """Judges whether the API fails everything.

    >>> now = [0.0]
    >>> outage = Outage(20, pause=2.0, clock=lambda: now[0])
    >>> for query in "abcdefghijklmnopqrst":
    ...     outage.failed(query, Sign(False, said="500"))
    >>> outage.is_probing, outage.room, outage.seconds_to_probe
    (True, 0, 4.0)
    >>> now[0] = 4.0
    >>> outage.room
    1
    >>> outage.worked()
    >>> outage.is_probing
    False

    :param calls: failures in a row that are taken for an outage (``TMAPI_OUTAGE_CALLS``); 0 = never
    :param pause: seconds (``TMAPI_RETRY_DELAY``); before the first probe it is twice that
    """

    def __init__(
        self, calls: int, pause: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._calls = calls
        self._pause = max(pause, SHORTEST_PAUSE)
        self._clock = clock
        self._queries: set[str] = set()
        self._probe_at: float | None = None
        self.failures = 0
        """In the present row."""
        self.probes = 0
        """Those that have failed."""
        self.last: Sign | None = None
        """The last failure."""

    @property
    def is_probing(self) -> bool:
        """Whether the API is taken to fail everything."""
        return self._probe_at is not None

    @property
    def is_over(self) -> bool:
        """Whether enough probes have failed: the job is to stop."""
        return self.probes >= MOST_PROBES

    @property
    def spares(self) -> bool:
        """Whether a failure is laid to the API now, and so is no try of its page."""
        return self._calls > 0 and len(self._queries) >= DIFFERENT

    @property
    def seconds_to_probe(self) -> float:
        """Seconds until a probe may leave; 0 without an outage."""
        return 0.0 if self._probe_at is None else max(self._probe_at - self._clock(), 0.0)

    @property
    def room(self) -> int | None:
        """Calls that may be in flight; None: as many as otherwise."""
        if self._probe_at is not None:
            return int(self._clock() >= self._probe_at)
        return max(self._calls - self.failures, 1) if self._calls and self.failures else None

    def worked(self) -> None:
        """Learn from a call that shows that the API works."""
        self._queries.clear()
        self.failures = self.probes = 0
        self._probe_at = None

    def failed(self, query_id: str, sign: Sign, *, is_probe: bool = False) -> None:
        """Learn from a call that failed.

        :param is_probe: whether it left as a probe; others were in flight when the first one left
        """
        if not self._calls:
            return
        self.failures += 1
        self._queries.add(query_id)
        self.last = sign
        if self.is_probing:
            if not is_probe:
                return
            self.probes += 1
        elif self.failures < self._calls or not self.spares:
            return
        self._probe_at = self._clock() + backoff(self._pause, self.probes + 2)

    def __str__(self) -> str:
        """Return what has failed, in words."""
        queries = plural(len(self._queries), "query", "queries")
        last = f"; the last one: {self.last.said}" if self.last is not None else ""
        return f"the last {plural(self.failures, 'call')}, of {queries}, brought nothing{last}"
