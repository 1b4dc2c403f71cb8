"""Reads a job's files into groups: one for each seed, with its queries and products."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.crawl.evidence import EVIDENCE
from tmapi_spiders.errors import StorageError
from tmapi_spiders.gallery.labels import BEST_MATCH, QueryLabels, traits_of
from tmapi_spiders.gallery.model import (
    Card,
    Gallery,
    GalleryProduct,
    GalleryQuery,
    Group,
    to_text,
    web_link,
)
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["CardKey", "date_of", "read_gallery", "read_groups"]

CardKey = tuple[str, str, int]
"""Identifies a card: a seed's id, a language ("" if not known), a product's id."""


def read_gallery(files: JobFiles, per_seed: int) -> Gallery:
    """Read what the gallery of a job shows.

    :param per_seed: the most cards per seed, the best-ranked
    :raises StorageError: naming the line that can't be read
    """
    groups, found = read_groups(files, per_seed)
    return Gallery(
        job=files.name,
        source=str(files.facts.get("source") or ""),
        date=date_of(files),
        warnings=tuple(files.warnings),
        # Seeds that found nothing come last.
        groups=tuple(sorted(groups, key=lambda it: not it.cards)),
        found=found,
    )


def date_of(files: JobFiles) -> str:
    """Return when a job ended, else when it began: UTC, ISO 8601; "" if not known."""
    return str(files.facts.get("finished_at") or files.facts.get("started_at") or "")


def read_groups(
    files: JobFiles, per_seed: int | None, only: Collection[CardKey] | None = None
) -> tuple[list[Group], int]:
    """Return a job's seeds in the order they were begun, and how many products they found.

    :param per_seed: the most cards per seed; None for all
    :param only: make only these cards, which limits the memory used; None for all
    :raises StorageError: naming the line that can't be read
    """
    seeds = _Seeds(only)
    try:
        for row in sorted(files.rows(OUTCOMES), key=_begun):
            seeds.add_query(row)
            seeds.outcomes[row["query_id"]] = row
        products = _Products(only)
        for row in files.rows(PRODUCTS):
            products.add(row)
            seeds.add_query(row)
        for row in files.rows(SIGHTINGS):
            seeds.add_sighting(row)
        return list(seeds.groups(products, per_seed)), seeds.found
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise StorageError(
            f"{files.folder}: a line of its files has no usable {exc}; was it changed by hand, or "
            "made by another version?"
        ) from exc


class _Products:
    """The rows of products.jsonl, by language and id, and by seed as well."""

    def __init__(self, only: Collection[CardKey] | None) -> None:
        self._only = None if only is None else {key[1:] for key in only}
        self._any: dict[tuple[str | None, int], GalleryProduct] = {}
        self._of_seed: dict[tuple[str | None, int, str], GalleryProduct] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Add a line of products.jsonl, if a card may need it."""
        if self._only is not None and (row.get("language") or "", row["item_id"]) not in self._only:
            return
        product = GalleryProduct.read(row)
        key = (product.language, product.item_id)
        self._any.setdefault(key, product)
        self._of_seed.setdefault((*key, row["seed_id"]), product)

    def find(self, language: str | None, item_id: int, seed_id: str) -> GalleryProduct:
        """Return the seed's own row of a product, else any row, else one without facts."""
        key = (language, item_id)
        return (
            self._of_seed.get((*key, seed_id))
            or self._any.get(key)
            or GalleryProduct(item_id, language, None, None, None)
        )


@attrs.define
class _Seed:
    """A seed, its queries and what they found."""

    row: dict[str, Any]
    """The first line that names it."""
    queries: list[str] = attrs.field(factory=list)
    seen: defaultdict[tuple[str | None, int], list[tuple[int, int, str | None]]] = attrs.field(
        factory=lambda: defaultdict(list)
    )
    """By language and product: rank, number of the query, price."""


