"""Compares readings with those of earlier jobs, and carries over what provisional ones lack.

A product that a provisional reading lacks is **carried**: it counts as still there until a later
reading finds it, or is believed without it. This way every change is reported exactly once,
whichever jobs of a series are compared, and a real collapse is reported one job late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.compare.provisional import reasons_against
from tmapi_spiders.compare.readings import Reading, Verdict, image_of, reporting_bad_rows
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["LOOK_BACK", "READING_TABLES", "ReadingHistory"]

LOOK_BACK: Final = 10
"""The most jobs before the old one that its readings are compared with; usually one is enough."""

READING_TABLES: Final = """
CREATE TABLE reading (side INTEGER, query INTEGER, verdict INTEGER, items INTEGER, evidence TEXT,
    image TEXT, reasons TEXT, before INTEGER, PRIMARY KEY (side, query)) WITHOUT ROWID;
CREATE TABLE walk (query INTEGER PRIMARY KEY, items INTEGER, evidence TEXT, verdict INTEGER,
    image TEXT, met INTEGER);
CREATE TABLE carried (side INTEGER, query INTEGER, job INTEGER, verdict INTEGER, evidence TEXT,
    PRIMARY KEY (side, query, job)) WITHOUT ROWID;
"""
"""Each side's readings; those being traced back (walk); the jobs that products are carried from."""

_CARRY: Final = """
INSERT INTO seen (language, item, query, rank{side}, price{side}, carried{side})
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (language, item, query) DO UPDATE SET
    price{side} = CASE WHEN rank{side} IS NULL
            OR carried{side} = excluded.carried{side} AND excluded.rank{side} < rank{side}
        THEN excluded.price{side} ELSE price{side} END,
    carried{side} = ifnull(carried{side}, excluded.carried{side}),
    rank{side} = CASE WHEN rank{side} IS NULL THEN excluded.rank{side}
        WHEN carried{side} = excluded.carried{side} THEN min(rank{side}, excluded.rank{side})
        ELSE rank{side} END
"""

_CARRY_PRODUCT: Final = """
INSERT OR IGNORE INTO product SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
WHERE EXISTS (SELECT 1 FROM seen WHERE language = ? AND item = ? AND carried{side} = ?)
"""


