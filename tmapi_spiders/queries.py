"""Queries: a seed under one combination of language, sort, price range and filters."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.seed import Seed, stable_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tmapi_spiders.seeds import Seeds, StreamedSeeds

__all__ = [
    "FILTERS",
    "LANGUAGES",
    "SORTS",
    "Filters",
    "PriceRange",
    "Queries",
    "Query",
]

# Source of all three: the vendor's page of the endpoint.
LANGUAGES = ("en", "zh", "ru", "vi", "ja", "ko")
SORTS = ("default", "sales", "price_up", "price_down")
FILTERS = (
    "support_dropshipping",
    "is_factory",
    "verified_supplier",
    "free_shipping",
    "new_arrival",
)


@attrs.frozen
class PriceRange:
    """A price range with inclusive, possibly open ends: decimal strings as the user wrote them."""

    start: str | None = None
    end: str | None = None

    @property
    def key(self) -> str:
        """The same text for the same range, however it was written.

        >>> PriceRange("10", "50.00").key == PriceRange("10.0", "50").key
        True
        """
        return "-".join(
            "" if end is None else format(Decimal(end).normalize(), "f")
            for end in (self.start, self.end)
        )


#: The flags of one alternative of the argument ``filters``, in :data:`FILTERS`' order.
Filters = tuple[str, ...]

_NO_PRICE = PriceRange()


@attrs.frozen
class Query:
    """One search: what is asked of the API, but for the page."""

    seed: Seed
    language: str = "en"
    sort: str = "default"
    price: PriceRange = _NO_PRICE
    filters: Filters = ()
    query_id: str = attrs.field(init=False)
    """Hash of all of the above: the same in every job."""

    @query_id.default
    def _hash(self) -> str:
        return stable_hash(
            self.seed.seed_id, self.language, self.sort, self.price.key, "+".join(self.filters)
        )

    def parameters(self, img_url: str | None = None) -> dict[str, str]:
        """Return the API's parameters for this query, without page, page size and token.

        :param img_url: what to send instead of the seed's: what a conversion gave
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

    def identity(self) -> Mapping[str, object]:
        """Return the columns by which every output file names this query."""
        return {
            "query_id": self.query_id,
            "seed_id": self.seed.seed_id,
            "seed": self.seed.text,
            "seed_img_url": self.seed.img_url,
            "language": self.language,
            "sort": self.sort,
            "price_start": self.price.start,
            "price_end": self.price.end,
            "filters": dict.fromkeys(self.filters, True),
        }


@attrs.frozen
class Queries:
    """All queries of a job, lazily: seeds × languages × sorts × prices × filters."""

    seeds: Seeds | StreamedSeeds
    languages: tuple[str, ...]
    sorts: tuple[str, ...]
    prices: tuple[PriceRange, ...]
    filters: tuple[Filters, ...]

    def __len__(self) -> int:
        return (
            len(self.seeds)
            * len(self.languages)
            * len(self.sorts)
            * len(self.prices)
            * len(self.filters)
        )

    def __iter__(self) -> Iterator[Query]:
        for seed in self.seeds:
            for combination in product(self.languages, self.sorts, self.prices, self.filters):
                yield Query(seed, *combination)

    def describe(self) -> str:
        """Return the sum in words: ``3 seeds × 2 sorts``; a factor of 1 goes without saying."""
        factors = [
            ("seed", len(self.seeds)),
            ("language", len(self.languages)),
            ("sort", len(self.sorts)),
            ("price range", len(self.prices)),
            ("filter", len(self.filters)),
        ]
        return " × ".join(
            f"{count:,} {noun}{'s' * (count != 1)}"
            for noun, count in factors
            if count != 1 or noun == "seed"
        )
