"""Each product of two jobs side by side: its rows and sightings, as read from the database."""

from __future__ import annotations

from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

__all__ = ["ProductPair", "ProductRow", "SightingPair", "read_pairs"]

#: In the order of the table's key, so that nothing has to be sorted.
_ALL: Final = """
    SELECT s.language, s.item, s.query, rank0, rank1, price0, price1, carried0, carried1, verdict0,
        verdict1, query_id, seed, seed_id, data, target0, target1,
        p0.item, p0.price, p0.source, p0.currency, p0.sales, p0.moq, p0.company, p0.title, p0.url,
        p1.item, p1.price, p1.source, p1.currency, p1.sales, p1.moq, p1.company, p1.title, p1.url
    FROM seen s JOIN query ON query.id = s.query JOIN seed ON seed.id = seed
    LEFT JOIN product p0 ON p0.side = 0 AND p0.language = s.language AND p0.item = s.item
    LEFT JOIN product p1 ON p1.side = 1 AND p1.language = s.language AND p1.item = s.item
    ORDER BY s.language, s.item, s.query
"""


class ProductRow(NamedTuple):
    """A line of products.jsonl; every value is None if the job has no such line."""

    item: int | None
    price: str | None
    source: str | None
    currency: str | None
    sales: int | None
    moq: int | None
    company: str | None
    title: str | None
    url: str | None


class SightingPair(NamedTuple):
    """A product under one query in the old job (0) and in the new one (1)."""

    language: str
    item: int
    query: int
    rank0: int | None
    rank1: int | None
    price0: str | None
    price1: str | None
    carried0: int | None
    """0, or the number of the job it is carried from because this side's reading is provisional."""
    carried1: int | None
    """The same; negative if it is carried from a job before the old one."""
    verdict0: int | None
    """What the query's ending says about products it did not find; None if it was not made."""
    verdict1: int | None
    query_id: str
    seed: int
    seed_id: str
    data: str
    target0: str | None
    target1: str | None

    @property
    def was_found(self) -> bool:
        """Whether the old job itself found it."""
        return self.rank0 is not None and not self.carried0

    @property
    def is_found(self) -> bool:
        """Whether the new job itself found it."""
        return self.rank1 is not None and not self.carried1

    @property
    def in_both(self) -> bool:
        """Whether it was found or carried in both jobs."""
        return self.rank0 is not None and self.rank1 is not None


class ProductPair(NamedTuple):
    """One product in one language, in both jobs."""

    sightings: list[SightingPair]
    """One for each query that found it in either job."""
    old: ProductRow
    new: ProductRow


def read_pairs(connection: sqlite3.Connection) -> Iterator[ProductPair]:
    """Yield every product of either job, ordered by language and id."""
    first, width = len(SightingPair._fields), len(ProductRow._fields)
    with closing(connection.cursor()) as cursor:
        for _, found in groupby(cursor.execute(_ALL), key=lambda row: row[:2]):
            rows = list(found)
            yield ProductPair(
                [SightingPair._make(row[:first]) for row in rows],
                ProductRow._make(rows[0][first : first + width]),
                ProductRow._make(rows[0][first + width :]),
            )
