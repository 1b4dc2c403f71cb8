"""Targets: the price that a user wants for a seed, in a column of their own row."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TARGET_COLUMN", "target_of"]

TARGET_COLUMN: Final = "target_price"

_NUMBER = re.compile(r"\d{1,12}(?:[.,]\d{1,20})?")


def target_of(data: Mapping[str, Any]) -> str | None:
    """Return a seed's target as a decimal string; None if it has none.

    A comma is a decimal one, as in a European spreadsheet; nobody can tell whether 1.234,50 or
    1,234.50 is meant, so that neither is read.

    >>> [target_of({"target_price": one}) for one in ("14,50", "9.80", 12, 0.5, " 7 ")]
    ['14.50', '9.80', '12', '0.5', '7']
    >>> target_of({"Target_Price": ""}), target_of({"price": "3"})
    (None, None)

    :raises ValueError: if it can't be read
    """
    for name, value in data.items():
        if name.strip().lower() == TARGET_COLUMN:
            text = "" if value is None else str(value).strip()
            if text and not _NUMBER.fullmatch(text):
                raise ValueError(
                    f"{name.strip()} {text[:50]!r} is no number; accepted: 14.50, 14,50"
                )
            return str(Decimal(text.replace(",", "."))) if text else None
    return None
