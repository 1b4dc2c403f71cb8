"""Loads both jobs into one SQLite file, so that memory does not grow with their size."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.compare.history import READING_TABLES, ReadingHistory
from tmapi_spiders.compare.provisional import describe_provisional, provisional_readings
from tmapi_spiders.compare.readings import image_of, reporting_bad_rows
from tmapi_spiders.formats import to_json
from tmapi_spiders.inputs.target_price import target_of
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["OLD_AND_NEW", "load_jobs"]

OLD_AND_NEW: Final = (0, 1)
"""The numbers of the two sides."""

_TABLES: Final = """
CREATE TABLE seed (id INTEGER PRIMARY KEY, seed_id TEXT, data TEXT, target0 TEXT, target1 TEXT);
CREATE TABLE query (id INTEGER PRIMARY KEY, query_id TEXT, seed INTEGER, verdict0 INTEGER,
    verdict1 INTEGER);
CREATE TABLE product (side INTEGER, language TEXT, item INTEGER, price TEXT, source TEXT,
    currency TEXT, sales INTEGER, moq INTEGER, company TEXT, title TEXT, url TEXT,
    PRIMARY KEY (side, language, item)) WITHOUT ROWID;
CREATE TABLE seen (language TEXT, item INTEGER, query INTEGER, rank0 INTEGER, rank1 INTEGER,
    price0 TEXT, price1 TEXT, carried0 INTEGER, carried1 INTEGER,
    PRIMARY KEY (language, item, query)) WITHOUT ROWID;
"""

_SEEN: Final = """
INSERT INTO seen (language, item, query, rank{side}, price{side}, carried{side})
VALUES (?, ?, ?, ?, ?, 0)
ON CONFLICT (language, item, query) DO UPDATE SET
    price{side} = CASE WHEN rank{side} IS NULL OR excluded.rank{side} < rank{side}
        THEN excluded.price{side} ELSE price{side} END,
    rank{side} = min(ifnull(rank{side}, excluded.rank{side}), excluded.rank{side}),
    carried{side} = 0
"""

#: In KiB: the most memory SQLite uses for its page cache.
_CACHE: Final = 128 * 1024

#: The most warnings of one sort.
_WARNINGS: Final = 5


def load_jobs(
    path: Path,
    old: JobFiles,
    new: JobFiles,
    warn: Callable[[str], None],
    earlier: Sequence[JobFiles] = (),
) -> sqlite3.Connection:
    """Create the database and load both jobs into it.

    :param path: where to create it; nothing else uses this file
    :param warn: called with each warning
    :param earlier: the jobs before the new one, the newest first and the old one among them, whose
        readings those of the two jobs are compared with
    :raises StorageError: if it can't be written, or a job's file can't be read
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_TABLES + READING_TABLES)
        connection.execute("BEGIN")
        loader = _Loader(connection)
        # Both sides' outcomes come first: they give the language of queries, and so of sightings.
        for load_file in (loader.outcomes, loader.products, loader.sightings):
            for side, files in zip(OLD_AND_NEW, (old, new), strict=True):
                with reporting_bad_rows(files):
                    load_file(side, files)
        loader.compare_with_earlier(old, tuple(earlier) or (old,))
        connection.execute("COMMIT")
        loader.warn(warn, new)
    except BaseException:
        connection.close()
        raise
    return connection


