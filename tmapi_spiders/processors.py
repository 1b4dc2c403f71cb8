"""How single values of the API become typed ones: pure functions, None where nothing is known.

Missing or odd values are never guessed at. The forms handled are those that users of the API have
seen (page "Values" of its observed behaviour) and the vendor's example.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "Every",
    "First",
    "every",
    "first",
    "pick_price",
    "price_source",
    "to_bool",
    "to_decimal",
    "to_float",
    "to_fraction",
    "to_int",
    "to_item_id",
    "to_quantity",
    "to_text",
]

_DECIMAL = re.compile(r"\d+(?:\.\d+)?")
#: One number with a unit that is known, among Chinese words and "+": with a sign, a Latin letter or
#: a second number it would mean something else.
_QUANTITY = re.compile(
    r"[^-−0-9A-Za-z.]*(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>千万|百万|[千万亿]?)"
    r"(?![百千万亿打])[^-−0-9A-Za-z.]*"
)
_UNITS = {
    "": 1,
    "千": 1000,
    "万": 10_000,
    "百万": 1_000_000,
    "千万": 10_000_000,
    "亿": 100_000_000,
}


def to_text(value: Any) -> str | None:
    """Return a string without surrounding white space; "" is None.

    >>> to_text(" lamp "), to_text(104), to_text(""), to_text({})
    ('lamp', '104', None, None)
    """
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def to_item_id(value: Any) -> int | None:
    """Return a positive integer, also of digits in a string.

    >>> to_item_id(908305897124), to_item_id("908305897124"), to_item_id(True), to_item_id("9a")
    (908305897124, 908305897124, None, None)
    """
    number = to_int(value)
    return number or None


def to_int(value: Any) -> int | None:
    """Return a whole number of 0 or more, also of digits in a string.

    >>> to_int("1"), to_int(9), to_int(9.0), to_int(-1), to_int("1.5"), to_int(None), to_int(False)
    (1, 9, 9, None, None, None, None)
    """
    if isinstance(value, str):
        value = value.strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**63:
        return None
    return int(value) if value == int(value) else None


def to_float(value: Any) -> float | None:
    """Return a number of 0 or more, also of decimals in a string.

    >>> to_float("4.0"), to_float(0), to_float(""), to_float("good")
    (4.0, 0.0, None, None)
    """
    text = to_decimal(value)
    return None if text is None else float(text)


def to_decimal(value: Any) -> str | None:
    """Return a decimal as the exact string the API gave; numbers as their shortest decimal.

    >>> to_decimal("60.00"), to_decimal(156.5), to_decimal(6), to_decimal(""), to_decimal("ask")
    ('60.00', '156.5', '6', None, None)
    """
    if isinstance(value, str):
        value = value.strip()
    elif isinstance(value, float):
        value = format(Decimal(repr(value)), "f")
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    else:
        return None
    return value if value.isascii() and _DECIMAL.fullmatch(value) else None


def to_fraction(value: Any) -> float | None:
    """Return a share from 0 to 1 of a percentage or of a fraction.

    >>> to_fraction("11%"), to_fraction("0.1648"), to_fraction("0%"), to_fraction("")
    (0.11, 0.1648, 0.0, None)
    >>> to_fraction("11") is None  # 11 % or 11 times? Unknown.
    True
    """
    percent = isinstance(value, str) and value.strip().endswith("%")
    text = to_decimal(value.strip()[:-1] if percent else value)
    if text is None:
        return None
    share = float(Decimal(text) / 100) if percent else float(text)
    return share if share <= 1 else None


def to_quantity(value: Any) -> int | None:
    """Return a quantity sold; the lower bound where the API gives one.

    >>> to_quantity("100000+"), to_quantity("已售300+件"), to_quantity("全网4.1万+件")
    (100000, 300, 41000)
    >>> to_quantity("1.2万+"), to_quantity("1,500+"), to_quantity(""), to_quantity("many")
    (12000, 1500, None, None)
    >>> to_quantity("2千万"), to_quantity("10k+"), to_quantity("-5"), to_quantity("10-20件")
    (20000000, None, None, None)
    """
    if not isinstance(value, str):
        return to_int(value)
    found = _QUANTITY.fullmatch(value.replace(",", ""))
    return to_int(int(Decimal(found["number"]) * _UNITS[found["unit"]])) if found else None


def to_bool(value: Any) -> bool | None:
    """Return a truth value.

    >>> to_bool(True), to_bool("false"), to_bool(1), to_bool(""), to_bool("maybe")
    (True, False, True, None, None)
    """
    if isinstance(value, str):
        return {"true": True, "false": False, "1": True, "0": False}.get(value.strip().lower())
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    return None


#: The API's fields that a price may come from, in the order of preference; of those from the
#: fourth on the lowest is taken.
PRICE_FIELDS = (
    "price",
    "price_info.price",
    "price_info.sale_price",
    "price_info.origin_price",
    "price_info.wholesale_price",
    "price_info.drop_ship_price",
    "price_info.show_price",
)
_PREFERRED = 3


def _pick(candidates: Iterable[Any]) -> tuple[str, str] | None:
    """Return (price, field) of *candidates*, the values of :data:`PRICE_FIELDS`."""
    prices = []
    for place, (value, field) in enumerate(zip(candidates, PRICE_FIELDS, strict=False)):
        price = to_decimal(value)
        if price is not None:
            if place < _PREFERRED:
                return price, field
            prices.append((price, field))
    return min(prices, key=lambda priced: Decimal(priced[0]), default=None)


def pick_price(candidates: Iterable[Any]) -> list[str]:
    """Return the price, of the values of :data:`PRICE_FIELDS`: the preferred, else the lowest.

    >>> pick_price(["", None, "6.50"]), pick_price([None, "", None, "9", "8.10"])
    (['6.50'], ['8.10'])
    """
    found = _pick(candidates)
    return [found[0]] if found else []


def price_source(candidates: Iterable[Any]) -> list[str]:
    """Return the API's field that :func:`pick_price` takes the price from.

    >>> price_source(["", None, "6.50"]), price_source([None, "", None, "9", "8.10"])
    (['price_info.sale_price'], ['price_info.wholesale_price'])
    """
    found = _pick(candidates)
    return [found[1]] if found else []


class Every:
    """Input processor: read each value with one function, leave out what it knows nothing of.

    What ``MapCompose`` does with one function, without its look-up of arguments at each call.

    >>> Every(to_text)(["130822002", "", None, 104])
    ['130822002', '104']
    """

    __slots__ = ("read",)

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __call__(self, values: Iterable[Any]) -> list[Any]:
        read = self.read
        return [known for value in values if (known := read(value)) is not None]


class First:
    """Output processor: the first value.

    Unlike ``TakeFirst`` it takes 0, False and "" for values: they were read as such.

    >>> First()([0, 1])
    0
    """

    __slots__ = ()

    def __call__(self, values: list[Any]) -> Any:
        return values[0] if values else None


first = First()


def every(values: list[Any]) -> list[Any]:
    """Output processor: all values, in the API's order."""
    return values
