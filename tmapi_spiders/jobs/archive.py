"""The archive: what a job has paid for. One SQLite file, with the journal of its calls.

An answer (a page or a conversion) is stored before anything is made of it, keyed by the unsigned
request, without scheme and host, and a repeat number.

Every statement is a transaction of its own, in WAL mode: what was stored survives the end of the
process, however it comes. (``synchronous=NORMAL``: a power cut may cost the last seconds.)
"""

from __future__ import annotations

import sqlite3
import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import attrs

from tmapi_spiders.api.calls import CONVERSION
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.jobs.journal import Journal
from tmapi_spiders.system.sqlite import damaged, failing_as_storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scrapy import Request

    from tmapi_spiders.api.calls import Call

__all__ = ["ARCHIVE", "Archive", "Stored", "request_line"]

#: The file's name in the job's folder.
ARCHIVE = "archive.sqlite"

#: ``PRAGMA user_version``; rises when an older file can't be read any more.
_SCHEMA = 1

_TABLES = """
BEGIN;
CREATE TABLE answers (
    key BLOB PRIMARY KEY,
    request TEXT NOT NULL,
    repeat INTEGER NOT NULL,
    seed_id TEXT NOT NULL,  -- Call.image_id, which it is where the user gave no id
    query_id TEXT NOT NULL,  -- Call.search_id, likewise
    page INTEGER NOT NULL,  -- 0: a conversion
    items INTEGER NOT NULL,
    fetched_at TEXT NOT NULL,
    body BLOB NOT NULL,  -- zlib
    crc INTEGER NOT NULL,  -- crc32 of body
    kept INTEGER NOT NULL  -- 1: another job has paid for it
);
CREATE TABLE job (source TEXT NOT NULL);
CREATE INDEX answers_of_seed ON answers (seed_id, query_id, page, repeat, items);
{journal}
PRAGMA user_version = {schema};
COMMIT;
"""

#: Of zlib: pages are stored once each and mostly never read again, so that the fastest will do.
_LEVEL = 1


#: Bytes of an answer that was stored: more than the download handler of any version let in.
_MOST_BYTES = 64 * 1024 * 1024


@attrs.frozen
class Stored:
    """An answer as it was stored."""

    body: bytes
    fetched_at: str
    kept: bool = False
    """Whether another job has paid for it."""


def request_line(request: Request) -> str:
    """Return what identifies a request: method, path, query and body; never host or token.

    >>> from scrapy import Request
    >>> request_line(Request("http://127.0.0.1:8688/1688/search?img_url=%2Fa.jpg&page=1"))
    'GET /1688/search?img_url=%2Fa.jpg&page=1'
    """
    parts = urlsplit(request.url)
    line = f"{request.method} {parts.path}"
    if parts.query:
        line += f"?{parts.query}"
    if request.body:
        line += f" {request.body.decode()}"
    return line


