"""Builds the page of a comparison: a gallery with a card per changed product and seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.compare.provisional import describe_provisional
from tmapi_spiders.gallery.groups import CardKey, date_of, read_groups
from tmapi_spiders.gallery.model import (
    NOT_MADE,
    Card,
    Comparison,
    Gallery,
    GalleryQuery,
    Group,
    Mark,
)
from tmapi_spiders.inputs.job_names import series_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tmapi_spiders.compare.changes import Change
    from tmapi_spiders.compare.sides import Sides

__all__ = ["MARK_KINDS", "ChangesPage"]

MARK_KINDS: Final = (
    *("target_reached", "price_lower", "price_higher", "price", "currency", "price_source"),
    *("gone", "new", "supplier", "moq", "sales"),
    *("into_view", "out_of_view", "first_seen", "unknown", "rank"),
)
"""The kinds of marks, the most important first; cards are sorted by them, and cut from the end."""

_PRICES: Final = ("price", "price_lower", "price_higher")

_PLACES: Final = {kind: place for place, kind in enumerate(MARK_KINDS)}


class ChangesPage:
    """Collects changes by seed and product, and makes the page's gallery of them.

    :param per_seed: the most cards per seed: those that changed most
    """

    def __init__(self, per_seed: int) -> None:
        self._per_seed = per_seed
        self._counts: Counter[str] = Counter()
        self._changes: defaultdict[CardKey, list[Change]] = defaultdict(list)
        self.provisional: Mapping[str, str] = {}
        """Why readings of the new job are not believed yet, by query id."""

    def add(self, change: Change) -> None:
        """Add a change; it is shown under each of its seeds."""
        self._counts[_kind(change)] += 1
        for seed_id in change.seed_ids:
            self._changes[seed_id, change.language, change.item_id].append(change)

    def gallery(self, sides: Sides, condition: str) -> Gallery:
        """Return what the page shows.

        :param condition: the options that left out changes
        :raises StorageError: if a job's file can't be read
        """
        old, new = sides.old, sides.new
        comparison = Comparison(
            old=old.name if old else None,
            old_date=date_of(old) if old else "",
            new=new.name,
            counts=tuple(
                (kind, self._counts[kind], KINDS["price" if kind in _PRICES else kind])
                for kind in MARK_KINDS
                if kind in self._counts
            ),
            condition=condition,
        )
        return Gallery(
            job=series_of(new.name) or new.name,
            source=str(new.facts.get("source") or ""),
            date=date_of(new),
            warnings=(*_warnings(sides), *self._doubts()),
            # Seeds without changes come last.
            groups=tuple(sorted(self._groups(sides), key=lambda it: not it.cards)),
            found=len({item_id for _, _, item_id in self._changes}),
            comparison=comparison,
        )

    def _doubts(self) -> list[str]:
        return [describe_provisional(len(self.provisional))] if self.provisional else []

    def _groups(self, sides: Sides) -> list[Group]:
        old, new = sides.old, sides.new
        if old is None:
            return []
        now, _ = read_groups(new, None, self._changes.keys())
        # The old job is read only for products that the new one has no card of.
        known = {_key(group, card) for group in now for card in group.cards}
        then, _ = read_groups(old, None, self._changes.keys() - known)
        before = {group.seed_id: group for group in then}
        known |= {_key(group, card) for group in then for card in group.cards}
        self._add_carried(before, known, sides)
        groups = [self._merged(group, before.pop(group.seed_id, None)) for group in now]
        groups.extend(
            self._merged(attrs.evolve(group, queries=(), cards=()), group)
            for group in before.values()
        )
        return groups

    def _add_carried(self, before: dict[str, Group], known: set[CardKey], sides: Sides) -> None:
        """Add cards of products that neither job has, carried over from earlier jobs."""
        for job in sides.earlier:
            if not (missing := self._changes.keys() - known):
                return
            if job is sides.old:
                continue
            for group in read_groups(job, None, missing)[0]:
                known |= {_key(group, card) for card in group.cards}
                there = before.get(group.seed_id)
                before[group.seed_id] = group if there is None else _joined(there, group)

    def _doubted(self, query: GalleryQuery) -> GalleryQuery:
        why = self.provisional.get(query.query_id)
        if why is None:
            return query
        doubt = f"provisional: {why}; what it lacks is unknown until another job confirms it"
        return attrs.evolve(query, evidence=(doubt, *query.evidence))

    def _merged(self, new: Group, old: Group | None) -> Group:
        """Return the new job's group of a seed, with the queries and cards only the old one has."""
        gone = old.cards if old else ()
        queries = [self._doubted(query) for query in new.queries]
        numbers = {query.query_id: number for number, query in enumerate(queries)}
        theirs: list[int] = []
        for query in old.queries if old else ():
            if query.query_id not in numbers:
                numbers[query.query_id] = len(queries)
                queries.append(GalleryQuery(query.label, query.query_id, status=NOT_MADE))
            theirs.append(numbers[query.query_id])
        cards = [self._marked(new, card, numbers) for card in new.cards]
        for card in gone:
            places = tuple((theirs[query], rank) for query, rank in card.places)
            was = attrs.evolve(card, places=places, is_old=True)
            cards.append(self._marked(new, was, numbers))
        cards.sort(key=lambda card: [_size(mark) for mark in card.marks])
        rest = tuple((card.product.currency, card.price) for card in cards[self._per_seed :])
        return attrs.evolve(
            new, queries=tuple(queries), cards=tuple(cards[: self._per_seed]), rest=rest
        )

    def _marked(self, group: Group, card: Card, numbers: Mapping[str, int]) -> Card:
        changes = self._changes[_key(group, card)]
        price = changes[0].price_before if card.is_old else changes[0].price_after
        marks = [_mark(change, numbers) for change in changes]
        marks.sort(key=_size)
        return attrs.evolve(card, price=price, marks=tuple(marks))


