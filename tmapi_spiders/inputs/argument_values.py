"""Types of the arguments that a seed may override, each with its reader."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator

from tmapi_spiders.api.endpoint import FILTERS, LANGUAGES, SORTS
from tmapi_spiders.config.values import quoted, several_of, split, whole_number
from tmapi_spiders.errors import did_you_mean, shortened
from tmapi_spiders.inputs.combinations import Filters, PriceRange

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FilterSets",
    "Languages",
    "Limit",
    "PriceRanges",
    "Sorts",
    "count",
    "filters_of",
    "prices_of",
]

_DIGITS = re.compile("[0-9]{1,12}")
_DECIMAL = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_RANGE = re.compile(rf"(?P<start>{_DECIMAL})?\s*-\s*(?P<end>{_DECIMAL})?")


def count(least: int, most: int | None = None) -> Callable[[Any], int]:
    """Return a reader of counts in plain digits, for arguments and options of commands.

    Python takes ``1_0`` for 10 and ``-0`` for 0, and a count decides what is paid for.

    >>> count(1, 50)("20")
    20
    >>> count(0)("1_0")
    Traceback (most recent call last):
    ValueError: accepted: a whole number from 0 up to 999999999.
    """
    read_number = whole_number(least, most)

    def read(given: Any) -> int:
        text = str(given).strip()
        return read_number(text if _DIGITS.fullmatch(text) else "")

    return read


def prices_of(given: Any) -> tuple[PriceRange, ...]:
    """Read price ranges such as ``0-10,10-50,50-``; ``none`` means no range.

    >>> prices_of("-10,50-")
    (PriceRange(start=None, end='10'), PriceRange(start='50', end=None))

    :raises ValueError: naming the range that is wrong
    """
    rule = "accepted: START-END in decimals, either end may be left open: 0-10,10-50,50-"
    prices: dict[str, PriceRange] = {}
    problems = []
    for word in split(given):
        text = str(word).strip()
        found = _RANGE.fullmatch(text)
        if isinstance(word, PriceRange):
            price = word
        elif text in {"", "none"}:
            price = PriceRange()
        elif found and (found["start"] or found["end"]):
            price = PriceRange(found["start"], found["end"])
        else:
            problems.append(f"{shortened(repr(text))} is not a price range")
            continue
        if price.start and price.end and Decimal(price.start) > Decimal(price.end):
            problems.append(f"{text!r} ends below its start")
        prices.setdefault(price.key, price)
    if problems:
        raise ValueError(f"{', '.join(problems)}; {rule}")
    return tuple(prices.values())


def filters_of(given: Any) -> tuple[Filters, ...]:
    """Read alternatives of filters such as ``none,is_factory+free_shipping``.

    >>> filters_of("none,free_shipping+is_factory")
    ((), ('is_factory', 'free_shipping'))

    :raises ValueError: naming the flag that is wrong
    """
    rule = f"accepted: none, {', '.join(FILTERS)}; joined by + within one alternative"
    alternatives = []
    wrong: list[str] = []
    for alternative in split(given):
        flags = [flag.strip() for flag in str(alternative).split("+")]
        if flags != ["none"]:
            wrong += [flag for flag in flags if flag not in FILTERS]
        alternatives.append(tuple(flag for flag in FILTERS if flag in flags))
    if wrong:
        noun = "a filter" if len(wrong) == 1 else "filters"
        raise ValueError(f"{quoted(wrong)} not {noun}; {rule}.{did_you_mean(wrong[0], FILTERS)}")
    return tuple(dict.fromkeys(alternatives))


Languages = Annotated[tuple[str, ...], PlainValidator(several_of(*LANGUAGES))]
Sorts = Annotated[tuple[str, ...], PlainValidator(several_of(*SORTS))]
PriceRanges = Annotated[tuple[PriceRange, ...], PlainValidator(prices_of)]
FilterSets = Annotated[tuple[Filters, ...], PlainValidator(filters_of)]

#: A count that is not limited by 0.
Limit = Annotated[int, PlainValidator(count(0))]
