"""Converts single values of the API to typed ones: pure functions; None where nothing can be read.

Missing or odd values are never guessed. The forms handled are those that users of the API have
seen (page "Values" of its observed behaviour) and the vendor's example. A text longer than
:data:`LONGEST` is never matched against a pattern, so no match takes long.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "LONGEST",
    "LONGEST_TEXT",
    "Every",
    "First",
    "every",
    "first",
    "is_given",
    "to_bool",
    "to_decimal",
    "to_float",
    "to_fraction",
    "to_int",
    "to_item_id",
    "to_plain",
    "to_quantity",
    "to_text",
    "to_words",
]

#: Characters of a number and what surrounds it.
LONGEST = 64

#: Characters of a text for people. The longest title seen has 200.
LONGEST_TEXT = 200_000

#: The API's value for "no limit"; it is never a real number.
_NO_LIMIT = 2**31 - 1

#: With thousands separators where they can't be a decimal comma: "1,500" pieces, but not "1,5".
_WHOLE = r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})++|[0-9]++)"

_DECIMAL = re.compile(r"\d+(?:\.\d+)?")

#: A number of pieces and nothing else: "2箱" is two boxes of unknown size.
_COUNT = re.compile(
    rf"(?:≥|>=)? ?({_WHOLE})(?:\.0{{1,4}})? ?"
    r"(?:[个個件只隻条條双双套台张張片支枝把块枚根本顶对副盏辆部瓶款年]|(?:piece|pc|set|pair|unit|year)s?)?"
    r" ?(?:起批|起订|起售|起)?",
    re.IGNORECASE,
)

#: What may surround a quantity: words and "+", but nothing that makes it another number, a price or
#: a share.
_AROUND = "[^-−–—~/%0-9A-Za-z.,¥$€£元²³¹¼½¾]"
#: One number with a known unit, among Chinese words and "+". With a sign, another Latin letter or a
#: second number, it would mean something else.
_QUANTITY = re.compile(
    rf"{_AROUND}*+(?P<number>{_WHOLE}(?:\.[0-9]++)?) ?+(?>(?P<unit>千万|百万|[千万亿]?))"
    rf"(?![百千万亿打]){_AROUND}*+(?:(?:piece|pc|set|pair|unit|item|result)s?|sold)?{_AROUND}*+"
)
_UNITS = {
    "": 1,
    "千": 1000,
    "万": 10_000,
    "百万": 1_000_000,
    "千万": 10_000_000,
    "亿": 100_000_000,
}

_NARROW = str.maketrans("０１２３４５６７８９．，＋－～％￥／：", "0123456789.,+-~%¥/:")

#: Only with its semicolon: without, "bags&parasols" would become "bags¶sols".
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def is_given(value: Any) -> bool:
    """Return whether the API gave a value, which is lost if it can't be read.

    Missing, null, blank, an empty list, the text "null" and the number for "no limit" are not.

    >>> [is_given(value) for value in (None, "", "  ", [], "null", 2147483647, "2147483647")]
    [False, False, False, False, False, False, False]
    >>> [is_given(value) for value in (0, False, "ask", {}, [None])]
    [True, True, True, True, True]
    """
    if isinstance(value, str):
        value = value.strip()
        return (
            bool(value)
            and not (len(value) == 4 and value.lower() == "null")
            and (value != str(_NO_LIMIT))
        )
    return value is not None and value not in ([], _NO_LIMIT)


def to_plain(text: str) -> str:
    """Return a short text with single spaces, and full-width digits and signs made ASCII.

    >>> to_plain(" １，５００\u3000件 ")
    '1,500 件'

    :raises ValueError: if it is too long for a number
    """
    if len(text) > LONGEST and len(text := text.strip()) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    return " ".join(text.translate(_NARROW).split())


def to_text(value: Any) -> str | None:
    """Return a string without surrounding white space; None for "", "null" and long texts.

    Long is more than :data:`LONGEST_TEXT`.

    >>> to_text(" lamp "), to_text(104), to_text(""), to_text("null"), to_text({})
    ('lamp', '104', None, None, None)
    """
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            return None
        value = value.strip()
        return value if value and (len(value) != 4 or is_given(value)) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def to_words(value: Any) -> str | None:
    """Return a text for people: HTML entities are decoded.

    >>> to_words("Men&#39;s &lt;Lamp&gt; &amp; Co"), to_words("R&D"), to_words("bags&parasols")
    ("Men's <Lamp> & Co", 'R&D', 'bags&parasols')
    """
    if not isinstance(value, str) or not 5 <= len(value) <= LONGEST_TEXT:
        return to_text(value)
    if "&" in value:
        value = _ENTITY.sub(lambda found: unescape(found[0]), value)
    value = value.strip()
    return value if len(value) > 4 else to_text(value)


def to_item_id(value: Any) -> int | None:
    """Return a positive integer, also from digits in a string.

    >>> to_item_id(908305897124), to_item_id("908305897124"), to_item_id(True), to_item_id("9a")
    (908305897124, 908305897124, None, None)
    """
    if type(value) is int and 0 < value < 2**63:
        return value
    return _to_whole(value) or None


def to_int(value: Any) -> int | None:
    """Return a whole number of 0 or more, also from a number of pieces in a string.

    >>> to_int("1"), to_int(9), to_int(9.0), to_int(-1), to_int("1.5"), to_int(None), to_int(False)
    (1, 9, 9, None, None, None, None)
    >>> to_int("1000个"), to_int("2件起批"), to_int("1,000"), to_int("1,5"), to_int("2箱")
    (1000, 2, 1000, None, None)
    >>> to_int(2147483647) is None  # no limit
    True
    """
    if type(value) is int and 0 <= value < _NO_LIMIT:  # nearly all values
        return value
    number = _to_whole(value)
    if number is None and isinstance(value, str):
        try:
            found = _COUNT.fullmatch(to_plain(value))
        except ValueError:
            return None
        number = _to_whole(found[1].replace(",", "")) if found else None
    return None if number == _NO_LIMIT else number


def _to_whole(value: Any) -> int | None:
    """Return a whole number of 0 or more, also from digits in a string."""
    if isinstance(value, str):
        if len(value) > LONGEST:
            return None
        value = value.strip()
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**63:
        return None
    return int(value) if value == int(value) else None


def to_float(value: Any) -> float | None:
    """Return a number of 0 or more, also from a decimal in a string.

    >>> to_float("4.0"), to_float(0), to_float(""), to_float("good"), to_float("9" * 400)
    (4.0, 0.0, None, None, None)
    """
    text = to_decimal(value)
    number = math.inf if text is None else float(text)
    return number if math.isfinite(number) else None


def to_decimal(value: Any) -> str | None:
    """Return a decimal as the exact string the API gave; numbers as their shortest decimal.

    >>> to_decimal("60.00"), to_decimal(156.5), to_decimal(6), to_decimal(""), to_decimal("ask")
    ('60.00', '156.5', '6', None, None)
    """
    if isinstance(value, str):
        if len(value) > LONGEST:
            return None
        value = value.strip()
    elif isinstance(value, float):
        value = format(Decimal(repr(value)), "f")
    elif isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    else:
        return None
    return value if value.isascii() and _DECIMAL.fullmatch(value) else None


def to_fraction(value: Any) -> float | None:
    """Return a share from 0 to 1, from a percentage or a fraction.

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
    """Return a quantity sold, or its lower bound if the API gives that.

    >>> to_quantity("100000+"), to_quantity("已售300+件"), to_quantity("全网4.1万+件")
    (100000, 300, 41000)
    >>> to_quantity("1.2万+"), to_quantity("1,500+"), to_quantity(""), to_quantity("many")
    (12000, 1500, None, None)
    >>> to_quantity("2千万"), to_quantity("10k+"), to_quantity("-5"), to_quantity("10-20件")
    (20000000, None, None, None)
    """
    if not isinstance(value, str) or value.isdigit():
        return to_int(value)
    try:
        found = _QUANTITY.fullmatch(to_plain(value))
    except ValueError:
        return None
    if not found:
        return None
    number = Decimal(found["number"].replace(",", "")) * _UNITS[found["unit"]]
    return to_int(int(number)) if number == int(number) else None


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


class Every:
    """Input processor: reads each value with one function, and drops those that give None.

    It does what ``MapCompose`` does with one function, without inspecting it at each call.

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
    """Output processor: takes the first value.

    Unlike ``TakeFirst``, it does not skip 0, False and "": they were read as values.

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
