"""Combinations: languages × sorts × price ranges × filters, under which a seed is searched."""

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

#: Language, sort, price range and filters of one query.
Combination = tuple[str, str, PriceRange, Filters]


@attrs.frozen
class Combinations:
    """All combinations of some lists, in the order in which they are searched.

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
