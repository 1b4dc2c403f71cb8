"""Permits: how many calls the account bears at a time, learnt from what the API refuses.

They begin at a modest number and double each round until the first refusal. A refusal sets them to
the number of calls that were really in flight beside the refused one. After 15 seconds they are
raised by one, and as long as that holds by one each round; a raise that is refused doubles the
time before the next, to 5 minutes at most. So a crawl that has found the limit pays next to nothing
for knowing it, and comes back soon after a passing dip.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FIRST", "LONGEST_PAUSE", "LONGEST_PROBE_SECONDS", "PROBE_SECONDS", "Permits"]

#: How many calls may be in flight before anything is known.
FIRST = 8

#: Seconds from a refusal to the next try with more; and the longest such time.
PROBE_SECONDS = 15.0
LONGEST_PROBE_SECONDS = 300.0
_SHORTEST_PAUSE = 0.05
#: The longest time without calls, in seconds, where even a single one is refused.
LONGEST_PAUSE = 60.0


class Permits:
    """How many calls may be in flight now.

    >>> permits = Permits(40)
    >>> permits.allowed
    8
    >>> for _ in range(8):
    ...     permits.answered(held=permits.allowed)
    >>> permits.allowed
    16
    >>> permits.refused(held=5)
    0.0
    >>> permits.allowed
    5

    :param most: never more than this (``TMAPI_MAX_CONCURRENCY``)
    :param pause: seconds to wait when even a single call was refused; doubles each time
    """

    def __init__(
        self, most: int, pause: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._allowed = float(min(most, FIRST))
        self._first_pause = self._next_pause = max(pause, _SHORTEST_PAUSE)
        self._clock = clock
        self._growing = True
        """Whether nothing was refused yet."""
        self._probed_from: float | None = None
        """What the present raises began from; None while there are none."""
        self._interval = PROBE_SECONDS
        self._probe_at = 0.0
        self.highest = self.allowed

    @property
    def allowed(self) -> int:
        """Calls that may be in flight now; at least 1."""
        return int(self._allowed)

    def answered(self, held: int) -> None:
        """Learn from an answer that was no refusal.

        :param held: calls in flight, the answered one included
        """
        self._next_pause = self._first_pause
        if held < self.allowed or self.allowed >= self._most:
            return  # nobody wanted more
        if self._growing:
            self._raise(1.0)
        elif self._probed_from is not None:
            self._raise(1.0 / self.allowed)  # the last raise holds: by one each round
        elif self._clock() >= self._probe_at:
            self._probed_from = self._allowed
            self._raise(1.0)

    def refused(self, held: int) -> float:
        """Learn from a refusal; return how many seconds no call should leave.

        :param held: calls in flight beside the refused one
        """
        self._growing = False
        if self._probed_from is not None:
            came_further = held > self._probed_from
            longer = min(2 * self._interval, LONGEST_PROBE_SECONDS)
            self._interval = PROBE_SECONDS if came_further else longer
            self._probed_from = None
        self._allowed = max(1.0, min(self._allowed, float(held)))
        self._probe_at = self._clock() + self._interval
        if held:
            return 0.0
        pause, self._next_pause = self._next_pause, min(2 * self._next_pause, LONGEST_PAUSE)
        return pause

    def _raise(self, by: float) -> None:
        self._allowed = min(self._allowed + by, float(self._most))
        self.highest = max(self.highest, self.allowed)
