"""Compares one product of two jobs: its presence, price, facts, ranks and targets."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from tmapi_spiders.compare.changes import Change
from tmapi_spiders.compare.differences import difference, same_price, to_decimal
from tmapi_spiders.compare.gone import DISAPPEARED, presence_change
from tmapi_spiders.compare.readings import Verdict
from tmapi_spiders.inputs.target_price import CNY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tmapi_spiders.compare.pairs import ProductPair, SightingPair

__all__ = ["ProductComparison"]


class ProductComparison:
    """Finds the changes of one product.

    :param names: the names of the old job and the new one
    """

    def __init__(self, names: tuple[str, str], pair: ProductPair) -> None:
        self._names = names
        self._sightings, self._old, self._new = sightings, old, new = pair
        self._price0 = old.price if old.item is not None else _first(it.price0 for it in sightings)
        self._price1 = new.price if new.item is not None else _first(it.price1 for it in sightings)

    def changes(self) -> Iterator[Change]:
        """Yield the changes of the product, then those under each seed."""
        sightings = self._sightings
        was = any(it.rank0 is not None for it in sightings)
        is_now = any(it.is_found for it in sightings)
        if not (was and is_now):
            yield from self._presence(sightings)
        if was and any(it.rank1 is not None for it in sightings):
            yield from self._price()
            yield from self._facts()
        by_seed = attrgetter("seed")
        for _, found in groupby(sorted(sightings, key=by_seed), key=by_seed):
            here = list(found)
            if was and is_now:
                yield from self._presence(here, seed=here[0])
            for it in here:
                if it.in_both and it.rank0 != it.rank1:
                    yield self._make(
                        "rank", here, it.rank0, it.rank1, seed=it, query_id=it.query_id
                    )
            if here[0].target1 is not None and any(it.is_found for it in here):
                yield from self._target(here, Decimal(here[0].target1))

    def _presence(
        self, sightings: list[SightingPair], *, seed: SightingPair | None = None
    ) -> Iterator[Change]:
        kind = presence_change(sightings)
        if kind in DISAPPEARED:
            yield self._make(kind, sightings, self._price0, None, seed=seed)
        elif kind is not None:
            yield self._make(kind, sightings, None, self._price1, seed=seed)

    def _price(self) -> Iterator[Change]:
        """Yield the change of its price, price field or currency.

        Prices are compared within one query: which query a product's row comes from may depend on
        timing.
        """
        old, new = self._old, self._new
        known = old.item is not None and new.item is not None
        if known and old.source != new.source and None not in (old.source, new.source):
            yield self._make("price_source", self._sightings, old.source, new.source)
            return
        if known and old.currency != new.currency and None not in (old.currency, new.currency):
            yield self._make("currency", self._sightings, old.currency, new.currency)
            return
        both = _without_carried([it for it in self._sightings if it.in_both], self._sightings)
        moved = [it for it in both if not same_price(it.price0, it.price1)]
        if moved:
            yield self._make("price", moved, moved[0].price0, moved[0].price1)
        elif not both and known and not same_price(old.price, new.price):
            yield self._make("price", self._sightings, old.price, new.price)

    def _facts(self) -> Iterator[Change]:
        old, new = self._old, self._new
        if old.item is None or new.item is None:
            return
        for kind, was, now in (
            ("sales", old.sales, new.sales),
            ("moq", old.moq, new.moq),
            ("supplier", old.company, new.company),
        ):
            if was != now and was is not None and now is not None:
                yield self._make(kind, self._sightings, was, now)

    def _target(self, sightings: list[SightingPair], target: Decimal) -> Iterator[Change]:
        """Yield a change if it is at or below a seed's target price and was not before."""
        old, new = self._old, self._new
        after = _first(it.price1 for it in sightings if it.is_found)
        price = to_decimal(after)
        if price is None or price > target or new.currency not in {None, CNY}:
            return
        earlier = [it for it in sightings if it.was_found]
        earlier = earlier or [it for it in sightings if it.rank0 is not None]
        before = _first(it.price0 for it in earlier)
        if earlier:
            if old.currency != new.currency and None not in (old.currency, new.currency):
                return
            old_price, old_target = to_decimal(before), sightings[0].target0
            if (
                old_price is not None
                and old_target is not None
                and old_price <= Decimal(old_target)
            ):
                return
        elif Verdict.UNKNOWN in (it.verdict0 for it in sightings):
            return  # The query failed in the old job; an earlier comparison may have reported it.
        seed = sightings[0]
        yield self._make("target_reached", sightings, before, after, seed=seed, target=seed.target1)

    def _make(
        self,
        kind: str,
        sightings: Iterable[SightingPair],
        before: str | int | None,
        after: str | int | None,
        *,
        seed: SightingPair | None = None,
        query_id: str | None = None,
        target: str | None = None,
    ) -> Change:
        old, new, first = self._old, self._new, self._sightings[0]
        disappeared = kind in DISAPPEARED
        if seed is not None:
            seed_ids, data = [seed.seed_id], json.loads(seed.data)
        else:
            # A product that disappeared is listed with the seeds that had found it.
            there = [it for it in sightings if (it.rank0 if disappeared else it.rank1) is not None]
            found = [it for it in there if disappeared or it.is_found] or there
            by_number = {it.seed: it.seed_id for it in found}
            seed_ids, data = [by_number[number] for number in sorted(by_number)], {}
        size, percent = difference(kind, before, after)
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
            difference=size,
            percent=percent,
            target=target,
            price_before=self._price0,
            # A carried product would have the price of an earlier job.
            price_after=None if disappeared and seed is None else self._price1,
            currency=new.currency or old.currency,
            title=new.title if new.title is not None else old.title,
            product_url=new.url if new.url is not None else old.url,
            old_job=self._names[0],
            new_job=self._names[1],
        )


def _without_carried(
    sightings: list[SightingPair], all_sightings: list[SightingPair]
) -> list[SightingPair]:
    """Return the sightings to compare prices by.

    Carried ones count only on a side where the job itself found nothing: otherwise their prices
    are older than those found, and were compared before.
    """
    if any(it.carried0 for it in sightings) and any(it.was_found for it in all_sightings):
        sightings = [it for it in sightings if it.was_found]
    if any(it.carried1 for it in sightings) and any(it.is_found for it in all_sightings):
        sightings = [it for it in sightings if it.is_found]
    return sightings


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)
