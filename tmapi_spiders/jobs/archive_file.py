"""The archive's SQLite file: its tables, and the checks when it is opened.

Every statement is its own transaction, in WAL mode: what was stored survives the end of the
process, however it ends. (``synchronous=NORMAL``: a power cut may cost the last seconds.)
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.api.calls import CONVERSION
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.jobs.journal import Journal
from tmapi_spiders.system.sqlite import damage_error, storage_errors

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ArchiveFile", "open_archive_file"]

_SCHEMA = 1
"""``PRAGMA user_version``; goes up when older versions can't read the file any more."""

_TABLES = """
BEGIN;
CREATE TABLE answers (
    key BLOB PRIMARY KEY,
    request TEXT NOT NULL,
    repeat INTEGER NOT NULL,
    seed_id TEXT NOT NULL,  -- Call.image_id: the same, unless the user gave an id
    query_id TEXT NOT NULL,  -- Call.search_id: the same, unless the user gave an id
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


@attrs.frozen
class ArchiveFile:
    """An archive's file that was opened and found whole."""

    path: Path
    connection: sqlite3.Connection
    journal: Journal
    pages: int
    """How many pages are stored."""
    conversions: int
    """How many conversions are stored."""


def open_archive_file(
    path: Path, source: str, *, must_exist: bool, read_only: bool = False
) -> ArchiveFile:
    """Open an archive's file, or make it, and check all of it.

    :param source: where its answers come from, which never changes: the API's host, or ``sandbox``
    :param must_exist: whether the job has run before, so that it must have an archive
    :raises UsageProblems: if its answers come from another source
    :raises StorageError: if it is missing, damaged, of a newer version, or can't be made
    """
    if must_exist and not path.is_file():
        raise StorageError(
            f"{path}: it is missing, and with it everything that this job has paid for. Put it "
            "back; or choose another job name, and everything is paid for again."
        )
    with storage_errors(path):
        uri = f"{path.absolute().as_uri()}{'?mode=ro' if read_only else ''}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            version = _check_version(path, connection)
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            if version:
                _check_whole(path, connection)
                _check_source(path, connection, source)
            else:
                _make_tables(path, connection, source, must_exist=must_exist)
            pages, conversions = _check_answers(path, connection)
            return ArchiveFile(path, connection, Journal(path, connection), pages, conversions)
        except BaseException:
            connection.close()
            raise


def _check_version(path: Path, connection: sqlite3.Connection) -> int:
    """Return the schema of the file; 0 if it is empty."""
    version: int
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _SCHEMA:
        raise StorageError(
            f"{path}: it is of a newer version of tmapi_spiders (schema {version}, this one reads "
            f"{_SCHEMA}). Update tmapi_spiders."
        )
    return version


def _make_tables(
    path: Path, connection: sqlite3.Connection, source: str, *, must_exist: bool
) -> None:
    if must_exist:
        raise damage_error(path, "it is empty")
    connection.executescript(_TABLES.format(journal=Journal.TABLES, schema=_SCHEMA))
    connection.execute("INSERT INTO job VALUES (?)", (source,))


def _check_whole(path: Path, connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise damage_error(path, str(found))


def _check_source(path: Path, connection: sqlite3.Connection, source: str) -> None:
    (theirs,) = connection.execute("SELECT source FROM job").fetchone() or (source,)
    if theirs != source:
        raise UsageProblems(
            f"{path}: its answers come from {theirs}, and this crawl would ask {source}. "
            "Choose another job name; products of two sources don't mix."
        )


def _check_answers(path: Path, connection: sqlite3.Connection) -> tuple[int, int]:
    """Check every answer against its checksum; return how many are pages, and conversions."""
    pages = conversions = 0
    for request, body, crc, page in connection.execute(
        "SELECT request, body, crc, page FROM answers"
    ):
        if not isinstance(body, bytes) or zlib.crc32(body) != crc:
            raise damage_error(path, f"the answer to {request}")
        if page == CONVERSION:
            conversions += 1
        else:
            pages += 1
    return pages, conversions
