"""Loading: both jobs go into one SQLite file, so that memory does not grow with them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.compare.targets import target_of
from tmapi_spiders.errors import StorageError
from tmapi_spiders.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tmapi_spiders.results.job_files import JobFiles

__all__ = ["LIMITED", "NOT_KNOWN", "OLD_AND_NEW", "READ_TO_ITS_END", "load"]

OLD_AND_NEW: Final = (0, 1)
"""The numbers of the sides."""

READ_TO_ITS_END, LIMITED, NOT_KNOWN = range(3)
"""What a query's outcome says of what it did not bring: it was not there, or was beyond a limit, or
that is not known. Of a query that was not made there is none."""

_LIMITS: Final = ("max_pages", "max_items")

_TABLES: Final = """
CREATE TABLE seed (id INTEGER PRIMARY KEY, seed_id TEXT, data TEXT, target0 TEXT, target1 TEXT);
CREATE TABLE query (id INTEGER PRIMARY KEY, query_id TEXT, seed INTEGER, verdict0 INTEGER,
    verdict1 INTEGER);
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

_WARNINGS: Final = 5


def load(
    path: Path, old: JobFiles, new: JobFiles, warn: Callable[[str], None]
) -> sqlite3.Connection:
    """Make the file, and load both jobs into it.

    :param path: of a file that is not there yet; it is nobody else's
    :param warn: told of what can't be compared
    :raises StorageError: if it can't be written, or a job's file can't be read
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_TABLES)
        connection.execute("BEGIN")
        loader = _Loader(connection)
        # A query's language is known before its sightings come, whichever side tells it.
        for part in (loader.outcomes, loader.products, loader.sightings):
            for side, files in zip(OLD_AND_NEW, (old, new), strict=True):
                _load(part, side, files)
        connection.execute("COMMIT")
        loader.tell(warn)
    except BaseException:
        connection.close()
        raise
    return connection


def _load(part: Callable[[int, JobFiles], None], side: int, files: JobFiles) -> None:
    try:
        part(side, files)
    except (KeyError, TypeError, OverflowError, sqlite3.InterfaceError) as exc:
        raise _unusable(files, exc) from exc
    except sqlite3.ProgrammingError as exc:  # a value of a kind that has no business there
        raise _unusable(files, exc) from exc


def _unusable(files: JobFiles, exc: Exception) -> StorageError:
    return StorageError(
        f"{files.folder}: a line of its files has no usable {exc}; was it changed by hand, or made "
        "by another version?"
    )


class _Loader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seeds: dict[str, int] = {}
        self._queries: tuple[dict[str, tuple[int, str]], ...] = ({}, {})
        """Of each side, by its id, the number and the language of each query."""
        self._images: dict[str, str] = {}
        """What the queries of the old job have searched for."""
        self._count = 0
        self._unreadable: dict[str, str] = {}
        """Why a seed's target can't be read."""
        self._others: dict[str, None] = {}
        """Seeds whose image is another one now."""

    def tell(self, warn: Callable[[str], None]) -> None:
        """Tell of what can't be compared."""
        told = [f"{seed_id}: {problem}" for seed_id, problem in self._unreadable.items()]
        told += [
            f"{seed_id}: another picture than before: what it finds now is first_seen, and what it "
            "had found is unknown"
            for seed_id in self._others
        ]
        for line in told[:_WARNINGS]:
            warn(line)
        if len(told) > _WARNINGS:
            warn(f"{len(told) - _WARNINGS:,} more seeds like these")

    def outcomes(self, side: int, files: JobFiles) -> None:
        for row in files.rows(OUTCOMES):
            query_id, image = row["query_id"], _image(row)
            if not side:
                self._images[query_id] = image
            elif self._images.get(query_id, image) != image:
                self._others[str(row["seed_id"])] = None
                self._queries[1][query_id] = self._make(query_id, row["language"], row)
            query, _ = self._query(side, query_id, row["language"], row)
            self._seed(row, side)
            verdict = NOT_KNOWN
            if row["status"] == "empty":
                verdict = READ_TO_ITS_END
            elif row["status"] == "complete":
                verdict = LIMITED if row["reason"] in _LIMITS else READ_TO_ITS_END
            self._connection.execute(
                f"UPDATE query SET verdict{side} = ? WHERE id = ?",  # noqa: S608 - 0 or 1
                (verdict, query),
            )

    def products(self, side: int, files: JobFiles) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO product VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._products(side, files),
        )

    def sightings(self, side: int, files: JobFiles) -> None:
        self._connection.executemany(_SEEN.format(side=side), self._sightings(side, files))

    def _query(
        self, side: int, query_id: str, language: str, row: dict[str, Any]
    ) -> tuple[int, str]:
        """Return the number and the language of a query that a row tells of."""
        mine, theirs = self._queries[side], self._queries[1 - side]
        known = mine.get(query_id)
        if known is None:
            known = theirs.get(query_id) or self._make(query_id, language, row)
            mine[query_id] = known
        return known

    def _make(self, query_id: str, language: str, row: dict[str, Any]) -> tuple[int, str]:
        number, self._count = self._count, self._count + 1
        self._connection.execute(
            "INSERT INTO query (id, query_id, seed) VALUES (?, ?, ?)",
            (number, query_id, self._seed(row)),
        )
        return number, language

    def _seed(self, row: dict[str, Any], side: int | None = None) -> int:
        """Return the number of a seed; the new job's row of it is the one that is told."""
        seed_id, data = str(row["seed_id"]), row.get("seed_data") or {}
        number = self._seeds.get(seed_id)
        if number is None:
            number = self._seeds[seed_id] = len(self._seeds)
            self._connection.execute(
                "INSERT INTO seed (id, seed_id, data) VALUES (?, ?, ?)",
                (number, seed_id, json.dumps(data)),
            )
        if side is not None:
            target = None
            try:
                target = target_of(data)
                self._unreadable.pop(seed_id, None)
            except ValueError as exc:
                self._unreadable[seed_id] = str(exc)
            self._connection.execute(
                f"UPDATE seed SET data = ?, target{side} = ? WHERE id = ?",  # noqa: S608 - 0 or 1
                (json.dumps(data), target, number),
            )
        return number

    def _products(self, side: int, files: JobFiles) -> Iterator[tuple[Any, ...]]:
        for row in files.rows(PRODUCTS):
            self._query(side, row["query_id"], row["language"], row)
            yield (
                *(side, row["language"], row["item_id"], row["price"], row["price_source"]),
                *(row["currency"], row["sale_quantity_90days"], row["moq"], row["company_name"]),
                *(row["title"], row["product_url"]),
            )

    def _sightings(self, side: int, files: JobFiles) -> Iterator[tuple[Any, ...]]:
        for row in files.rows(SIGHTINGS):
            query, language = self._query(side, row["query_id"], "", row)
            yield language, row["item_id"], query, row["rank"], row["price"]


def _image(row: dict[str, Any]) -> str:
    """Return what tells a query's image from another; conversions don't change it."""
    text = str(row["seed"])
    try:
        return Seed.parse(text).image_id
    except ValueError:
        return text
