"""Overrides: arguments that a seed's row has for itself."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.api.endpoint import LANGUAGES, SORTS
from tmapi_spiders.config.values import count
from tmapi_spiders.inputs.argument_values import filters_of, prices_of, words
from tmapi_spiders.inputs.combinations import Combinations, Filters, PriceRange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["NO_OVERRIDES", "OVERRIDDEN", "Overrides"]


@attrs.frozen(cache_hash=True)
class Overrides:
    """What takes the place of the crawl's arguments for one seed; None where nothing does."""

    language: tuple[str, ...] | None = None
    sort: tuple[str, ...] | None = None
    price: tuple[PriceRange, ...] | None = None
    filters: tuple[Filters, ...] | None = None
    max_pages: int | None = None
    given: tuple[tuple[str, str], ...] = attrs.field(default=(), eq=False, repr=False)
    """As the user wrote them, by argument."""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Overrides:
        """Read what a row gives, by argument.

        >>> Overrides.read({"sort": "sales", "max_pages": "2"}).max_pages
        2

        :raises ValueError: with all that is wrong
        """
        return _read(tuple(given.items())) if given else NO_OVERRIDES

    def applied_to(self, combinations: Combinations) -> Combinations:
        """Return the combinations under which the seed is searched, given the crawl's."""
        if self is NO_OVERRIDES:
            return combinations
        return Combinations(
            self.language or combinations.languages,
            self.sort or combinations.sorts,
            self.price or combinations.prices,
            self.filters or combinations.filters,
        )

    def most_pages(self, max_pages: int) -> int:
        """Return how many pages a query of the seed has at most, given the crawl's; 0 = all.

        >>> NO_OVERRIDES.most_pages(3), Overrides(max_pages=0).most_pages(3)
        (3, 0)
        """
        return max_pages if self.max_pages is None else self.max_pages


NO_OVERRIDES = Overrides()


def _prices(given: Any) -> tuple[PriceRange, ...]:
    """Read price ranges, written the same however a row has them: they are sent as they are.

    >>> _prices("10.0-50.00")
    (PriceRange(start='10', end='50'),)
    """
    return tuple(
        PriceRange(*(end or None for end in price.key.split("-"))) for price in prices_of(given)
    )


_READERS: dict[str, Callable[[Any], Any]] = {
    "language": words(*LANGUAGES),
    "sort": words(*SORTS),
    "price": _prices,
    "filters": filters_of,
    "max_pages": count(0),
}

#: The arguments that a seed may have for itself.
OVERRIDDEN = tuple(_READERS)


@lru_cache(maxsize=1024)  # many rows give the same
def _read(given: tuple[tuple[str, str], ...]) -> Overrides:
    values: dict[str, Any] = {}
    problems = []
    for name, text in given:
        try:
            values[name] = _READERS[name](text)
        except ValueError as exc:
            problems.append(f"search_{name}={text}: {exc}")
    if problems:
        raise ValueError(" ".join(problems))
    return Overrides(**values, given=given)
