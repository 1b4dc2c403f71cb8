"""Backoff: how long to wait before something that failed is tried again."""

from __future__ import annotations

import random

__all__ = ["LONGEST_DELAY", "backoff", "jittered"]

#: Seconds; of any pause that doubles.
LONGEST_DELAY = 120.0
_JITTER = 0.25


def backoff(delay: float, tries: int) -> float:
    """Return how long to wait after so many failed tries: doubled each time, without jitter.

    >>> [backoff(2.0, tries) for tries in (1, 2, 3, 10)]
    [2.0, 4.0, 8.0, 120.0]

    :param delay: seconds after the first
    """
    return min(delay * 2.0 ** min(tries - 1, 30), LONGEST_DELAY)


def jittered(seconds: float) -> float:
    """Return about as many seconds, so that what failed together does not come back together."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