class ReadingHistory:
    """The readings of both sides and those before them, in the database of the comparison.

    :param queries: for each side, each query's number and language by its id
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        queries: Sequence[Mapping[str, tuple[int, str]]],
    ) -> None:
        self._connection = connection
        self._queries = queries
        connection.create_function("has_other", 2, _has_other, deterministic=True)

    def add(self, side: int, query: int, row: Mapping[str, Any]) -> int:
        """Add a reading of a side's own job; return its verdict."""
        reading = Reading.of(row)
        self._connection.execute(
            "INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
            (side, query, reading.verdict, reading.items, reading.evidence, image_of(row)),
        )
        return reading.verdict

    def find_provisional(self, side: int, earlier: Sequence[JobFiles], least: int) -> None:
        """Find a side's provisional readings, and the earlier ones to carry products from.

        :param earlier: the jobs before it, the newest first
        :param least: the number of the job from which on a missing query has no earlier readings;
            newer jobs may lack it
        """
        execute = self._connection.execute
        execute("DELETE FROM walk")
        execute(
            "INSERT INTO walk SELECT query, items, evidence, verdict, image, 0 FROM reading "
            "WHERE side = ? AND verdict <> ?",
            (side, Verdict.UNKNOWN),
        )
        for number, job in enumerate(earlier, 1):
            if execute("SELECT 1 FROM walk LIMIT 1").fetchone() is None:
                break
            with reporting_bad_rows(job):
                for row in job.rows(OUTCOMES):
                    self._compare(side, number, row)
            if number >= least:  # what this job lacks was read for the first time
                execute("DELETE FROM walk WHERE met < ?", (number,))

    def _compare(self, side: int, number: int, row: Mapping[str, Any]) -> None:
        """Compare the oldest reading reached so far with an earlier one of the same query."""
        execute = self._connection.execute
        query, _ = self._queries[side].get(row["query_id"], (None, ""))
        found = "SELECT items, evidence, verdict, image FROM walk WHERE query = ?"
        reading = execute(found, (query,)).fetchone()
        if reading is None or reading[3] != image_of(row):
            return
        before = Reading.of(row)
        if before.verdict == Verdict.UNKNOWN:
            execute("UPDATE walk SET met = ? WHERE query = ?", (number, query))
            return
        reasons = reasons_against(Reading(*reading[:3]), before)
        if not reasons:
            execute("DELETE FROM walk WHERE query = ?", (query,))
            return
        execute(
            "UPDATE walk SET (items, evidence, verdict, met) = (?, ?, ?, ?) WHERE query = ?",
            (*before, number, query),
        )
        execute(
            "INSERT OR IGNORE INTO carried VALUES (?, ?, ?, ?, ?)",
            (side, query, number, before.verdict, before.evidence),
        )
        execute(
            "UPDATE reading SET reasons = ?, before = ? "
            "WHERE side = ? AND query = ? AND reasons IS NULL",
            (" ".join(reasons), before.items, side, query),
        )

    def set_verdicts(self) -> None:
        """Set the verdicts of the queries, now that the provisional readings are known."""
        execute = self._connection.execute
        # What a provisional reading lacks and is not carried was missing in the last believed one.
        execute(
            "UPDATE query SET verdict1 = (SELECT verdict FROM carried c "
            "WHERE c.side = 1 AND c.query = query.id ORDER BY job DESC LIMIT 1) "
            "WHERE id IN (SELECT query FROM reading WHERE side = 1 AND reasons IS NOT NULL)"
        )
        execute(
            "UPDATE reading SET (verdict, evidence) = (SELECT verdict, evidence FROM carried c "
            "WHERE c.side = 0 AND c.query = reading.query ORDER BY job DESC LIMIT 1) "
            "WHERE side = 0 AND reasons IS NOT NULL"
        )
        execute(
            "UPDATE query SET verdict0 = (SELECT CASE WHEN has_other(old.evidence, "
            "(SELECT evidence FROM reading new WHERE new.side = 1 AND new.query = query.id)) "
            "THEN ? ELSE old.verdict END FROM reading old WHERE old.side = 0 AND old.query = id) "
            "WHERE id IN (SELECT query FROM reading WHERE side = 0 AND verdict <> ?)",
            (Verdict.DOUBTED, Verdict.UNKNOWN),
        )

    def carry(
        self,
        side: int,
        earlier: Sequence[JobFiles],
        columns_of: Callable[[Mapping[str, Any]], tuple[Any, ...]],
    ) -> None:
        """Add what provisional readings lack to what they found.

        :param columns_of: returns the database columns of a line of products.jsonl
        """
        execute = self._connection.execute
        jobs = execute("SELECT DISTINCT job FROM carried WHERE side = ? ORDER BY job", (side,))
        for (number,) in jobs.fetchall():
            job = earlier[number - 1]
            found = execute("SELECT query FROM carried WHERE side = ? AND job = ?", (side, number))
            wanted = {query for (query,) in found}
            with reporting_bad_rows(job):
                self._connection.executemany(
                    _CARRY.format(side=side), self._sightings(side, number, job, wanted)
                )
                self._connection.executemany(
                    _CARRY_PRODUCT.format(side=side),
                    (
                        (side, *columns, *columns[:2], number)  # language and item_id
                        for columns in map(columns_of, job.rows(PRODUCTS))
                    ),
                )

    def _sightings(
        self, side: int, number: int, job: JobFiles, wanted: set[int]
    ) -> Iterator[tuple[Any, ...]]:
        for row in job.rows(SIGHTINGS):
            query, language = self._queries[side].get(row["query_id"], (-1, ""))
            if query in wanted:
                yield language, row["item_id"], query, row["rank"], row["price"], number


def _has_other(evidence: str | None, other: str | None) -> bool:
    return bool(set((evidence or "").split()) - set((other or "").split()))
