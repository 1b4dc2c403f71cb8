"""Conversions that jobs share: what the API made of an image, and which images it wants converted.

A conversion costs a call, and what it gives can be used again for a while, by any job. That the API
does not read an image's own URL costs one, too, and is good to know for ever. Both are kept in one
SQLite file in the folder of all jobs, each with its source; conversions with their age.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tmapi_spiders.jobs.archive import StoredAnswer
from tmapi_spiders.system.sqlite import failing_as_storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tmapi_spiders.config.settings import Config

__all__ = ["CONVERSIONS", "Conversions"]

#: The file's name in the folder of all jobs.
CONVERSIONS = "conversions.sqlite"

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

#: Another job may be writing.
_PATIENCE = 10.0

#: By so much the clocks of two machines that share the folder may differ.
_SKEW = timedelta(minutes=5)


class Conversions:
    """The conversions of all jobs in one output folder. The file is made when it is needed.

    Every method raises :class:`~tmapi_spiders.errors.StorageError` if it can't be read or written.

    :param source: the API's host, or ``sandbox``: conversions of two sources don't mix
    :param days: how long a conversion is used; 0 = none is kept
    """

    def __init__(self, path: Path, source: str, days: float) -> None:
        self._path = path
        self._source = source
        self._days = days
        self._connection: sqlite3.Connection | None = None

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return those of the jobs in the configured output folder."""
        return cls(config.output_dir / CONVERSIONS, config.source, config.conversion_days)

    def check(self) -> None:
        """Read it, if there is one: a damaged file is to be found before anything is paid."""
        self.is_refused("")
        len(self)

    def find(self, request_line: str) -> StoredAnswer | None:
        """Return the answer to a conversion that another job has paid for, if it is not too old.

        One of a time to come is: a clock was wrong, and how old it is nobody knows.
        """
        if not self._days or not (self._connection or self._path.exists()):
            return None
        now = datetime.now(UTC)
        oldest, newest = now - timedelta(days=self._days), now + _SKEW
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
        """Forget a conversion that has gone stale."""
        if not (self._connection or self._path.exists()):
            return
        with self._open() as connection:
            connection.execute(
                "DELETE FROM conversions WHERE source = ? AND request = ?",
                (self._source, request_line),
            )

    def refuse(self, img_url: str) -> None:
        """Keep that the API has refused an image's own URL."""
        with self._open() as connection:
            statement = "INSERT OR IGNORE INTO refused VALUES (?, ?)"
            connection.execute(statement, (self._source, img_url))

    def is_refused(self, img_url: str) -> bool:
        """Say whether the API is known to refuse an image's own URL."""
        if not self.has_refused:
            return False
        with self._open() as connection:
            row = connection.execute(
                "SELECT 1 FROM refused WHERE source = ? AND img_url = ?", (self._source, img_url)
            ).fetchone()
        return row is not None

    @cached_property
    def has_refused(self) -> bool:
        """Whether there was any when this was first asked: most jobs need not ask for each image.

        What this job learns itself it knows by its images.
        """
        if not self._path.exists():
            return False
        with self._open() as connection:
            (found,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM refused WHERE source = ?)", (self._source,)
            ).fetchone()
        return bool(found)

    def __len__(self) -> int:
        """Return how many there are of this source, however old."""
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
        with failing_as_storage(self._path):
            if self._connection is None:
                self._connection = sqlite3.connect(
                    self._path, timeout=_PATIENCE, isolation_level=None
                )
                self._connection.executescript(_TABLES)
            yield self._connection


def _in_milliseconds(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
