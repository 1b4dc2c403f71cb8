"""Times as the job's files have them."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["not_before", "utc_now"]


def utc_now() -> str:
    """Return the time now: UTC, ISO 8601, to the millisecond.

    >>> len(utc_now()), utc_now()[-1]
    (24, 'Z')
    """
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def not_before(began: str | None, ended: str | None) -> str | None:
    """Return when something ended: where a clock was set back meanwhile, when it began.

    >>> not_before("2026-11-23T18:00:00.000Z", "2026-11-23T17:00:00.000Z")
    '2026-11-23T18:00:00.000Z'
    >>> not_before(None, "2026-11-23T17:00:00.000Z")
    '2026-11-23T17:00:00.000Z'
    """
    return max(began, ended) if began and ended else ended
