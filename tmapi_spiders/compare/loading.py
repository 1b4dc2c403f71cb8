"""Loading: both jobs go into one SQLite file, so that memory does not grow with them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.compare.targets import target_of
from tmapi_spiders.errors import StorageError
from tmapi_spiders.job import OUTCOMES, PRODUCTS, SIGHTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tmapi_spiders.results.job_files import JobFiles

__all__ = ["LIMITED", "NOT_KNOWN", "OLD_AND_NEW", "READ_TO_ITS_END", "load"]

OLD_AND_NEW: Final = (0, 1)
"""The numbers of the sides."""

READ_TO_ITS_END, LIMITED, NOT_KNOWN = range(3)
"""What a query's outcome says of what it did not bring: it was not there, or was beyond a limit, or
that is not known."""

_LIMITS: Final = ("max_pages", "max_items")

_TABLES: Final = """
CREATE TABLE seed (id INTEGER PRIMARY KEY, seed_id TEXT, data TEXT, target TEXT);
CREATE TABLE query (id INTEGER PRIMARY KEY, query_id TEXT, seed INTEGER, language TEXT,
    verdict0 INTEGER, verdict1 INTEGER);
CREATE TABLE product (side INTEGER, language TEXT, item INTEGER, price TEXT, source TEXT,
    currency TEXT, sales INTEGER, moq INTEGER, company TEXT, title TEXT, url TEXT,
    PRIMARY KEY (side, language, item)) WITHOUT ROWID;
CREATE TABLE seen (language TEXT, item INTEGER, query INTEGER, rank0 INTEGER, rank1 INTEGER,
    price0 TEXT, price1 TEXT, PRIMARY KEY (language, item, query)) WITHOUT ROWID;
"""

_SEEN: Final = """
INSERT INTO seen (language, item, query, rank{side}, price{side}) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (language, item, query) DO UPDATE SET
    price{side} = CASE WHEN rank{side} IS NULL OR excluded.rank{side} < rank{side}
        THEN excluded.price{side} ELSE price{side} END,
    rank{side} = min(ifnull(rank{side}, excluded.rank{side}), excluded.rank{side})
"""

#: SQLite's, in KiB: the most memory that it takes for pages.
_CACHE: Final = 128 * 1024


def load(
    path: Path, old: JobFiles, new: JobFiles, warn: Callable[[str], None]
) -> sqlite3.Connection:
    """Make the file, and load both jobs into it.

    :param path: of a file that is not there yet; it is nobody else's
    :param warn: told of each seed whose target can't be read
    :raises StorageError: if it can't be written, or a job's file can't be read
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA temp_store = FILE")
        connection.executescript(_TABLES)
        connection.execute("BEGIN")
        loader = _Loader(connection)
        for side, files in zip(OLD_AND_NEW, (old, new), strict=True):
            loader.load(side, files)
        connection.execute("COMMIT")
        for seed_id, problem in loader.unreadable.items():
            warn(f"{seed_id}: {problem}")
    except BaseException:
        connection.close()
        raise
    return connection


class _Loader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seeds: dict[str, int] = {}
        self._queries: dict[str, tuple[int, str]] = {}
        """The number and the language of each."""
        self.unreadable: dict[str, str] = {}
        """Why a seed's target can't be read."""

    def load(self, side: int, files: JobFiles) -> None:
        try:
            for row in files.rows(OUTCOMES):
                self._add_outcome(side, row)
            self._connection.executemany(
                "INSERT OR IGNORE INTO product VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                self._products(side, files),
            )
            self._connection.executemany(_SEEN.format(side=side), self._sightings(files))
        except (KeyError, TypeError) as exc:
            raise StorageError(
                f"{files.folder}: a line of its files has no usable {exc}; was it changed by hand, "
                "or made by another version?"
            ) from exc

    def _add_outcome(self, side: int, row: dict[str, Any]) -> None:
        query, _ = self._query(row["query_id"], row["language"], row)
        self._seed(row)  # the new job's row of it is the one that counts
        verdict = NOT_KNOWN
        if row["status"] == "empty":
            verdict = READ_TO_ITS_END
        elif row["status"] == "complete":
            verdict = LIMITED if row["reason"] in _LIMITS else READ_TO_ITS_END
        self._connection.execute(
            f"UPDATE query SET verdict{side} = ? WHERE id = ?",  # noqa: S608 - 0 or 1
            (verdict, query),
        )

    def _query(self, query_id: str, language: str, row: dict[str, Any]) -> tuple[int, str]:
        """Return the number and the language of a query that a row tells of."""
        known = self._queries.get(query_id)
        if known is None:
            known = self._queries[query_id] = (len(self._queries), language)
            self._connection.execute(
                "INSERT INTO query (id, query_id, seed, language) VALUES (?, ?, ?, ?)",
                (known[0], query_id, self._seed(row), language),
            )
        return known

    def _seed(self, row: dict[str, Any]) -> int:
        seed_id, data = str(row["seed_id"]), row.get("seed_data") or {}
        number = self._seeds.get(seed_id)
        if number is None:
            number = self._seeds[seed_id] = len(self._seeds)
        target = None
        try:
            target = target_of(data)
            self.unreadable.pop(seed_id, None)
        except ValueError as exc:
            self.unreadable[seed_id] = str(exc)
        self._connection.execute(
            "INSERT OR REPLACE INTO seed VALUES (?, ?, ?, ?)",
            (number, seed_id, json.dumps(data), target),
        )
        return number

    def _products(self, side: int, files: JobFiles) -> Iterator[tuple[Any, ...]]:
        for row in files.rows(PRODUCTS):
            self._query(row["query_id"], row["language"], row)
            yield (
                *(side, row["language"], row["item_id"], row["price"], row["price_source"]),
                *(row["currency"], row["sale_quantity_90days"], row["moq"], row["company_name"]),
                *(row["title"], row["product_url"]),
            )

    def _sightings(self, files: JobFiles) -> Iterator[tuple[Any, ...]]:
        for row in files.rows(SIGHTINGS):
            query, language = self._query(row["query_id"], "", row)
            yield language, row["item_id"], query, row["rank"], row["price"]
