"""Showing: what changed as a gallery, with a card for each product under each seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

import attrs

from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.compare.database import told_of_provisional
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

__all__ = ["TELLING", "ChangedProducts"]

TELLING: Final = (
    *("target_reached", "price_lower", "price_higher", "price", "currency", "price_source"),
    *("gone", "new", "supplier", "moq", "sales"),
    *("into_view", "out_of_view", "first_seen", "unknown", "rank"),
)
"""The kinds of marks, the most telling first: in this order cards come, and are left out last."""

_PRICES: Final = ("price", "price_lower", "price_higher")

_PLACES: Final = {kind: place for place, kind in enumerate(TELLING)}


class ChangedProducts:
    """Brings changes together by seed and product; :meth:`gallery` is what a page shows of them.

    :param per_seed: cards a seed at most: those that changed most
    """

    def __init__(self, per_seed: int) -> None:
        self._per_seed = per_seed
        self._counts: Counter[str] = Counter()
        self._changes: defaultdict[CardKey, list[Change]] = defaultdict(list)
        self.provisional: Mapping[str, str] = {}
        """Why searches of the new job are not believed yet, by query id."""

    def add(self, change: Change) -> None:
        """Take a change; it is shown under each seed that it tells of."""
        self._counts[_kind(change)] += 1
        for seed_id in change.seed_ids:
            self._changes[seed_id, change.language, change.item_id].append(change)

    def gallery(self, sides: Sides, condition: str) -> Gallery:
        """Return what the page shows.

        :param condition: the options that left changes out
        :raises StorageError: if a job's file can't be read
        """
        old, new = sides.old, sides.new
        comparison = Comparison(
            old=old.name if old else None,
            old_date=date_of(old) if old else "",
            new=new.name,
            counts=tuple(
                (kind, self._counts[kind], KINDS["price" if kind in _PRICES else kind])
                for kind in TELLING
                if kind in self._counts
            ),
            condition=condition,
        )
        return Gallery(
            job=series_of(new.name) or new.name,
            source=str(new.facts.get("source") or ""),
            date=date_of(new),
            warnings=(*_warnings(sides), *self._doubts()),
            # Those without changes come last.
            groups=tuple(sorted(self._groups(sides), key=lambda it: not it.cards)),
            found=len({item_id for _, _, item_id in self._changes}),
            comparison=comparison,
        )

    def _doubts(self) -> list[str]:
        return [told_of_provisional(len(self.provisional))] if self.provisional else []

    def _groups(self, sides: Sides) -> list[Group]:
        old, new = sides.old, sides.new
        if old is None:
            return []
        now, _ = read_groups(new, None, self._changes.keys())
        # What the new job has a card of is not read of the old one.
        known = {_key(group, card) for group in now for card in group.cards}
        then, _ = read_groups(old, None, self._changes.keys() - known)
        before = {group.seed_id: group for group in then}
        known |= {_key(group, card) for group in then for card in group.cards}
        self._add_carried(before, known, sides)
        groups = [self._together(group, before.pop(group.seed_id, None)) for group in now]
        groups.extend(
            self._together(attrs.evolve(group, queries=(), cards=()), group)
            for group in before.values()
        )
        return groups

    def _add_carried(self, before: dict[str, Group], known: set[CardKey], sides: Sides) -> None:
        """Add the cards of what neither job has: readings that were not believed had lacked it."""
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
        doubt = f"provisional: {why}; what it lacks is unknown until another job says the same"
        return attrs.evolve(query, evidence=(doubt, *query.evidence))

    def _together(self, new: Group, old: Group | None) -> Group:
        """Return a seed as the new job has it, with what only the old one found, and asked."""
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
    """Return a seed of the old job with an earlier one's cards, and the searches they are of."""
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
    """Return the kind that a page tells: prices are lower, or higher."""
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
    """Return what sorts marks: the most telling kind, then the largest; a rank by its places."""
    size = mark.difference if mark.kind == "rank" else mark.percent
    # Prices that fell and that rose are one kind here: the largest first.
    kind = "price" if mark.kind in _PRICES else mark.kind
    return _PLACES[kind], -abs(float(size or 0))


def _warnings(sides: Sides) -> Collection[str]:
    new = sides.new.warnings
    old = sides.old.warnings if sides.old else []
    before = [f"the job before: {warning}" for warning in old if warning not in new]
    return dict.fromkeys((*new, *before, *sides.warnings))