class _Seeds:
    """The seeds, in the order they first appear."""

    def __init__(self, only: Collection[CardKey] | None) -> None:
        self._only = only
        self.outcomes: dict[str, dict[str, Any]] = {}
        self._seeds: dict[str, _Seed] = {}
        self._queries: dict[str, dict[str, str]] = {}
        self._languages: dict[str, str | None] = {}
        self._numbers: dict[str, int] = {}

    def add_query(self, row: dict[str, Any]) -> None:
        """Add the seed and the query of a line."""
        query_id = row["query_id"]
        if query_id not in self._queries:
            self._queries[query_id] = traits_of(row)
            self._languages[query_id] = row.get("language")
            self._number(row)

    def add_sighting(self, row: dict[str, Any]) -> None:
        """Add a line of sightings.jsonl."""
        number = self._numbers.get(row["query_id"])
        if number is None:
            number = self._number(row)
        language = self._languages.get(row["query_id"])
        key = (str(row["seed_id"]), language or "", row["item_id"])
        if self._only is not None and key not in self._only:
            return
        seen = self._seeds[row["seed_id"]].seen[language, row["item_id"]]
        seen.append((int(row["rank"]), number, row.get("price")))

    def _number(self, row: dict[str, Any]) -> int:
        seed = self._seeds.setdefault(row["seed_id"], _Seed(row))
        seed.queries.append(row["query_id"])
        number = self._numbers[row["query_id"]] = len(seed.queries) - 1
        return number

    @property
    def found(self) -> int:
        """The number of different products in all languages."""
        return len({item_id for seed in self._seeds.values() for _, item_id in seed.seen})

    def groups(self, products: _Products, per_seed: int | None) -> Iterator[Group]:
        """Yield the groups, each with its cards in order."""
        labels = QueryLabels(self._queries.values())
        for seed_id, seed in self._seeds.items():
            queries, new = self._ordered(seed.queries, labels)
            for places in seed.seen.values():
                places[:] = [(rank, new[number], price) for rank, number, price in places]
                places.sort(key=lambda place: place[:2])
            # The best rank first; for equal ranks, that of the earlier query.
            best = sorted(seed.seen.items(), key=lambda it: (it[1][0][:2], it[0][1]))
            text = str(seed.row.get("seed") or "")
            yield Group(
                seed_id=str(seed_id),
                seed=text,
                data=tuple(
                    (str(name), to_text(value))
                    for name, value in (seed.row.get("seed_data") or {}).items()
                ),
                link=web_link(text) or web_link(seed.row.get("seed_img_url")),
                queries=queries,
                cards=tuple(
                    _card(products.find(language, item_id, seed_id), places)
                    for (language, item_id), places in best[:per_seed]
                ),
                rest=tuple(
                    (products.find(language, item_id, seed_id).currency, _price(places))
                    for (language, item_id), places in best[len(best[:per_seed]) :]
                ),
            )

    def _ordered(
        self, query_ids: list[str], labels: QueryLabels
    ) -> tuple[tuple[GalleryQuery, ...], dict[int, int]]:
        """Return a seed's queries, best match first, and the new number of each."""
        queries = [self._query(query_id, labels) for query_id in query_ids]
        order = sorted(
            range(len(queries)),
            key=lambda it: (not queries[it].label.startswith(BEST_MATCH), queries[it].label),
        )
        return tuple(queries[it] for it in order), {old: new for new, old in enumerate(order)}

    def _query(self, query_id: str, labels: QueryLabels) -> GalleryQuery:
        row = self.outcomes.get(query_id, {})
        return GalleryQuery(
            label=labels.label(self._queries.get(query_id, {})),
            query_id=query_id,
            **{
                name: row.get(name)
                for name in ("status", "reason", "code", "message", "pages", "items", "total_count")
            },
            evidence=tuple(EVIDENCE.get(code, code) for code in row.get("evidence") or ()),
        )


def _card(product: GalleryProduct, places: list[tuple[int, int, str | None]]) -> Card:
    # One place per query: if it appears twice (overlapping pages), the better rank.
    first: dict[int, int] = {}
    for rank, query, _ in places:
        first.setdefault(query, rank)
    return Card(product, _price(places), tuple(first.items()))


def _price(places: list[tuple[int, int, str | None]]) -> str | None:
    return next((price for _, _, price in places if price is not None), None)


def _begun(outcome: dict[str, Any]) -> str:
    """Return when a query began: in the user's order, unlike outcomes, which are in that of ends.

    >>> sorted([{}, {"started_at": "2026-11-25T18:00:00.000Z"}], key=_begun)[1]
    {}
    """
    return str(outcome.get("started_at") or "never")
