"""Changes: what can be told of two jobs, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "NUMBERS", "Change"]

KINDS: Final = {
    "new": "was not there before: every search that finds it now had been read to its end",
    "gone": "every search that had found it was read to its end, without it",
    "price": "has another price, from the same field of the API",
    "target_reached": "is at or below the seed's target_price now, and was not before",
    "price_source": "its price comes from another field of the API: no change of price",
    "currency": "its price is in another currency",
    "sales": "another number sold in 90 days",
    "moq": "another minimum order",
    "supplier": "another company",
    "rank": "stands at another place in a search",
    "into_view": "a search that finds it now had ended at max_pages or max_items before it",
    "out_of_view": "a search that had found it ended at max_pages or max_items without it",
    "first_seen": "the searches that find it now were not made before, had failed or were doubtful",
    "unknown": (
        "a search that had found it was not made, failed or is provisional: it may still be there"
    ),
}
"""What ``change`` may be, and what it means, in the order they are told."""

#: Those whose before and after are numbers.
NUMBERS: Final = ("price", "sales", "moq", "rank", "target_reached")


@attrs.frozen(kw_only=True)
class Change:
    """One line of changes.jsonl."""

    change: str
    """One of :data:`KINDS`."""
    scope: str
    """``product``: of the product, whichever seeds find it; ``seed``: of it under one seed."""
    item_id: int
    language: str
    """Of the searches and of the title."""
    seed_ids: list[str]
    """The seeds that find it (that found it, of one that is found no more)."""
    seed_data: Mapping[str, Any]
    """The user's own row, of a change that is of one seed; else {}."""
    query_id: str | None
    """The search, of a change of rank."""
    before: str | int | None
    """Price, number, name: what it was; null where there was nothing, or nothing is known."""
    after: str | int | None
    """What it is now."""
    difference: str | int | None
    """After less before, where both are numbers: a decimal string of prices."""
    percent: float | None
    """The same of before, in per cent; null where before is 0 or unknown, and of ranks: places."""
    target: str | None
    """The seed's ``target_price`` as a decimal string, of a target that was reached."""
    price_before: str | None
    price_after: str | None
    currency: str | None
    title: str | None
    product_url: str | None
    old_job: str
    new_job: str
