"""Finding: the changes between two jobs that were loaded, one after another."""

from __future__ import annotations

import json
from contextlib import closing
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.compare.changes import Change
from tmapi_spiders.compare.loading import LIMITED, NOT_KNOWN, READ_TO_ITS_END

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

__all__ = ["Finder"]

_APPEARED: Final = {READ_TO_ITS_END: "new", LIMITED: "into_view", NOT_KNOWN: "first_seen"}
_VANISHED: Final = {READ_TO_ITS_END: "gone", LIMITED: "out_of_view", NOT_KNOWN: "unknown"}

#: Of a product, as it was and as it is.
_BOTH: Final = """
    p0.price, p0.source, p0.currency, p0.sales, p0.moq, p0.company,
    p1.price, p1.source, p1.currency, p1.sales, p1.moq, p1.company,
    ifnull(p1.title, p0.title), ifnull(p1.url, p0.url)
"""

_JOINED: Final = """
    LEFT JOIN product p0 ON p0.side = 0 AND p0.language = k.language AND p0.item = k.item
    LEFT JOIN product p1 ON p1.side = 1 AND p1.language = k.language AND p1.item = k.item
"""

#: What every search that finds it now had said before: the worst of those that were made.
_BEFORE: Final = f"ifnull(max(CASE WHEN rank1 IS NOT NULL THEN verdict0 END), {NOT_KNOWN})"

#: What every search that had found it says now; one that is not made any more says nothing.
_NOW: Final = f"max(CASE WHEN rank0 IS NOT NULL THEN ifnull(verdict1, {NOT_KNOWN}) ELSE 0 END)"

_PRESENCE: Final = f"""
    max(rank0 IS NOT NULL) AS was, max(rank1 IS NOT NULL) AS is_now,
    {_BEFORE} AS before, {_NOW} AS now
"""

_SEEDS: Final = """
    SELECT DISTINCT seed_id
    FROM seen JOIN query ON query.id = seen.query JOIN seed ON seed.id = seed
    WHERE seen.language = ? AND seen.item = ? AND (rank{side} IS NOT NULL) ORDER BY seed.id
"""

_PRODUCTS: Final = f"""
    WITH k AS (SELECT seen.language, item, {_PRESENCE} FROM seen JOIN query ON query.id = query
        GROUP BY seen.language, item)
    SELECT k.*, {_BOTH} FROM k {_JOINED} ORDER BY k.language, k.item
"""  # noqa: S608 - constants

#: Of products that are in both jobs, and under a seed in one of them.
_UNDER_SEEDS: Final = f"""
    WITH k AS (SELECT seen.language, item, seed, {_PRESENCE}
        FROM seen JOIN query ON query.id = query
        GROUP BY seen.language, item, seed),
    both AS (SELECT language, item FROM k GROUP BY language, item
        HAVING max(was) AND max(is_now))
    SELECT k.*, {_BOTH}, seed_id, data FROM k JOIN both USING (language, item)
    JOIN seed ON seed.id = k.seed {_JOINED}
    WHERE k.was <> k.is_now ORDER BY k.language, k.item, k.seed
"""  # noqa: S608 - constants

_RANKS: Final = f"""
    SELECT k.language, k.item, seed, rank0, rank1, query_id, NULL, {_BOTH}, seed_id, data
    FROM seen k JOIN query ON query.id = k.query JOIN seed ON seed.id = seed {_JOINED}
    WHERE rank0 <> rank1 ORDER BY k.language, k.item, query
"""  # noqa: S608 - constants

#: Of seeds with a target, what they find now.
_TARGETS: Final = f"""
    SELECT k.language, k.item, seed, max(rank0 IS NOT NULL), max(rank1 IS NOT NULL), target, NULL,
        {_BOTH}, seed_id, data
    FROM seen k JOIN query ON query.id = k.query JOIN seed ON seed.id = seed {_JOINED}
    WHERE target IS NOT NULL
    GROUP BY k.language, k.item, seed HAVING max(rank1 IS NOT NULL)
    ORDER BY k.language, k.item, seed
"""  # noqa: S608 - constants