def _joined(old: Group, earlier: Group) -> Group:
    """Return the old job's group of a seed with an earlier one's cards, and their queries."""
    queries = list(old.queries)
    numbers = {query.query_id: number for number, query in enumerate(queries)}
    for query in earlier.queries:
        if query.query_id not in numbers:
            numbers[query.query_id] = len(queries)
            queries.append(query)
    theirs = [numbers[query.query_id] for query in earlier.queries]
    cards = [
        attrs.evolve(card, places=tuple((theirs[query], rank) for query, rank in card.places))
        for card in earlier.cards
    ]
    return attrs.evolve(old, queries=tuple(queries), cards=(*old.cards, *cards))


def _key(group: Group, card: Card) -> CardKey:
    return group.seed_id, card.product.language or "", card.product.item_id


def _kind(change: Change) -> str:
    """Return the kind of mark: price changes are split into lower and higher."""
    if change.change != "price" or change.difference is None:
        return change.change
    return "price_lower" if str(change.difference).startswith("-") else "price_higher"


def _mark(change: Change, numbers: Mapping[str, int]) -> Mark:
    return Mark(
        kind=_kind(change),
        before=change.before,
        after=change.after,
        difference=change.difference,
        percent=change.percent,
        target=change.target,
        query=None if change.query_id is None else numbers.get(change.query_id),
        here=change.scope == "seed",
    )


def _size(mark: Mark) -> tuple[int, float]:
    """Return a mark's sort key: the most important kind, then the largest change."""
    size = mark.difference if mark.kind == "rank" else mark.percent
    # Falls and rises of the price are sorted together.
    kind = "price" if mark.kind in _PRICES else mark.kind
    return _PLACES[kind], -abs(float(size or 0))


def _warnings(sides: Sides) -> Collection[str]:
    new = sides.new.warnings
    old = sides.old.warnings if sides.old else []
    before = [f"the old job: {warning}" for warning in old if warning not in new]
    return dict.fromkeys((*new, *before, *sides.warnings))
