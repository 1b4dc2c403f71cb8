"""Decides which fields of two jobs are comparable: those both versions read the same way.

A field that a newer version of this package reads differently would look like a change of every
product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS_BY_FIELD", "fields_read_differently"]

KINDS_BY_FIELD: Final = {
    "price": ("price", "price_source"),
    "price_source": ("price", "price_source"),
    "currency": ("currency",),
    "sale_quantity_90days": ("sales",),
    "moq": ("moq",),
    "company_name": ("supplier",),
}
"""The kinds of changes that depend on a field, by the field's name."""


def fields_read_differently(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the compared fields that two jobs read differently.

    A field without a version in job.json was read as in version 1.

    :param old: the job.json of the old job
    :param new: the job.json of the new one

    >>> fields_read_differently({}, {"readers": {"price": 2, "currency": 1, "title": 2}})
    ['price']
    """
    before, after = (_versions(facts) for facts in (old, new))
    return [field for field in KINDS_BY_FIELD if before.get(field, 1) != after.get(field, 1)]


def _versions(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    found = facts.get("readers")
    return found if isinstance(found, dict) else {}