class _Loader:
    """Loads the files of the two jobs, and notes what can't be compared."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._seeds: dict[str, int] = {}
        self._queries: tuple[dict[str, tuple[int, str]], ...] = ({}, {})
        """For each side, each query's number and language by its id."""
        self._history = ReadingHistory(connection, self._queries)
        self._images: dict[str, str] = {}
        """The images of the old job's queries, by query id."""
        self._count = 0
        self._unreadable: dict[str, str] = {}
        """Why seeds' target prices can't be read, by seed id."""
        self._replaced: dict[str, None] = {}
        """Ids of seeds that have a different image now."""

    def compare_with_earlier(self, old: JobFiles, earlier: Sequence[JobFiles]) -> None:
        """Compare the readings of both sides with those before them."""
        place = earlier.index(old) + 1
        self._history.find_provisional(0, earlier[place:], least=1)
        self._history.find_provisional(1, earlier, least=place)
        self._history.set_verdicts()
        self._history.carry(0, earlier[place:], _columns)
        self._history.carry(1, earlier, _columns)
        self._connection.execute(
            "UPDATE seen SET carried1 = -carried1 WHERE carried1 > ?", (place,)
        )

    def warn(self, warn: Callable[[str], None], new: JobFiles) -> None:
        """Warn of what is not believed yet, and of what can't be compared."""
        provisional = list(provisional_readings(self._connection))
        if provisional:
            warn(f"{new.name}: {describe_provisional(len(provisional))}")
        lines = [f"  {one.seed_id}: {one.why} ({one.query_id})" for one in provisional]
        _warn_of_first(lines, warn, "  {} more queries like these")
        problems = [f"{seed_id}: {problem}" for seed_id, problem in self._unreadable.items()]
        problems += [
            f"{seed_id}: a different image than before: what it finds now is first_seen, and what "
            "it had found is unknown"
            for seed_id in self._replaced
        ]
        _warn_of_first(problems, warn, "{} more seeds like these")

    def outcomes(self, side: int, files: JobFiles) -> None:
        """Load outcomes.jsonl."""
        for row in files.rows(OUTCOMES):
            query_id, image = row["query_id"], image_of(row)
            if not side:
                self._images[query_id] = image
            elif self._images.get(query_id, image) != image:
                self._replaced[str(row["seed_id"])] = None
                self._queries[1][query_id] = self._make(query_id, row["language"], row)
            query, _ = self._query(side, query_id, row["language"], row)
            self._seed(row, side)
            verdict = self._history.add(side, query, row)
            self._connection.execute(
                f"UPDATE query SET verdict{side} = ? WHERE id = ?",  # noqa: S608 - 0 or 1
                (verdict, query),
            )

    def products(self, side: int, files: JobFiles) -> None:
        """Load products.jsonl."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO product VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._products(side, files),
        )

    def sightings(self, side: int, files: JobFiles) -> None:
        """Load sightings.jsonl."""
        self._connection.executemany(_SEEN.format(side=side), self._sightings(side, files))

    def _query(
        self, side: int, query_id: str, language: str, row: dict[str, Any]
    ) -> tuple[int, str]:
        """Return the number and the language of a row's query."""
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
        """Return the number of a row's seed; the new job's seed_data replaces the old one's."""
        seed_id, data = str(row["seed_id"]), row.get("seed_data") or {}
        number = self._seeds.get(seed_id)
        if number is None:
            number = self._seeds[seed_id] = len(self._seeds)
            self._connection.execute(
                "INSERT INTO seed (id, seed_id, data) VALUES (?, ?, ?)",
                (number, seed_id, to_json(data)),
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
                (to_json(data), target, number),
            )
        return number

    def _products(self, side: int, files: JobFiles) -> Iterator[tuple[Any, ...]]:
        for row in files.rows(PRODUCTS):
            self._query(side, row["query_id"], row["language"], row)
            yield side, *_columns(row)

    def _sightings(self, side: int, files: JobFiles) -> Iterator[tuple[Any, ...]]:
        for row in files.rows(SIGHTINGS):
            query, language = self._query(side, row["query_id"], "", row)
            yield language, row["item_id"], query, row["rank"], row["price"]


def _warn_of_first(lines: Sequence[str], warn: Callable[[str], None], more: str) -> None:
    """Warn with the first few lines, and say how many more there are."""
    for line in lines[:_WARNINGS]:
        warn(line)
    if len(lines) > _WARNINGS:
        warn(more.format(f"{len(lines) - _WARNINGS:,}"))


def _columns(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the database columns of a line of products.jsonl, without the side."""
    return (
        *(row["language"], row["item_id"], row["price"], row["price_source"], row["currency"]),
        *(row["sale_quantity_90days"], row["moq"], row["company_name"], row["title"]),
        row["product_url"],
    )
