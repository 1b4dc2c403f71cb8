"""What one job read of a query, and what that says about products it did not find."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from tmapi_spiders.errors import StorageError
from tmapi_spiders.inputs.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["Reading", "Verdict", "image_of", "reporting_bad_rows"]


class Verdict(IntEnum):
    """What a query's outcome says about a product it did not find; the most doubtful is highest.

    A query that was not made has none.
    """

    READ_TO_END = 0
    """It was not there."""
    LIMITED = 1
    """It may have been beyond max_pages or max_items."""
    DOUBTED = 2
    """It may have been there although the reading ended well."""
    UNKNOWN = 3
    """It may have been there: the reading did not end well."""


_LIMITS: Final = ("max_pages", "max_items")


class Reading(NamedTuple):
    """What one job read of a query."""

    items: int
    """From the outcome, as is the rest."""
    evidence: str = ""
    """Codes, separated by spaces."""
    verdict: int = Verdict.READ_TO_END

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Make a reading from an outcome; those of old versions have no evidence."""
        verdict = Verdict.UNKNOWN
        if row["status"] == "empty":
            verdict = Verdict.READ_TO_END
        elif row["status"] == "complete":
            verdict = Verdict.LIMITED if row["reason"] in _LIMITS else Verdict.READ_TO_END
        return cls(row["items"], " ".join(map(str, row.get("evidence") or ())), verdict)


def image_of(row: Mapping[str, Any]) -> str:
    """Return the id of a query's image, which a conversion does not change."""
    text = str(row["seed"])
    try:
        return Seed.parse(text).image_id
    except ValueError:
        return text


@contextmanager
def reporting_bad_rows(files: JobFiles) -> Iterator[None]:
    """Turn errors caused by a bad row of a job's files into one that names the job.

    :raises StorageError: if a row lacks a value or has one of the wrong type
    """
    wrong = (KeyError, TypeError, OverflowError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
    try:
        yield
    except wrong as exc:
        raise StorageError(
            f"{files.folder}: a line of its files has no usable {exc}; was it changed by hand, or "
            "made by another version?"
        ) from exc
