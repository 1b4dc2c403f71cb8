"""The journal: every call of a job, noted before it is sent.

A call is struck out if it turns out not to count. One that was in flight when the process was
killed stays, since it may have been billed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.system.sqlite import storage_errors

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

__all__ = ["CallHistory", "Journal"]


@attrs.frozen
class CallHistory:
    """The calls made for a query."""

    calls: int = 0
    retries: int = 0
    first_sent_at: str | None = None
    last_sent_at: str | None = None


class Journal:
    """The calls of all runs of a job, in the archive's database. Each statement is a transaction.

    Every method raises :class:`~tmapi_spiders.errors.StorageError` if it can't be read or written.

    :param path: of the database, for messages
    """

    TABLES = """
    CREATE TABLE calls (
        call INTEGER PRIMARY KEY,
        query_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        sent_at TEXT NOT NULL
    );
    CREATE INDEX calls_of_query ON calls (query_id, attempt, sent_at);
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        with storage_errors(path):
            (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
        self.calls = int(count)
        """Calls that count, including those in flight."""
        self._resumed = bool(count)

    def note(self, query_id: str, attempt: int, sent_at: str) -> int:
        """Note that a call is about to be sent; return its number."""
        with storage_errors(self._path):
            number = self._connection.execute(
                "INSERT INTO calls (query_id, attempt, sent_at) VALUES (?, ?, ?)",
                (query_id, attempt, sent_at),
            ).lastrowid
        assert number is not None
        self.calls += 1
        return number

    def strike(self, number: int) -> None:
        """Strike out a call that does not count."""
        with storage_errors(self._path):
            self._connection.execute("DELETE FROM calls WHERE call = ?", (number,))
        self.calls -= 1

    def history(self, query_id: str) -> CallHistory:
        """Return the calls that earlier runs made for a query, before this run makes any."""
        if not self._resumed:
            return CallHistory()
        with storage_errors(self._path):
            row = self._connection.execute(
                "SELECT count(*), count(nullif(attempt, 1)), min(sent_at), max(sent_at) "
                "FROM calls WHERE query_id = ?",
                (query_id,),
            ).fetchone()
        return CallHistory(*row)
