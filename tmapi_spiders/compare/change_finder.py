"""Finds all changes between two jobs that are loaded into one database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmapi_spiders.compare.pairs import read_pairs
from tmapi_spiders.compare.product_changes import ProductComparison
from tmapi_spiders.compare.provisional import provisional_readings

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from tmapi_spiders.compare.changes import Change

__all__ = ["ChangeFinder"]


class ChangeFinder:
    """Finds the changes between two loaded jobs.

    :param names: the names of the old job and the new one
    """

    def __init__(self, connection: sqlite3.Connection, names: tuple[str, str]) -> None:
        self._connection = connection
        self._names = names

    def count(self, side: int) -> int:
        """Return how many products a side found."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM seen "  # noqa: S608 - 0 or 1
            f"WHERE rank{side} IS NOT NULL AND NOT carried{side} GROUP BY language, item)"
        ).fetchone()
        return int(count)

    def provisional(self) -> dict[str, str]:
        """Return why the new job's provisional readings are doubted, by query id."""
        return {one.query_id: one.why for one in provisional_readings(self._connection)}

    def changes(self) -> Iterator[Change]:
        """Yield all changes, ordered by language and product."""
        for pair in read_pairs(self._connection):
            yield from ProductComparison(self._names, pair).changes()
