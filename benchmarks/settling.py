"""How a crawl finds an account's concurrency limit, and what that costs."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import attrs

QUIET_SECONDS = 2.0
"""Seconds without a refusal after which the first search for the limit is over."""

Page = tuple[str, int]
"""Its image, and its number."""


def page_of(call: dict[str, Any]) -> Page:
    """Return the page that a call of the log asked for."""
    return call["image"], call["page"]


@attrs.frozen
class Settling:
    """What the server's log says about a crawl; times in seconds since the epoch.

    :param log: quick_api.py's log
    :param limit: most calls in flight
    :param latency: seconds that each answer takes
    """

    log: list[dict[str, Any]]
    limit: int
    latency: float

    @property
    def begun(self) -> float:
        """When the first call came."""
        return min(float(call["arrived"]) for call in self.log)

    @property
    def answered(self) -> dict[Page, float]:
        """When each page was answered."""
        return {page_of(call): call["ended"] for call in self.log if not call["refused"]}

    @property
    def refused(self) -> list[tuple[float, Page]]:
        """When each refused call came, and for which page; in order."""
        return sorted((call["arrived"], page_of(call)) for call in self.log if call["refused"])

    @property
    def last_left(self) -> float:
        """When the last answered call came; from then on nothing waits."""
        return max(self.answered.values()) - self.latency

    @property
    def settled(self) -> float:
        """When the limit was found; the time of the last answer if it never was.

        It is found when the pages of the first refusals are answered, or, if nothing is refused,
        when as many calls as the limit are in flight at once.
        """
        answered, refused = self.answered, self.refused
        last = max(answered.values())
        first_ones = refused[:1]
        for refusal in refused[1:]:
            if refusal[0] - first_ones[-1][0] > QUIET_SECONDS:
                break
            first_ones.append(refusal)
        if first_ones:
            return max(answered.get(page, last) for _, page in first_ones)
        ends = sorted(answered.values())
        for begun, end in enumerate(ends, 1):
            start = end - self.latency
            if begun - bisect_right(ends, start) >= self.limit:
                return start
        return last

    def work(self, start: float, end: float) -> float:
        """Return how many seconds the limit needs for what was answered between two times.

        For a call that was in flight at either time, the part in between counts.
        """
        overlaps = (min(end, at) - max(start, at - self.latency) for at in self.answered.values())
        return sum(overlap for overlap in overlaps if overlap > 0) / self.limit
