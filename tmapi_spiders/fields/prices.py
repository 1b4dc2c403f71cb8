"""Reads the API's prices as exact decimals, and picks the field that a product's price comes from.

Only unambiguous texts are read, a range as its lower end. "9,90" is not read, since it may be 9.90
or 990; nor is "$12", since the API's prices are in yuan and ``currency`` says so.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tmapi_spiders.processors import is_given, to_decimal, to_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "PRICE_FIELDS",
    "PickPrice",
    "PriceSource",
    "pick_price",
    "price_source",
    "to_price",
    "without_thousands",
]

#: The API's value for "no limit".
_NO_LIMIT = "2147483647"

#: Excludes "1,234", which may be 1234 or 1.234.
_NUMBER = (
    r"[1-9][0-9]{0,2}(?:,[0-9]{3})++\.[0-9]{1,4}"
    r"|[1-9][0-9]{0,2}(?:,[0-9]{3}){2,8}+"
    r"|[1-9][0-9]{0,2}(?:\.[0-9]{3})++,[0-9]{1,2}"
    r"|[0-9]++(?:\.[0-9]++)?"
)
_YUAN = "(?:CN¥|¥|CNY|RMB|人民币)"
_EACH = "[个個件只隻条條双雙套台张張片支枝把块枚根本顶对副盏辆部瓶米]|piece|pc|pcs|set|pair|unit"
_BEHIND = rf"(?: ?(?:元|圆|CNY|RMB|人民币|yuan))?(?: ?[/每] ?(?:{_EACH})| ?(?:{_EACH}))?"
_PRICE = re.compile(
    rf"(?:{_YUAN}:? ?)?(?P<low>{_NUMBER}){_BEHIND}(?: ?起|"
    rf" ?(?:-|–|—|~|至|到) ?(?:{_YUAN}:? ?)?(?P<high>{_NUMBER}){_BEHIND})?",
    re.IGNORECASE,
)


def to_price(value: Any) -> str | None:
    """Return a price as an exact decimal string, a range as its lower end.

    >>> to_price("60.00"), to_price(156.5), to_price(""), to_price("ask")
    ('60.00', '156.5', None, None)
    >>> to_price("¥1,234.50"), to_price("25.90-29.89"), to_price("12.0 元"), to_price("￥6/件")
    ('1234.50', '25.90', '12.0', '6')
    >>> to_price("9,90"), to_price("1,234"), to_price("$12"), to_price("29-25"), to_price("-5")
    (None, None, None, None, None)
    """
    price = to_decimal(value)
    if price is None and isinstance(value, str):
        price = _read(value)
    return price if price != _NO_LIMIT else None


def _read(text: str) -> str | None:
    """Return the price in a text that has more than a number."""
    try:
        found = _PRICE.fullmatch(to_plain(text))
    except ValueError:
        return None
    if found is None:
        return None
    low, high = without_thousands(found["low"]), without_thousands(found["high"] or found["low"])
    return low if Decimal(low) <= Decimal(high) else None


def without_thousands(number: str) -> str:
    """Return a number without its thousands separators.

    >>> [without_thousands(number) for number in ("1,234.50", "1.234,50", "1,234,567", "1.5")]
    ['1234.50', '1234.50', '1234567', '1.5']
    >>> without_thousands("1.234.567")
    '1234567'
    """
    if number.count(".") > 1 and "," not in number:
        return number.replace(".", "")
    if number.rfind(",") > number.rfind(".") >= 0:
        return number.replace(".", "").replace(",", ".")
    return number.replace(",", "")


#: The API's fields that a price may come from, in order of preference; from the fourth on, the
#: lowest one is taken.
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

#: Indexes of those that are fields of a product themselves, and are reported there if unreadable.
_OF_THEIR_OWN = frozenset({2, 3})


class PickPrice:
    """Input processor: picks the preferred of the values of :data:`PRICE_FIELDS`, else the lowest.

    >>> PickPrice()(["", None, "6.50"]), PickPrice()([None, "", None, "9", "8.10"])
    (['6.50'], ['8.10'])
    """

    __slots__ = ()

    def __call__(self, values: Iterable[Any]) -> list[str]:
        """Return a list with the price; an empty one if there is none."""
        return self.sift(values)[0]

    @staticmethod
    def sift(values: Iterable[Any]) -> tuple[list[str], list[Any]]:
        """Return the same, and the values that were given and could not be read.

        Fields of a product itself are reported there, unless there is no price at all.

        >>> PickPrice.sift(["9,90", None, "9.90", "ask"]), PickPrice.sift([None, None, "ask"])
        ((['9.90'], ['9,90']), ([], ['ask']))
        """
        chosen: str | None = None
        others: list[str] = []
        unread: list[Any] = []
        reported_elsewhere: list[Any] = []
        last = price = None
        for place, value in enumerate(values):
            if value is None or value == "":
                continue
            if value != last:  # most are alike
                last, price = value, to_price(value)
            if price is None:
                if is_given(value):
                    (reported_elsewhere if place in _OF_THEIR_OWN else unread).append(value)
            elif place < _PREFERRED:
                chosen = chosen or price
            else:
                others.append(price)
        chosen = chosen or min(others, key=Decimal, default=None)
        return ([], [*unread, *reported_elsewhere]) if chosen is None else ([chosen], unread)


class PriceSource(PickPrice):
    """Input processor: names the API's field that :class:`PickPrice` takes the price from.

    >>> PriceSource()(["", None, "6.50"]), PriceSource()([None, "", None, "9", "8.10"])
    (['price_info.sale_price'], ['price_info.wholesale_price'])
    """

    __slots__ = ()

    @staticmethod
    def sift(values: Iterable[Any]) -> tuple[list[str], list[Any]]:
        """Return a list with the field; unreadable values are reported for the price."""
        others = []
        for place, (value, field) in enumerate(zip(values, PRICE_FIELDS, strict=False)):
            price = None if value is None or value == "" else to_price(value)
            if price is not None:
                if place < _PREFERRED:
                    return [field], []
                others.append((Decimal(price), field))
        return [min(others, key=lambda priced: priced[0])[1]] if others else [], []


pick_price = PickPrice()
price_source = PriceSource()
