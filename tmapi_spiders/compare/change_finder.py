"""Finding: the changes between two jobs that were loaded, product by product."""

from __future__ import annotations

import json
from contextlib import closing
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from tmapi_spiders.compare.changes import Change
from tmapi_spiders.compare.differences import difference_of, same_price, to_decimal
from tmapi_spiders.compare.history import provisional_of
from tmapi_spiders.compare.readings import DOUBTED, LIMITED, NOT_KNOWN, READ_TO_ITS_END
from tmapi_spiders.fields.target_price import CNY

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

__all__ = ["Finder"]

#: By what is the most doubtful of the searches.
_APPEARED: Final = {
    READ_TO_ITS_END: "new",
    LIMITED: "into_view",
    DOUBTED: "first_seen",
    NOT_KNOWN: "first_seen",
}
_VANISHED: Final = {
    READ_TO_ITS_END: "gone",
    LIMITED: "out_of_view",
    DOUBTED: "unknown",
    NOT_KNOWN: "unknown",
}

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


class _Product(NamedTuple):
    """A line of products.jsonl; all of it None where there is none."""

    item: int | None
    price: str | None
    source: str | None
    currency: str | None
    sales: int | None
    moq: int | None
    company: str | None
    title: str | None
    url: str | None


class _Seen(NamedTuple):
    """A product in one query, in both jobs."""

    language: str
    item: int
    query: int
    rank0: int | None
    rank1: int | None
    price0: str | None
    price1: str | None
    carried0: int | None
    """0, or the job that it is carried from, since the side's own reading is provisional."""
    carried1: int | None
    """The same; from a job before the old one it is negative."""
    verdict0: int | None
    """What the query says of what it did not bring; None: it was not made."""
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
        """Whether the new job itself finds it."""
        return self.rank1 is not None and not self.carried1

    @property
    def in_both(self) -> bool:
        return self.rank0 is not None and self.rank1 is not None


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
            f"WHERE rank{side} IS NOT NULL AND NOT carried{side} GROUP BY language, item)"
        ).fetchone()
        return int(count)

    def provisional(self) -> dict[str, str]:
        """Return why what searches of the new job lack is not believed yet, by query id."""
        return {one.query_id: one.why for one in provisional_of(self._connection)}

    def changes(self) -> Iterator[Change]:
        """Yield all changes, by language and product: of it, then those under single seeds."""
        with closing(self._connection.cursor()) as cursor:
            rows = cursor.execute(_ALL)
            width = len(_Seen._fields), len(_Product._fields)
            for _, found in groupby(rows, key=lambda row: row[:2]):
                together = list(found)
                seen = [_Seen._make(row[: width[0]]) for row in together]
                old = _Product._make(together[0][width[0] : sum(width)])
                new = _Product._make(together[0][sum(width) :])
                yield from _Comparison(self._names, seen, old, new).changes()


