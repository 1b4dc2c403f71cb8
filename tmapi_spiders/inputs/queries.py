"""Queries: each is a seed under one combination of language, sort, price range and filters."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.inputs.combinations import PriceRange
from tmapi_spiders.inputs.seed import Seed, stable_hash
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tmapi_spiders.inputs.combinations import Combinations, Filters
    from tmapi_spiders.inputs.seeds import Seeds, StreamedSeeds

__all__ = ["Queries", "Query", "SeedGroup"]

_NO_PRICE = PriceRange()


@attrs.frozen
class Query:
    """What is asked of the API, except for the page."""

    seed: Seed
    language: str = "en"
    sort: str = "default"
    price: PriceRange = _NO_PRICE
    filters: Filters = ()
    query_id: str = attrs.field(init=False)
    """Hash of all of the above, the same in every job."""

    @query_id.default
    def _hash(self) -> str:
        return self._hash_with(self.seed.seed_id)

    def _hash_with(self, seed_id: str) -> str:
        return stable_hash(
            seed_id, self.language, self.sort, self.price.key, "+".join(self.filters)
        )

    @property
    def search_id(self) -> str:
        """Hash of what is asked of the API, the same for seeds with the same image.

        It equals ``query_id`` where the user gave the seed no id.
        """
        if self.seed.seed_id == self.seed.image_id:
            return self.query_id
        return self._hash_with(self.seed.image_id)

    def parameters(self, img_url: str | None = None) -> dict[str, str]:
        """Return the API's parameters for this query, without page, page size and token.

        :param img_url: sent instead of the seed's: the result of a conversion
        """
        parameters = {
            "language": self.language,
            "img_url": img_url or self.seed.img_url,
            "sort": self.sort,
        }
        if self.price.start is not None:
            parameters["price_start"] = self.price.start
        if self.price.end is not None:
            parameters["price_end"] = self.price.end
        return parameters | dict.fromkeys(self.filters, "true")

    def identity(self) -> Mapping[str, Any]:
        """Return the columns that identify this query in the output files."""
        return {
            "query_id": self.query_id,
            "seed_id": self.seed.seed_id,
            "seed_data": dict(self.seed.data),
            "seed": self.seed.text,
            "seed_img_url": self.seed.img_url,
            "language": self.language,
            "sort": self.sort,
            "price_start": self.price.start,
            "price_end": self.price.end,
            "filters": dict.fromkeys(self.filters, True),
        }


@attrs.frozen
class SeedGroup:
    """A group of seeds with the same arguments."""

    seeds: int
    convertible: int
    """Seeds whose image could be converted."""
    queries_each: int
    max_pages: int
    """Per query; 0 = all."""


@attrs.frozen(slots=False)
class Queries:
    """All queries of a job, made lazily: seeds × languages × sorts × prices × filters.

    A seed's overrides replace the crawl's arguments.
    """

    seeds: Seeds | StreamedSeeds
    combinations: Combinations
    max_pages: int = 0
    """Per query of a seed without an override; 0 = all."""

    def __len__(self) -> int:
        return self._count

    @cached_property
    def _count(self) -> int:
        return sum(group.seeds * group.queries_each for group in self.groups())

    def __iter__(self) -> Iterator[Query]:
        for seed in self.seeds:
            for combination in seed.overrides.applied_to(self.combinations):
                yield Query(seed, *combination)

    def of_image(self, seed: Seed) -> tuple[int, int]:
        """Return how many different calls (first pages) and how many queries a seed's image has.

        Several seeds may have the same image and the same arguments.
        """
        if seed.image_id in self.seeds.tally.shared:
            return self._of_shared_images[seed.image_id]
        each = self.of_seed(seed)
        return each, each

    def of_seed(self, seed: Seed) -> int:
        """Return how many queries a seed has."""
        return len(seed.overrides.applied_to(self.combinations))

    @cached_property
    def _of_shared_images(self) -> dict[str, tuple[int, int]]:
        shared = self.seeds.tally.shared
        searches: dict[str, list[str]] = {image_id: [] for image_id in shared}
        for query in self:
            if query.seed.image_id in shared:
                searches[query.seed.image_id].append(query.search_id)
        return {image_id: (len(set(found)), len(found)) for image_id, found in searches.items()}

    def groups(self) -> Iterator[SeedGroup]:
        """Yield the groups of seeds with the same arguments."""
        for overrides, seeds, convertible in self.seeds.tally.groups():
            yield SeedGroup(
                seeds,
                convertible,
                len(overrides.applied_to(self.combinations)),
                overrides.most_pages(self.max_pages),
            )

    @cached_property
    def most_pages(self) -> int:
        """The most pages that any query may have; 0 = all."""
        limits = {group.max_pages for group in self.groups()}
        return 0 if 0 in limits else max(limits)

    def describe(self) -> str:
        """Return the product as text: ``3 seeds × 2 sorts``, without factors of 1."""
        among = self.combinations
        factors = [
            ("seed", len(self.seeds)),
            ("language", len(among.languages)),
            ("sort", len(among.sorts)),
            ("price range", len(among.prices)),
            ("filter", len(among.filters)),
        ]
        words = " × ".join(
            plural(count, noun) for noun, count in factors if count != 1 or noun == "seed"
        )
        if own := self.seeds.tally.own.total():
            words += f", {own:,} of the seeds with arguments of their own"
        return words
