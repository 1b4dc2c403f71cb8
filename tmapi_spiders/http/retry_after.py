"""Reads ``Retry-After``: how long an answer asks to wait before the next try."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["LONGEST", "seconds_to_wait"]

LONGEST = 120.0
"""Seconds to wait at most, even if an answer asks for more."""


def seconds_to_wait(retry_after: str, date: str = "") -> float:
    """Return the seconds that an answer asks to wait, at most :data:`LONGEST`; 0 if it doesn't ask.

    >>> seconds_to_wait("7"), seconds_to_wait("3600"), seconds_to_wait("soon"), seconds_to_wait("")
    (7.0, 120.0, 0.0, 0.0)
    >>> seconds_to_wait("Fri, 27 Nov 2026 12:00:30 GMT", "Fri, 27 Nov 2026 12:00:00 GMT")
    30.0

    :param retry_after: the header: seconds, or a time
    :param date: the ``Date`` header, when it was answered by the server's clock, which may differ
        from this machine's
    """
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST)
    until = _time(text)
    if until is None:
        return 0.0
    seconds = (until - (_time(date) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST)


def _time(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