class _Comparison:
    """One product in both jobs.

    :param seen: where it stands, by query
    """

    def __init__(
        self, names: tuple[str, str], seen: list[_Seen], old: _Product, new: _Product
    ) -> None:
        self._names = names
        self._seen = seen
        self._old, self._new = old, new
        self._price0 = old.price if old.item is not None else _first(row.price0 for row in seen)
        self._price1 = new.price if new.item is not None else _first(row.price1 for row in seen)

    def changes(self) -> Iterator[Change]:
        """Yield what changed."""
        seen = self._seen
        was = any(row.rank0 is not None for row in seen)
        is_now = any(row.is_found for row in seen)
        if not (was and is_now):
            yield from self._presence(seen)
        if was and any(row.rank1 is not None for row in seen):
            yield from self._price()
            yield from self._others()
        for _, found in groupby(sorted(seen, key=attrgetter("seed")), key=attrgetter("seed")):
            rows = list(found)
            is_here = any(row.is_found for row in rows)
            if was and is_now:
                yield from self._presence(rows, seed=rows[0])
            for row in rows:
                if row.in_both and row.rank0 != row.rank1:
                    yield self._make(
                        "rank", rows, row.rank0, row.rank1, seed=row, query_id=row.query_id
                    )
            if is_here and rows[0].target1 is not None:
                yield from self._target(rows, Decimal(rows[0].target1))

    def _presence(self, rows: list[_Seen], *, seed: _Seen | None = None) -> Iterator[Change]:
        """Yield how it came or went, of all rows or of one seed's, if it did."""
        was = [row for row in rows if row.rank0 is not None]
        if not was:
            # A search that was not made before says nothing, if others do.
            told = [row.verdict0 for row in rows if row.rank1 is not None]
            verdict = max((one for one in told if one is not None), default=NOT_KNOWN)
            # Of what is carried, what a job between the two has found.
            if any(row.is_found or (row.carried1 or 0) > 0 for row in rows):
                yield self._make(_APPEARED[verdict], rows, None, self._price1, seed=seed)
        elif not any(row.is_found for row in rows):
            told = [row.verdict1 for row in was]
            verdict = max(NOT_KNOWN if one is None else one for one in told)
            if any(row.carried1 for row in rows):
                verdict = NOT_KNOWN
            kind = _VANISHED[verdict]
            # Of what is carried, that was told already.
            if kind != "unknown" or any(row.was_found for row in was):
                yield self._make(kind, rows, self._price0, None, seed=seed)

    def _price(self) -> Iterator[Change]:
        """Yield the change of its price, or of what kind of price it is.

        Within one search: which search a product's own line is of may depend on timing.
        """
        old, new = self._old, self._new
        known = old.item is not None and new.item is not None
        if known and old.source != new.source and None not in (old.source, new.source):
            yield self._make("price_source", self._seen, old.source, new.source)
            return
        if known and old.currency != new.currency and None not in (old.currency, new.currency):
            yield self._make("currency", self._seen, old.currency, new.currency)
            return
        both = _latest([row for row in self._seen if row.in_both], self._seen)
        moved = [row for row in both if not same_price(row.price0, row.price1)]
        if moved:
            yield self._make("price", moved, moved[0].price0, moved[0].price1)
        elif not both and known and not same_price(old.price, new.price):
            yield self._make("price", self._seen, old.price, new.price)

    def _others(self) -> Iterator[Change]:
        old, new = self._old, self._new
        if old.item is None or new.item is None:
            return
        for kind, was, now in (
            ("sales", old.sales, new.sales),
            ("moq", old.moq, new.moq),
            ("supplier", old.company, new.company),
        ):
            if was != now and was is not None and now is not None:
                yield self._make(kind, self._seen, was, now)

    def _target(self, rows: list[_Seen], target: Decimal) -> Iterator[Change]:
        """Yield that it has reached a seed's target, if it has now and had not before."""
        old, new = self._old, self._new
        after = _first(row.price1 for row in rows if row.is_found)
        price = to_decimal(after)
        if price is None or price > target or new.currency not in {None, CNY}:
            return
        seen_before = [row for row in rows if row.was_found]
        seen_before = seen_before or [row for row in rows if row.rank0 is not None]
        before = _first(row.price0 for row in seen_before)
        if seen_before:
            if old.currency != new.currency and None not in (old.currency, new.currency):
                return
            last, wanted = to_decimal(before), rows[0].target0
            if last is not None and wanted is not None and last <= Decimal(wanted):
                return
        elif NOT_KNOWN in (row.verdict0 for row in rows):
            return  # its search had failed: it may have been there, and told
        yield self._make(
            "target_reached", rows, before, after, seed=rows[0], target=rows[0].target1
        )

    def _make(
        self,
        kind: str,
        rows: Iterable[_Seen],
        before: str | int | None,
        after: str | int | None,
        *,
        seed: _Seen | None = None,
        query_id: str | None = None,
        target: str | None = None,
    ) -> Change:
        old, new, first = self._old, self._new, self._seen[0]
        vanished = kind in _VANISHED.values()
        if seed is not None:
            seed_ids, data = [seed.seed_id], json.loads(seed.data)
        else:
            # A product that vanished is told with the seeds that had found it.
            there = [row for row in rows if (row.rank0 if vanished else row.rank1) is not None]
            found = [row for row in there if vanished or row.is_found] or there
            by_number = {row.seed: row.seed_id for row in found}
            seed_ids, data = [by_number[number] for number in sorted(by_number)], {}
        difference, percent = difference_of(kind, before, after)
        return Change(
            change=kind,
            scope="product" if seed is None else "seed",
            item_id=first.item,
            language=first.language,
            seed_ids=seed_ids,
            seed_data=data,
            query_id=query_id,
            before=before,
            after=after,
            difference=difference,
            percent=percent,
            target=target,
            price_before=self._price0,
            # What is carried has the price of an earlier job.
            price_after=None if vanished and seed is None else self._price1,
            currency=new.currency or old.currency,
            title=new.title if new.title is not None else old.title,
            product_url=new.url if new.url is not None else old.url,
            old_job=self._names[0],
            new_job=self._names[1],
        )


def _latest(rows: list[_Seen], all_rows: list[_Seen]) -> list[_Seen]:
    """Return the rows that tell a product's price: what is carried, only where a job found nothing.

    Else it is old news, which what was found has told already.
    """
    if any(row.carried0 for row in rows) and any(row.was_found for row in all_rows):
        rows = [row for row in rows if row.was_found]
    if any(row.carried1 for row in rows) and any(row.is_found for row in all_rows):
        rows = [row for row in rows if row.is_found]
    return rows


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)
