"""Names of jobs and of series: each repetition of a series is a job named SERIES-TIME."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "LONGEST",
    "LONGEST_SERIES",
    "UNNAMED",
    "ahead_of_clock",
    "is_job_name",
    "name_in_series",
    "name_of_length",
    "series_of",
]

LONGEST: Final = 64
#: The series of jobs without a name from the user; they may run concurrently.
UNNAMED: Final = "job"

_STAMP: Final = "-%Y%m%dT%H%M%SZ"

#: A series' name plus a time must still be a job's name.
LONGEST_SERIES: Final = LONGEST - len("-20261123T180000Z")

_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}")
_IN_SERIES = re.compile(r"([A-Za-z0-9_-]+)-\d{8}T\d{6}Z")


def is_job_name(given: object) -> TypeGuard[str]:
    """Return whether *given* is a valid name of a job.

    >>> is_job_name("monday"), is_job_name("../monday")
    (True, False)
    """
    return isinstance(given, str) and _NAME.fullmatch(given) is not None


def name_of_length(longest: int) -> Callable[[Any], str]:
    """Return a reader of names of jobs or series that are not longer than *longest*.

    >>> name_of_length(9)("monday")
    'monday'
    """

    def read(given: Any) -> str:
        if not is_job_name(str(given)) or len(str(given)) > longest:
            raise ValueError(f"accepted: 1 to {longest} letters, digits, _ and -.")
        return str(given)

    return read


def name_in_series(series: str, when: datetime) -> str:
    """Return the name of a series' job that starts at *when* (UTC).

    >>> from datetime import datetime
    >>> name_in_series("watch", datetime(2026, 11, 23, 18))
    'watch-20261123T180000Z'
    """
    return series + when.strftime(_STAMP)


def series_of(job: str) -> str | None:
    """Return the series that a job belongs to, by its name; None if there is none.

    >>> series_of("watch-20261123T180000Z"), series_of("monday")
    ('watch', None)
    """
    found = _IN_SERIES.fullmatch(job)
    return found[1] if found else None


#: A clock may be this wrong without a warning.
_AHEAD: Final = timedelta(days=1)


def ahead_of_clock(job: str) -> str:
    """Return a warning about a job that is named for a time in the future; "" for any other.

    >>> ahead_of_clock("watch-20201123T180000Z"), ahead_of_clock("monday")
    ('', '')
    >>> ahead_of_clock("watch-99991123T180000Z")[:57]
    'watch-99991123T180000Z is named for a time in the future:'
    """
    series = series_of(job)
    if series is None or job <= name_in_series(series, datetime.now(UTC) + _AHEAD):
        return ""
    return (
        f"{job} is named for a time in the future: the clock was wrong when it began, or is now. "
        f"Until then it counts as the newest of {series}; if it is not, move its folder away"
    )
