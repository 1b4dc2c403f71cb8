"""Delays that double each time something fails."""

from __future__ import annotations

import random

__all__ = ["LONGEST_DELAY", "backoff", "jittered"]

#: Seconds; the longest that a delay grows to by doubling, unless a caller gives another limit.
LONGEST_DELAY = 120.0
_JITTER = 0.25


def backoff(first: float, failures: int, longest: float = LONGEST_DELAY) -> float:
    """Return how long to wait after so many failures: doubled after each, without jitter.

    >>> [backoff(2.0, failures) for failures in (1, 2, 3, 10)]
    [2.0, 4.0, 8.0, 120.0]
    >>> [backoff(90.0, failures, longest=60.0) for failures in (1, 2)]  # as given, the first time
    [90.0, 60.0]

    :param first: seconds after the first failure
    :param longest: seconds that a doubled delay is cut to
    """
    if failures <= 1:
        return first
    return min(first * 2.0 ** min(failures - 1, 30), longest)


def jittered(seconds: float) -> float:
    """Return about as many seconds, so that calls that failed together don't return together."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
