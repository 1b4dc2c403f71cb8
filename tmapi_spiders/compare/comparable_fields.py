"""Readings: which fields two jobs have read alike, so that they can be compared.

What a newer version of this package reads otherwise would be told as a change of every product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS_OF", "read_otherwise"]

KINDS_OF: Final = {
    "price": ("price", "price_source"),
    "price_source": ("price", "price_source"),
    "currency": ("currency",),
    "sale_quantity_90days": ("sales",),
    "moq": ("moq",),
    "company_name": ("supplier",),
}
"""By field of a product, the kinds of changes that compare it."""


def read_otherwise(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the fields that are compared and that two jobs have read differently.

    A field that a job does not tell of was read as in version 1.

    :param old: what job.json says of the old job
    :param new: the same of the new one

    >>> read_otherwise({}, {"readers": {"price": 2, "currency": 1, "title": 2}})
    ['price']
    """
    before, after = (_versions(facts) for facts in (old, new))
    return [field for field in KINDS_OF if before.get(field, 1) != after.get(field, 1)]


def _versions(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    found = facts.get("readers")
    return found if isinstance(found, dict) else {}
