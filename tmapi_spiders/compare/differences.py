"""Numbers: prices as strings, compared exactly, and how far one is from another."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, Final

__all__ = ["MOVES", "difference_of", "move_of", "same_price", "to_decimal"]

MOVES: Final = ("lower", "higher", "newly given", "no longer given", "not comparable")
"""What :func:`move_of` may return, in the order they are told."""


def to_decimal(text: Any) -> Decimal | None:
    """Return a number; None for what is none.

    >>> to_decimal("9.80"), to_decimal("NaN"), to_decimal("1e999999"), to_decimal(None)
    (Decimal('9.80'), None, None, None)
    """
    try:
        number = None if text is None else Decimal(text)
    except (InvalidOperation, ValueError, TypeError):
        return None
    return number if number is not None and number.is_finite() and abs(number) < 10**18 else None


def same_price(one: str | None, other: str | None) -> bool:
    """Say whether two prices are the same, however they are written.

    >>> same_price("6", "6.00"), same_price(None, "6"), same_price("ask", "ask")
    (True, False, True)
    """
    return one == other or ((number := to_decimal(one)) is not None and number == to_decimal(other))


def difference_of(kind: str, before: Any, after: Any) -> tuple[str | int | None, float | None]:
    """Return after less before, and the same in per cent of before; ranks are places, without.

    >>> difference_of("price", "12.00", "10.80"), difference_of("rank", 4, 1)
    (('-1.20', -10.0), (-3, None))
    >>> difference_of("price", "0", "1"), difference_of("new", None, "9.80")
    (('1', None), (None, None))
    """
    if kind in {"supplier", "price_source", "currency"}:
        return None, None
    old, new = to_decimal(before), to_decimal(after)
    if old is None or new is None:
        return None, None
    less = new - old
    percent = round(float(less / old * 100), 2) if old and kind != "rank" else None
    return (str(less) if isinstance(after, str) else int(less)), percent


def move_of(before: Any, after: Any) -> str:
    """Return in words what became of a price.

    >>> [move_of("9", after) for after in ("10", "8.50", None, "ask")], move_of(None, "9")
    (['higher', 'lower', 'no longer given', 'not comparable'], 'newly given')
    """
    if before is None:
        return "newly given"
    if after is None:
        return "no longer given"
    old, new = to_decimal(before), to_decimal(after)
    if old is None or new is None:
        return "not comparable"
    return "lower" if new < old else "higher"
