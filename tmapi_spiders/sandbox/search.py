"""Searches the catalogue: the products that match a look, filtered and sorted."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tmapi_spiders.sandbox.looks import REACH, Look, distance

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.sandbox.catalogue import Catalogue, CatalogueProduct

MAX_MATCHES: Final = 2000
"""The most matches of a search (the API's total_count as observed)."""

CACHED_RANKINGS: Final = 512

PriceRange = tuple[Decimal | None, Decimal | None]
"""From, to (both inclusive); None leaves an end open."""

_NO_PRICE: Final = Decimal("Infinity")
ORDERS: Final[dict[str, Callable[[CatalogueProduct], Decimal | int]]] = {
    "default": lambda _: 0,
    "sales": lambda product: 1 if product.sales is None else -product.sales,
    "price_up": lambda product: _NO_PRICE if product.price is None else product.price,
    "price_down": lambda product: 1 if product.price is None else -product.price,
}
"""The sort key of each `sort`; values the API does not give come last, equals by likeness."""


class Search:
    """Searches one catalogue; recent results are cached."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._ranked = lru_cache(CACHED_RANKINGS)(self._rank)
        self.find = lru_cache(CACHED_RANKINGS)(self._find)
        """`_find`, cached."""

    def _rank(self, look: Look, pictured: int | None) -> tuple[CatalogueProduct, ...]:
        """Return what looks like it, nearest first; the pictured product before its equals."""
        ranked = [
            (unlike, product.item_id != pictured, product.item_id)
            for product in self._catalogue.by_kind[look.kind]
            if (unlike := distance(look, product.look)) is not None and unlike <= REACH
        ]
        ranked.sort()
        return tuple(self._catalogue.by_id[item_id] for _, _, item_id in ranked[:MAX_MATCHES])

    def _find(
        self,
        look: Look,
        pictured: int | None,
        sort: str,
        prices: PriceRange,
        flags: frozenset[str],
    ) -> tuple[CatalogueProduct, ...]:
        """Return the matches in a price range that have all the flags, sorted."""
        matches = [
            product
            for product in self._ranked(look, pictured)
            if flags <= product.flags and _in_range(product.price, *prices)
        ]
        return tuple(sorted(matches, key=ORDERS[sort]))


def _in_range(price: Decimal | None, start: Decimal | None, end: Decimal | None) -> bool:
    if start is None and end is None:
        return True
    if price is None:
        return False
    return (start is None or start <= price) and (end is None or price <= end)
