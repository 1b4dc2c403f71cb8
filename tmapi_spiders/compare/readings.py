"""Verdicts: what a search's outcome is good for, and whether it is believed before another agrees.

A reading is **provisional** where the reading just before it, in the same series, speaks against
it: it has evidence against its ending that the other has not, or less than half of its items. What
it lacks is not gone but unknown (:mod:`~tmapi_spiders.compare.history`).
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from tmapi_spiders.errors import StorageError
from tmapi_spiders.inputs.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = [
    "DOUBTED",
    "LIMITED",
    "NOT_KNOWN",
    "READ_TO_ITS_END",
    "SHORT",
    "Reading",
    "image_of",
    "naming",
    "reasons_against",
]

READ_TO_ITS_END, LIMITED, DOUBTED, NOT_KNOWN = range(4)
"""What a query's outcome says of what it did not bring: it was not there, or was beyond a limit, or
may have been there although the reading ended well, or that is not known. Of a query that was not
made there is none."""

SHORT: Final = "short"
"""Among the codes of evidence: that there are less than half of the items."""

_LIMITS: Final = ("max_pages", "max_items")


class Reading(NamedTuple):
    """What one job read of a query."""

    items: int
    """Of the outcome, as are the others."""
    evidence: str = ""
    """Codes, with spaces between."""
    verdict: int = READ_TO_ITS_END

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Take it from an outcome; one of a version without evidence has none."""
        verdict = NOT_KNOWN
        if row["status"] == "empty":
            verdict = READ_TO_ITS_END
        elif row["status"] == "complete":
            verdict = LIMITED if row["reason"] in _LIMITS else READ_TO_ITS_END
        return cls(row["items"], " ".join(map(str, row.get("evidence") or ())), verdict)


def reasons_against(new: Reading, before: Reading) -> tuple[str, ...]:
    """Return what makes a reading provisional, the one just before it given; () if nothing.

    What both have against them counts for nothing: a ``has_next_page`` that is always true proves
    nothing. One that ended at a limit is as short as it was asked to be.

    >>> old = Reading(60, "repeated_page")
    >>> reasons_against(Reading(29, "repeated_page"), old)
    ('short',)
    >>> reasons_against(Reading(30, "empty_page repeated_page"), old)
    ('empty_page',)
    >>> reasons_against(Reading(20, verdict=LIMITED), old)
    ()
    """
    is_short = new.verdict == READ_TO_ITS_END and 2 * new.items < before.items
    others = [code for code in new.evidence.split() if code not in before.evidence.split()]
    return (*([SHORT] if is_short else []), *others)


def image_of(row: Mapping[str, Any]) -> str:
    """Return what tells a query's image from another; conversions don't change it."""
    text = str(row["seed"])
    try:
        return Seed.parse(text).image_id
    except ValueError:
        return text


@contextmanager
def naming(files: JobFiles) -> Iterator[None]:
    """Have what is wrong with a line of a job's files name the job.

    :raises StorageError: if a value is missing, or of a kind that has no business there
    """
    wrong = (KeyError, TypeError, OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    try:
        yield
    except wrong as exc:
        raise StorageError(
            f"{files.folder}: a line of its files has no usable {exc}; was it changed by hand, or "
            "made by another version?"
        ) from exc
