"""The archive: the answers that a job has paid for, and the journal of its calls.

An answer (a page or a conversion) is stored before it is parsed. Its key is the unsigned request
without scheme and host, and a repeat number.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import attrs

from tmapi_spiders.errors import StorageError
from tmapi_spiders.jobs.archive_file import open_archive_file
from tmapi_spiders.system.sqlite import damage_error, storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scrapy import Request

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.jobs.archive_file import ArchiveFile

__all__ = ["ARCHIVE", "Archive", "StoredAnswer", "request_line"]

ARCHIVE = "archive.sqlite"
"""Its name in the job's folder."""

_LEVEL = 1
"""zlib's fastest: a page is stored once, and seldom read again."""

_MOST_BYTES = 64 * 1024 * 1024
"""Largest stored answer, decompressed: no version's download handler has let more in."""


@attrs.frozen
class StoredAnswer:
    """An answer that was stored."""

    body: bytes
    fetched_at: str
    kept: bool = False
    """Whether another job has paid for it."""


def request_line(request: Request) -> str:
    """Return what identifies a request: method, path, parameters and body; never host or token.

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
    """One job's archive; :meth:`open` makes one.

    Opening, finding and storing raise :class:`~tmapi_spiders.errors.StorageError` if the file can't
    be read or written: that must never pass for "not paid yet". Questions about earlier runs are
    answered as if there had been none, and the error goes to :attr:`on_error`, which stops the job.
    """

    def __init__(self, file: ArchiveFile) -> None:
        self.path = file.path
        self._connection = file.connection
        self.journal = file.journal
        """The job's calls, in the same file, so that both are kept or lost together."""
        self.on_error: Callable[[StorageError], None] = _raise
        self.pages = file.pages
        """Pages stored, in all runs."""
        self.conversions = file.conversions
        """Conversions stored, in all runs."""
        self.unread = file.pages
        """Pages stored in earlier runs that this run has not read yet."""
        self.replayed: tuple[str, str] | None = None
        """When the oldest and the newest of the replayed answers were paid for."""
        self._had_pages = bool(file.pages)
        self._had_conversions = bool(file.conversions)

    @classmethod
    def open(cls, path: Path, source: str, *, must_exist: bool, read_only: bool = False) -> Self:
        """Open the archive; see :func:`~tmapi_spiders.jobs.archive_file.open_archive_file`."""
        return cls(open_archive_file(path, source, must_exist=must_exist, read_only=read_only))

    def close(self) -> None:
        """Close the file; what was stored is safe without it."""
        with storage_errors(self.path):
            self._connection.close()

    def find(self, request: Request, call: Call) -> StoredAnswer | None:
        """Return the stored answer to a request; None if it has not been paid for."""
        row = self._one(
            "SELECT body, fetched_at, kept FROM answers WHERE key = ?",
            _key(request_line(request), call),
        )
        if row is None:
            return None
        try:
            body = _unpacked(row[0])
        except (zlib.error, TypeError, ValueError) as exc:
            raise damage_error(self.path, f"the answer to {request_line(request)}") from exc
        self.unread -= not call.is_conversion and self.unread > 0
        first, last = self.replayed or (row[1], row[1])
        self.replayed = min(first, row[1]), max(last, row[1])
        return StoredAnswer(body, row[1], kept=bool(row[2]))

    def store(self, request: Request, call: Call, body: bytes, items: int) -> None:
        """Store the answer to a request.

        :param items: how many items the page has
        """
        line, packed = request_line(request), zlib.compress(body, _LEVEL)
        with storage_errors(self.path):
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
        """Return whether the first page of a query (an image under one combination) is stored."""
        return bool(
            self._ask(
                self.pages,
                "SELECT 1 FROM answers WHERE seed_id = ? AND query_id = ? AND page = 1",
                *(image_id, search_id),
            )
        )

    @property
    def paid(self) -> tuple[str, str] | None:
        """When the first and the last page were paid for; None if there is none."""
        rows = self._ask(
            self.pages,
            "SELECT fetched_at FROM answers WHERE rowid IN "
            "((SELECT min(rowid) FROM answers WHERE page > 0),"
            " (SELECT max(rowid) FROM answers WHERE page > 0)) ORDER BY rowid",
        )
        return (rows[0][0], rows[-1][0]) if rows else None

    def repeats_with_items(self, image_id: str) -> set[int]:
        """Return the repeat numbers under which an image had items in earlier runs."""
        rows = self._ask(
            self._had_pages,
            "SELECT DISTINCT repeat FROM answers WHERE seed_id = ? AND page > 0 AND items > 0",
            image_id,
        )
        return {repeat for (repeat,) in rows}

    def repeats_of(self, image_id: str, search_id: str, page: int) -> set[int]:
        """Return the repeat numbers under which a query's page was stored in earlier runs."""
        rows = self._ask(
            self._had_pages,
            "SELECT repeat FROM answers WHERE seed_id = ? AND query_id = ? AND page = ?",
            *(image_id, search_id, page),
        )
        return {repeat for (repeat,) in rows}

    def last_conversion(self, image_id: str) -> int:
        """Return the number of an image's last conversion from earlier runs; 0 if there is none."""
        rows = self._ask(
            self._had_conversions,
            "SELECT max(repeat) FROM answers WHERE seed_id = ? AND page = 0",
            image_id,
        )
        return rows[0][0] or 0 if rows else 0

    def searches_with_pages(self) -> set[str]:
        """Return the search ids of all queries that have a page stored."""
        with storage_errors(self.path):
            rows = self._connection.execute("SELECT DISTINCT query_id FROM answers WHERE page > 0")
            return {search_id for (search_id,) in rows}

    def _ask(self, has_any: int, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a statement; none, without asking, if there can't be any."""
        if not has_any:
            return []
        try:
            with storage_errors(self.path):
                return self._connection.execute(statement, values).fetchall()
        except StorageError as exc:
            self.on_error(exc)
            return []

    def _one(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        with storage_errors(self.path):
            row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row


def _key(line: str, call: Call) -> bytes:
    return blake2b(f"{call.repeat} {line}".encode(), digest_size=16).digest()


def _unpacked(packed: bytes) -> bytes:
    """Return a body as it was before it was stored.

    :raises ValueError: if it is cut short, or larger than any that was stored
    """
    packer = zlib.decompressobj()
    body = packer.decompress(packed, _MOST_BYTES)
    if not packer.eof:
        raise ValueError(f"it is cut short, or over {_MOST_BYTES:,} bytes")
    return body


def _raise(exc: StorageError) -> None:
    raise exc
