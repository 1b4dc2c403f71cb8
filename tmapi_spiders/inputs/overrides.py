"""Overrides: arguments that a seed's row gives for that seed only."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from tmapi_spiders.config.validation import validated
from tmapi_spiders.inputs.argument_values import FilterSets, Languages, Limit, Sorts, prices_of
from tmapi_spiders.inputs.combinations import Combinations, PriceRange

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NO_OVERRIDES", "OVERRIDDEN", "Overrides"]


def _normalised_prices(given: Any) -> tuple[PriceRange, ...]:
    """Read price ranges; the same range is the same text however a row writes it.

    >>> _normalised_prices("10.0-50.00")
    (PriceRange(start='10', end='50'),)
    """
    return tuple(
        PriceRange(*(end or None for end in price.key.split("-"))) for price in prices_of(given)
    )


class Overrides(BaseModel):
    """What replaces the crawl's arguments for one seed; None where nothing does."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    language: Languages | None = None
    sort: Sorts | None = None
    price: Annotated[tuple[PriceRange, ...], PlainValidator(_normalised_prices)] | None = None
    filters: FilterSets | None = None
    max_pages: Limit | None = None

    given: tuple[tuple[str, str], ...] = Field(default=(), repr=False)
    """What the user wrote, by argument; it does not count for equality."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Overrides:
        """Read what a row gives, by argument.

        >>> Overrides.read({"sort": "sales", "max_pages": "2"}).max_pages
        2

        :raises ValueError: with all that is wrong
        """
        return cls._read(tuple(given.items())) if given else NO_OVERRIDES

    @classmethod
    @lru_cache(maxsize=1024)  # many rows give the same
    def _read(cls, given: tuple[tuple[str, str], ...]) -> Overrides:
        overrides, problems = validated(cls, dict(given), lambda name: f"search_{name}")
        if overrides is None:
            raise ValueError(" ".join(problems))
        return overrides.model_copy(update={"given": given})

    def applied_to(self, combinations: Combinations) -> Combinations:
        """Return the combinations of the seed's queries, from those of the crawl."""
        if self is NO_OVERRIDES:
            return combinations
        return Combinations(
            self.language or combinations.languages,
            self.sort or combinations.sorts,
            self.price or combinations.prices,
            self.filters or combinations.filters,
        )

    def most_pages(self, max_pages: int) -> int:
        """Return the most pages of one of the seed's queries, from the crawl's; 0 = all.

        >>> NO_OVERRIDES.most_pages(3), Overrides(max_pages=0).most_pages(3)
        (3, 0)
        """
        return max_pages if self.max_pages is None else self.max_pages

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Overrides) and self._values == other._values

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _values(self) -> tuple[Any, ...]:
        return (self.language, self.sort, self.price, self.filters, self.max_pages)

    @cached_property
    def _hash(self) -> int:  # each seed of a table is counted by it
        return hash(self._values)


NO_OVERRIDES = Overrides()

#: The arguments that a seed may override.
OVERRIDDEN = tuple(name for name in Overrides.model_fields if name != "given")