class Archive:
    """One job's archive. :meth:`open` is the way to make one.

    Opening, finding and storing raise :class:`~tmapi_spiders.errors.StorageError` if
    the file can't be read or written: nobody may take that for "not paid yet". What only asks about
    earlier runs tells :attr:`on_error`, which stops the job, and answers as if there were none.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self.journal: Journal
        """Of the job's calls; in the same file, so that both are kept or lost together."""
        self.on_error: Callable[[StorageError], None] = _raise
        self.pages = 0
        """True pages stored, in all runs."""
        self.conversions = 0
        self.unread = 0
        """Pages stored in earlier runs that this run has not read."""
        self.replayed: tuple[str, str] | None = None
        """When the oldest and the youngest answer that was replayed were paid for."""
        self._resumed = False
        """Whether there was a page in it when it was opened."""
        self._converted = False
        """Likewise a conversion."""

    @classmethod
    def open(cls, path: Path, source: str, *, must_exist: bool, read_only: bool = False) -> Self:
        """Open the archive, and check all of it.

        :param source: where its answers come from, for ever: the API's host, or ``sandbox``
        :param must_exist: whether the job has run before, so that it must have one
        :raises UsageProblems: if its answers come from another source
        :raises StorageError: if it is missing, damaged, of a newer version, or can't be made
        """
        if must_exist and not path.is_file():
            raise StorageError(
                f"{path}: it is missing, and with it all that this job has paid for. Put it back; "
                "or, to pay for everything again, choose another job name."
            )
        with failing_as_storage(path):
            uri = f"{path.absolute().as_uri()}{'?mode=ro' if read_only else ''}"
            connection = sqlite3.connect(uri, uri=True, isolation_level=None)
            try:
                archive = cls(path, connection)
                archive._prepare(source, must_exist=must_exist, read_only=read_only)
                archive.journal = Journal(path, connection)
            except BaseException:
                connection.close()
                raise
        return archive

    def _prepare(self, source: str, *, must_exist: bool, read_only: bool) -> None:
        execute = self._connection.execute
        (version,) = execute("PRAGMA user_version").fetchone()
        if version > _SCHEMA:
            raise StorageError(
                f"{self.path}: it is of a newer version of tmapi_spiders (schema {version}, this "
                f"one reads {_SCHEMA}). Update tmapi_spiders."
            )
        if not read_only:
            execute("PRAGMA journal_mode = WAL")
            execute("PRAGMA synchronous = NORMAL")
        if version == 0:
            if must_exist:
                raise damaged(self.path, "it is empty")
            self._connection.executescript(_TABLES.format(journal=Journal.TABLES, schema=_SCHEMA))
            execute("INSERT INTO job VALUES (?)", (source,))
            return
        (found,) = execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise damaged(self.path, str(found))
        (theirs,) = execute("SELECT source FROM job").fetchone() or (source,)
        if theirs != source:
            raise UsageProblems(
                f"{self.path}: its answers come from {theirs}, and this crawl would ask {source}. "
                "Choose another job name; products of two sources don't mix."
            )
        for request, body, crc, page in execute("SELECT request, body, crc, page FROM answers"):
            if not isinstance(body, bytes) or zlib.crc32(body) != crc:
                raise damaged(self.path, f"the answer to {request}")
            if page == CONVERSION:
                self.conversions += 1
            else:
                self.pages += 1
        self.unread = self.pages
        self._resumed, self._converted = bool(self.pages), bool(self.conversions)

    def close(self) -> None:
        """Close the file; nothing that was stored depends on it."""
        with failing_as_storage(self.path):
            self._connection.close()

    def find(self, request: Request, call: Call) -> Stored | None:
        """Return the stored answer to a request, if it was paid for."""
        row = self._one(
            "SELECT body, fetched_at, kept FROM answers WHERE key = ?",
            _key(request_line(request), call),
        )
        if row is None:
            return None
        try:
            body = _unpacked(row[0])
        except (zlib.error, TypeError, ValueError) as exc:
            raise damaged(self.path, f"the answer to {request_line(request)}") from exc
        self.unread -= not call.is_conversion and self.unread > 0
        first, last = self.replayed or (row[1], row[1])
        self.replayed = min(first, row[1]), max(last, row[1])
        return Stored(body, row[1], kept=bool(row[2]))

    def store(self, request: Request, call: Call, body: bytes, items: int) -> None:
        """Store the answer to a request.

        :param items: how many elements the page has
        """
        line, packed = request_line(request), zlib.compress(body, _LEVEL)
        with failing_as_storage(self.path):
            self._connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    _key(line, call),
                    line,
                    call.repeat,
                    call.image_id,
                    call.search_id,
                    call.page,
                    items,
                    call.fetched_at,
                    packed,
                    zlib.crc32(packed),
                    call.kept,
                ),
            )
        if call.is_conversion:
            self.conversions += 1
        else:
            self.pages += 1

    def has_page(self, image_id: str, search_id: str) -> bool:
        """Say whether a search's first page is stored."""
        return bool(
            self._ask(
                self.pages,
                "SELECT 1 FROM answers WHERE seed_id = ? AND query_id = ? AND page = 1",
                *(image_id, search_id),
            )
        )

    @property
    def paid(self) -> tuple[str, str] | None:
        """When its first and its last page were paid for; None if it has none."""
        rows = self._ask(
            self.pages,
            "SELECT fetched_at FROM answers WHERE rowid IN "
            "((SELECT min(rowid) FROM answers WHERE page > 0),"
            " (SELECT max(rowid) FROM answers WHERE page > 0)) ORDER BY rowid",
        )
        return (rows[0][0], rows[-1][0]) if rows else None

    def repeats_with_items(self, image_id: str) -> set[int]:
        """Return the repeat numbers at which an image had items in an earlier run."""
        rows = self._ask(
            self._resumed,
            "SELECT DISTINCT repeat FROM answers WHERE seed_id = ? AND page > 0 AND items > 0",
            image_id,
        )
        return {repeat for (repeat,) in rows}

    def repeats_of(self, image_id: str, search_id: str, page: int) -> set[int]:
        """Return the repeat numbers by which a search's page was stored in earlier runs."""
        rows = self._ask(
            self._resumed,
            "SELECT repeat FROM answers WHERE seed_id = ? AND query_id = ? AND page = ?",
            *(image_id, search_id, page),
        )
        return {repeat for (repeat,) in rows}

    def last_conversion(self, image_id: str) -> int:
        """Return the number of an image's last conversion that an earlier run has stored; or 0."""
        rows = self._ask(
            self._converted,
            "SELECT max(repeat) FROM answers WHERE seed_id = ? AND page = 0",
            image_id,
        )
        return rows[0][0] or 0 if rows else 0

    def searches_with_pages(self) -> set[str]:
        """Return the ids of the searches that have a page stored."""
        with failing_as_storage(self.path):
            rows = self._connection.execute("SELECT DISTINCT query_id FROM answers WHERE page > 0")
            return {search_id for (search_id,) in rows}

    def _ask(self, is_there: int, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask what there is, unless it is known that there is nothing."""
        if not is_there:
            return []
        try:
            with failing_as_storage(self.path):
                return self._connection.execute(statement, values).fetchall()
        except StorageError as exc:
            self.on_error(exc)
            return []

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        with failing_as_storage(self.path):
            row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row


def _key(line: str, call: Call) -> bytes:
    return blake2b(f"{call.repeat} {line}".encode(), digest_size=16).digest()


def _unpacked(packed: bytes) -> bytes:
    """Return a stored body.

    :raises ValueError: if it is cut short, or larger than any that was ever stored
    """
    packer = zlib.decompressobj()
    body = packer.decompress(packed, _MOST_BYTES)
    if not packer.eof:
        raise ValueError(f"it is cut short, or over {_MOST_BYTES:,} bytes")
    return body


def _raise(exc: StorageError) -> None:
    raise exc
