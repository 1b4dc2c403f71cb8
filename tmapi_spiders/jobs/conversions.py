"""The conversions that jobs share, and the images that have to be converted.

A conversion costs a call, and any job can use its result for a while. Learning that the API refuses
an image's own URL costs a call too, and stays true. Both are kept in one SQLite file in the folder
of all jobs, each with its source; conversions also with their time.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tmapi_spiders.jobs.archive import StoredAnswer
from tmapi_spiders.system.sqlite import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tmapi_spiders.config.settings import Config

__all__ = ["CONVERSIONS", "Conversions"]

CONVERSIONS = "conversions.sqlite"
"""Its name in the folder of all jobs."""

_TABLES = """
CREATE TABLE IF NOT EXISTS conversions (
    source TEXT NOT NULL,
    request TEXT NOT NULL,
    body BLOB NOT NULL,
    fetched_at TEXT NOT NULL,
    PRIMARY KEY (source, request)
);
CREATE TABLE IF NOT EXISTS refused (
    source TEXT NOT NULL,
    img_url TEXT NOT NULL,
    PRIMARY KEY (source, img_url)
) WITHOUT ROWID;
"""

_TIMEOUT = 10.0
"""Seconds to wait for another job that is writing."""

_CLOCK_SKEW = timedelta(minutes=5)
"""How much the clocks of machines that share the folder may differ."""


class Conversions:
    """The conversions of all jobs in one output folder. The file is made when first needed.

    Every method raises :class:`~tmapi_spiders.errors.StorageError` if it can't be read or written.

    :param source: the API's host, or ``sandbox``: conversions of two sources don't mix
    :param days: how long a conversion is used; 0 = conversions are not kept
    """

    def __init__(self, path: Path, source: str, days: float) -> None:
        self._path = path
        self._source = source
        self._days = days
        self._connection: sqlite3.Connection | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return the conversions of the configured output folder."""
        return cls(config.output_dir / CONVERSIONS, config.source, config.conversion_days)

    def check(self) -> None:
        """Read the file, if there is one, so that damage is found before anything is paid."""
        self.is_refused("")
        len(self)

    def find(self, request_line: str) -> StoredAnswer | None:
        """Return the answer to a conversion that another job has paid for, unless it is too old.

        One from the future is too old: a clock was wrong, and its age is unknown.
        """
        if not self._days or not (self._connection or self._path.exists()):
            return None
        now = datetime.now(UTC)
        oldest, newest = now - timedelta(days=self._days), now + _CLOCK_SKEW
        with self._open() as connection:
            row = connection.execute(
                "SELECT body, fetched_at FROM conversions "
                "WHERE source = ? AND request = ? AND fetched_at BETWEEN ? AND ?",
                (self._source, request_line, *map(_in_milliseconds, (oldest, newest))),
            ).fetchone()
        return StoredAnswer(row[0], row[1], kept=True) if row else None

    def keep(self, request_line: str, answer: StoredAnswer) -> None:
        """Keep the answer to a conversion for other jobs."""
        if not self._days:
            return
        with self._open() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO conversions VALUES (?, ?, ?, ?)",
                (self._source, request_line, answer.body, answer.fetched_at),
            )

    def forget(self, request_line: str) -> None:
        """Delete a conversion that has gone stale."""
        if not (self._connection or self._path.exists()):
            return
        with self._open() as connection:
            connection.execute(
                "DELETE FROM conversions WHERE source = ? AND request = ?",
                (self._source, request_line),
            )

    def refuse(self, img_url: str) -> None:
        """Note that the API has refused an image's own URL."""
        with self._open() as connection:
            statement = "INSERT OR IGNORE INTO refused VALUES (?, ?)"
            connection.execute(statement, (self._source, img_url))

    def is_refused(self, img_url: str) -> bool:
        """Return whether the API is known to refuse an image's own URL."""
        if not self.has_refused:
            return False
        with self._open() as connection:
            row = connection.execute(
                "SELECT 1 FROM refused WHERE source = ? AND img_url = ?", (self._source, img_url)
            ).fetchone()
        return row is not None

    @cached_property
    def has_refused(self) -> bool:
        """Whether any image was refused, when first asked; it saves most jobs a query per image.

        What this job itself learns later, its images know.
        """
        if not self._path.exists():
            return False
        with self._open() as connection:
            (found,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM refused WHERE source = ?)", (self._source,)
            ).fetchone()
        return bool(found)

    def __len__(self) -> int:
        """Return how many conversions there are from this source, however old."""
        if not self._days or not self._path.exists():
            return 0
        with self._open() as connection:
            (count,) = connection.execute(
                "SELECT count(*) FROM conversions WHERE source = ?", (self._source,)
            ).fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with storage_errors(self._path):
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._path, timeout=_TIMEOUT, isolation_level=None
                )
                self._connection.executescript(_TABLES)
            yield self._connection


def _in_milliseconds(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
