"""Differences of prices (decimal strings, compared exactly), counts and ranks."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

__all__ = ["DIRECTIONS", "difference", "price_direction", "same_price", "to_decimal"]

DIRECTIONS: Final = ("lower", "higher", "newly given", "no longer given", "not comparable")
"""What :func:`price_direction` returns, in the order of a summary."""


def to_decimal(text: Any) -> Decimal | None:
    """Return a finite number below 10^18; None for anything else.

    >>> to_decimal("9.80"), to_decimal("NaN"), to_decimal("1e999999"), to_decimal(None)
    (Decimal('9.80'), None, None, None)
    """
    try:
        number = None if text is None else Decimal(text)
    except (InvalidOperation, ValueError, TypeError):
        return None
    return number if number is not None and number.is_finite() and abs(number) < 10**18 else None


def same_price(one: str | None, other: str | None) -> bool:
    """Return whether two prices are the same, however they are written.

    >>> same_price("6", "6.00"), same_price(None, "6"), same_price("ask", "ask")
    (True, False, True)
    """
    return one == other or ((number := to_decimal(one)) is not None and number == to_decimal(other))


def difference(kind: str, before: Any, after: Any) -> tuple[str | int | None, float | None]:
    """Return after minus before, and the same in per cent of before.

    Ranks have no percentage; names have neither.

    >>> difference("price", "12.00", "10.80"), difference("rank", 4, 1)
    (('-1.20', -10.0), (-3, None))
    >>> difference("price", "0", "1"), difference("new", None, "9.80")
    (('1', None), (None, None))
    """
    if kind in {"supplier", "price_source", "currency"}:
        return None, None
    old, new = to_decimal(before), to_decimal(after)
    if old is None or new is None:
        return None, None
    size = new - old
    percent = round(float(size / old * 100), 2) if old and kind != "rank" else None
    return (str(size) if isinstance(after, str) else int(size)), percent


def price_direction(before: Any, after: Any) -> str:
    """Return how a price changed.

    >>> [price_direction("9", after) for after in ("10", "8.50", None, "ask")]
    ['higher', 'lower', 'no longer given', 'not comparable']
    >>> price_direction(None, "9")
    'newly given'
    """
    if before is None:
        return "newly given"
    if after is None:
        return "no longer given"
    old, new = to_decimal(before), to_decimal(after)
    if old is None or new is None:
        return "not comparable"
    return "lower" if new < old else "higher"