class Finder:
    """Finds the changes between two loaded jobs.

    :param names: of the old job and the new one
    """

    def __init__(self, connection: sqlite3.Connection, names: tuple[str, str]) -> None:
        self._connection = connection
        self._names = names

    def count(self, side: int) -> int:
        """Return how many products a side has."""
        (count,) = self._connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM seen "  # noqa: S608 - 0 or 1
            f"WHERE rank{side} IS NOT NULL GROUP BY language, item)"
        ).fetchone()
        return int(count)

    def changes(self) -> Iterator[Change]:
        """Yield all changes: products' by language and id, then those under single seeds, ranks and
        targets.
        """
        for row in self._rows(_PRODUCTS):
            language, item, was, is_now, before, now, *both = row
            about = {"language": language, "item_id": item}
            if was and is_now:
                yield from self._of_product(about, both)
            elif is_now:
                yield self._make(_APPEARED[before], both, about, after=both[6])
            else:
                yield self._make(_VANISHED[now], both, about, before=both[0])
        for row in self._rows(_UNDER_SEEDS):
            language, item, _, _, is_now, before, now, *both, seed_id, data = row
            about = {"language": language, "item_id": item, "seed": (seed_id, data)}
            if is_now:
                yield self._make(_APPEARED[before], both, about, after=both[6])
            else:
                yield self._make(_VANISHED[now], both, about, before=both[0])
        for row in self._rows(_RANKS):
            language, item, _, rank0, rank1, query_id, _, *both, seed_id, data = row
            about = {"language": language, "item_id": item, "seed": (seed_id, data)}
            about["query_id"] = query_id
            yield self._make("rank", both, about, before=rank0, after=rank1)
        yield from self._targets()

    def _targets(self) -> Iterator[Change]:
        for row in self._rows(_TARGETS):
            language, item, _, was, _, target, _, *both, seed_id, data = row
            price0, price1 = _decimal(both[0]) if was else None, _decimal(both[6])
            wanted = Decimal(target)
            if price1 is None or price1 > wanted or (price0 is not None and price0 <= wanted):
                continue
            about = {"language": language, "item_id": item, "seed": (seed_id, data)}
            before = both[0] if was else None
            yield self._make(
                "target_reached", both, about | {"target": target}, before=before, after=both[6]
            )

    def _of_product(self, about: dict[str, Any], both: list[Any]) -> Iterator[Change]:
        """Yield the changes of a product that is in both jobs."""
        before, after = both[:6], both[6:12]
        if before[1] != after[1]:
            yield self._make("price_source", both, about, before=before[1], after=after[1])
        elif before[2] != after[2]:
            yield self._make("currency", both, about, before=before[2], after=after[2])
        elif _decimal(before[0]) != _decimal(after[0]):
            yield self._make("price", both, about, before=before[0], after=after[0])
        for place, kind in ((3, "sales"), (4, "moq"), (5, "supplier")):
            was, now = before[place], after[place]
            if was != now and was is not None and now is not None:
                yield self._make(kind, both, about, before=was, after=now)

    def _make(
        self,
        kind: str,
        both: list[Any],
        about: dict[str, Any],
        before: Any = None,
        after: Any = None,
    ) -> Change:
        language, item = about["language"], about["item_id"]
        if "seed" in about:
            seed_id, data = about["seed"]
            seed_ids, seed_data = [seed_id], json.loads(data)
        else:
            # A product that vanished is told with the seeds that had found it.
            side = 0 if kind in _VANISHED.values() else 1
            rows = self._rows(_SEEDS.format(side=side), language, item)
            seed_ids, seed_data = [seed_id for (seed_id,) in rows], {}
        difference, percent = _difference(kind, before, after)
        return Change(
            change=kind,
            scope="seed" if "seed" in about else "product",
            item_id=item,
            language=language,
            seed_ids=seed_ids,
            seed_data=seed_data,
            query_id=about.get("query_id"),
            before=before,
            after=after,
            difference=difference,
            percent=percent,
            target=about.get("target"),
            price_before=both[0],
            price_after=both[6],
            currency=both[8] or both[2],
            title=both[12],
            product_url=both[13],
            old_job=self._names[0],
            new_job=self._names[1],
        )

    def _rows(self, statement: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        with closing(self._connection.cursor()) as cursor:
            yield from cursor.execute(statement, values)


def _decimal(text: Any) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def _number(value: Any) -> Decimal | None:
    return _decimal(value) if isinstance(value, str) else None if value is None else Decimal(value)


def _difference(kind: str, before: Any, after: Any) -> tuple[str | int | None, float | None]:
    """Return after less before, and the same in per cent of before.

    >>> _difference("price", "12.00", "10.80"), _difference("rank", 4, 1)
    (('-1.20', -10.0), (-3, -75.0))
    >>> _difference("price", "0", "1"), _difference("new", None, "9.80")
    (('1', None), (None, None))
    """
    measure: Callable[[Any], Decimal | None] = _number
    if kind in {"supplier", "price_source", "currency"}:
        return None, None
    old, new = measure(before), measure(after)
    if old is None or new is None:
        return None, None
    less = new - old
    percent = round(float(less / old * 100), 2) if old else None
    return (str(less) if isinstance(after, str) else int(less)), percent
