"""Adaptive concurrency limit, learned from 503s.

The limit begins at a modest number and doubles each round until the first refusal. A refusal sets
it to the number of calls that were in flight besides the refused one. After 15 seconds it is raised
by one, and then by one each round until the next refusal; a raise that is refused doubles the time
before the next attempt, up to 5 minutes. A crawl that has found the account's limit thus pays next
to nothing to know it, and recovers soon after a passing dip.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tmapi_spiders.crawl.backoff import backoff

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FIRST", "LONGEST_PAUSE", "LONGEST_PROBE_SECONDS", "PROBE_SECONDS", "ConcurrencyLimit"]

#: Calls that may be in flight before anything is known.
FIRST = 8

#: Seconds from a refusal until a higher limit is tried, and the longest such time.
PROBE_SECONDS = 15.0
LONGEST_PROBE_SECONDS = 300.0
_SHORTEST_PAUSE = 0.05
#: Seconds; the longest pause when even a single call is refused.
LONGEST_PAUSE = 60.0


class ConcurrencyLimit:
    """How many calls may be in flight now.

    >>> limit = ConcurrencyLimit(40)
    >>> limit.allowed
    8
    >>> for _ in range(8):
    ...     limit.answered(held=limit.allowed)
    >>> limit.allowed
    16
    >>> limit.refused(held=5)
    0.0
    >>> limit.allowed
    5

    :param most: what it never exceeds (``TMAPI_MAX_CONCURRENCY``)
    :param pause: seconds to wait after a single call in flight was refused; doubled each time
    """

    def __init__(
        self, most: int, pause: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._allowed = float(min(most, FIRST))
        self._first_pause = max(pause, _SHORTEST_PAUSE)
        self._pauses = 0
        """Pauses in a row, without an answer in between."""
        self._clock = clock
        self._is_doubling = True
        """Whether nothing has been refused yet."""
        self._probed_from: float | None = None
        """The limit before the present raises; None while there are none."""
        self._failed_probes = 0
        """Raises in a row that were refused at once."""
        self._probe_at = 0.0
        self.highest = self.allowed

    @property
    def allowed(self) -> int:
        """Calls that may be in flight now; at least 1."""
        return int(self._allowed)

    def answered(self, held: int) -> None:
        """Learn from an answer that was not a refusal.

        :param held: calls in flight, the answered one included
        """
        self._pauses = 0
        if held < self.allowed or self.allowed >= self._most:
            return  # the limit was not reached, or can't be raised
        if self._is_doubling:
            self._raise(1.0)
        elif self._probed_from is not None:
            self._raise(1.0 / self.allowed)  # the last raise held: by one each round
        elif self._clock() >= self._probe_at:
            self._probed_from = self._allowed
            self._raise(1.0)

    def refused(self, held: int) -> float:
        """Learn from a refusal; return for how many seconds no call should leave.

        :param held: calls in flight besides the refused one
        """
        self._is_doubling = False
        if self._probed_from is not None:
            got_further = held > self._probed_from
            self._failed_probes = 0 if got_further else self._failed_probes + 1
            self._probed_from = None
        self._allowed = max(1.0, min(self._allowed, float(held)))
        interval = backoff(PROBE_SECONDS, self._failed_probes + 1, LONGEST_PROBE_SECONDS)
        self._probe_at = self._clock() + interval
        if held:
            return 0.0
        self._pauses += 1
        return backoff(self._first_pause, self._pauses, LONGEST_PAUSE)

    def _raise(self, by: float) -> None:
        self._allowed = min(self._allowed + by, float(self._most))
        self.highest = max(self.highest, self.allowed)
