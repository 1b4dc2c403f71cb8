"""The kinds of changes between two jobs, and the record of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "NUMBERS", "Change"]

KINDS: Final = {
    "new": "was not found before: every query that finds it now had been read to its end",
    "gone": "no longer found, though every query that had found it was read to its end",
    "price": "has a different price, from the same API field",
    "target_reached": "is at or below the seed's target_price now, and was not before",
    "price_source": "its price comes from a different API field: not a price change",
    "currency": "its price is in a different currency",
    "sales": "has a different number sold in 90 days",
    "moq": "has a different minimum order",
    "supplier": "has a different company",
    "rank": "has a different rank in a query",
    "into_view": "a query that finds it now had ended at max_pages or max_items before it",
    "out_of_view": "a query that had found it ended at max_pages or max_items without it",
    "first_seen": "the queries that find it now were not made before, had failed or were doubtful",
    "unknown": (
        "a query that had found it was not made, failed or is provisional: it may still be there"
    ),
}
"""The values of ``change`` and their meanings, in the order of a report."""

#: Kinds whose before and after are numbers.
NUMBERS: Final = ("price", "sales", "moq", "rank", "target_reached")


@attrs.frozen(kw_only=True)
class Change:
    """One line of changes.jsonl."""

    change: str
    """One of :data:`KINDS`."""
    scope: str
    """``product``: of the product under all seeds; ``seed``: of the product under one seed."""
    item_id: int
    language: str
    """The language of the queries and the title."""
    seed_ids: list[str]
    """The seeds that find it; for a product no longer found, those that had found it."""
    seed_data: Mapping[str, Any]
    """The user's own row if the scope is one seed, else {}."""
    query_id: str | None
    """The query of a change of rank; else None."""
    before: str | int | None
    """The old price, number or name; None if there was none or it is not known."""
    after: str | int | None
    """The new one."""
    difference: str | int | None
    """After minus before if both are numbers; a decimal string for prices."""
    percent: float | None
    """The difference in per cent of before; None for ranks, or if before is 0 or not known."""
    target: str | None
    """The seed's ``target_price`` as a decimal string if it was reached; else None."""
    price_before: str | None
    price_after: str | None
    currency: str | None
    title: str | None
    product_url: str | None
    old_job: str
    new_job: str
