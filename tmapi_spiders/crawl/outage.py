"""Detects that the API fails every call, from how calls end.

A **streak** is all that failed since the API last worked: transient failures, the gateway's 403 and
calls without an answer. A page, a conversion or one of the API's own 422s ends it; a 503 over the
account's limit neither extends nor ends it. A streak of ``TMAPI_OUTAGE_CALLS`` failures, over at
least :data:`DIFFERENT` queries, is taken for an outage. From then on one call at a time is sent as
a **probe**, after pauses that double, and after :data:`MOST_PROBES` failed probes the job stops. As
a streak grows, fewer calls are sent, so that the failures and the calls in flight together never
exceed ``TMAPI_OUTAGE_CALLS``.

Eight different queries, since fewer can't be told from bad ones (the last of a crawl that are still
open, say), and their own attempts (1 + ``TMAPI_RETRY_TIMES`` = 4) cost 28 calls at most. From the
eighth query on, a failure is blamed on the API: it uses up no retry of its page.

Workers share one streak: ``distributed/scripts/common.lua`` has the same rules with these numbers.
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

#: Different queries that must fail in a row before the failures are blamed on the API.
DIFFERENT = 8

#: Probes that fail before the job stops.
MOST_PROBES = 5

#: Seconds; the shortest pause before a probe.
SHORTEST_PAUSE = 0.05


@attrs.frozen
class Sign:
    """What the end of a call shows about the API as a whole."""

    works: bool
    reason: str = "outage"
    """For a failure: why the job stops if everything fails like this."""
    said: str = ""
    """For a failure: its description."""


WORKS = Sign(works=True)


class Outage:
    """Judges whether the API fails every call.

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
    :param pause: seconds (``TMAPI_RETRY_DELAY``); the first probe leaves after twice as long
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
        """In the present streak."""
        self.probes = 0
        """Probes that have failed."""
        self.last: Sign | None = None
        """The last failure."""

    @property
    def is_probing(self) -> bool:
        """Whether the API is taken to fail every call."""
        return self._probe_at is not None

    @property
    def is_over(self) -> bool:
        """Whether enough probes have failed to stop the job."""
        return self.probes >= MOST_PROBES

    @property
    def spares(self) -> bool:
        """Whether a failure is blamed on the API now, and so uses up no retry of its page."""
        return self._calls > 0 and len(self._queries) >= DIFFERENT

    @property
    def seconds_to_probe(self) -> float:
        """Seconds until a probe may leave; 0 without an outage."""
        return 0.0 if self._probe_at is None else max(self._probe_at - self._clock(), 0.0)

    @property
    def room(self) -> int | None:
        """Calls that may be in flight; None: no fewer than otherwise."""
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

        :param is_probe: whether it left as a probe; others were in flight when the first probe left
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
        """Describe what has failed."""
        queries = plural(len(self._queries), "query", "queries")
        last = f"; the last one: {self.last.said}" if self.last is not None else ""
        return f"the last {plural(self.failures, 'call')}, of {queries}, failed{last}"
