"""Combinations of language, sort, price range and filters; each makes a query of a seed."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Combination",
    "Combinations",
    "Filters",
    "PriceRange",
]


@attrs.frozen
class PriceRange:
    """A price range: inclusive ends as decimal strings, as the user wrote them; None is open."""

    start: str | None = None
    end: str | None = None

    @property
    def key(self) -> str:
        """Text that is the same for equal ranges, however they were written.

        >>> PriceRange("10", "50.00").key == PriceRange("10.0", "50").key
        True
        """
        return "-".join(
            "" if end is None else format(Decimal(end).normalize(), "f")
            for end in (self.start, self.end)
        )


#: The flags of one alternative of the argument ``filters``, in the order of :data:`FILTERS`.
Filters = tuple[str, ...]

#: Language, sort, price range and filters of one query.
Combination = tuple[str, str, PriceRange, Filters]


@attrs.frozen
class Combinations:
    """All combinations of four lists, in the order in which they are crawled.

    >>> len(Combinations(("en", "zh"), ("default", "sales"), (PriceRange(),), ((),)))
    4
    """

    languages: tuple[str, ...]
    sorts: tuple[str, ...]
    prices: tuple[PriceRange, ...]
    filters: tuple[Filters, ...]

    def __len__(self) -> int:
        return len(self.languages) * len(self.sorts) * len(self.prices) * len(self.filters)

    def __iter__(self) -> Iterator[Combination]:
        return product(self.languages, self.sorts, self.prices, self.filters)
