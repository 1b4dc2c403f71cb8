"""How the given text of an argument becomes a value: of the crawl's, and of a seed's own.

Each raises ValueError saying what is accepted.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tmapi_spiders.api.endpoint import FILTERS
from tmapi_spiders.errors import did_you_mean, shortened
from tmapi_spiders.inputs.combinations import Filters, PriceRange

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["filters_of", "prices_of", "words"]

_DECIMAL = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_RANGE = re.compile(rf"(?P<start>{_DECIMAL})?\s*-\s*(?P<end>{_DECIMAL})?")


def _split(given: Any) -> list[Any]:
    """Split a comma-separated list; a real list (from a script) is taken as it is."""
    words = given if isinstance(given, list | tuple) else str(given).split(",")
    return [word if isinstance(word, PriceRange) else str(word).strip() for word in words]


def _quote(words: list[str]) -> str:
    return f"{shortened(', '.join(map(repr, words)))} {'is' if len(words) == 1 else 'are'}"


def _unique(values: list[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def words(*accepted: str) -> Callable[[Any], tuple[str, ...]]:
    """Return what reads a list of some of the words *accepted*, without repeated ones.

    >>> words("en", "zh")("zh, en,zh")
    ('zh', 'en')
    """
    rule = f"accepted: {', '.join(accepted)}, or several separated by commas."

    def read(given: Any) -> tuple[str, ...]:
        found = _split(given)
        if wrong := [word for word in found if word not in accepted]:
            raise ValueError(f"{_quote(wrong)} not known; {rule}{did_you_mean(wrong[0], accepted)}")
        return _unique(found)

    return read


def prices_of(given: Any) -> tuple[PriceRange, ...]:
    """Read price ranges such as ``0-10,10-50,50-``; ``none`` is no range.

    >>> prices_of("-10,50-")
    (PriceRange(start=None, end='10'), PriceRange(start='50', end=None))

    :raises ValueError: naming the range that is wrong
    """
    rule = "accepted: START-END in decimals, either end may be left open: 0-10,10-50,50-"
    prices: dict[str, PriceRange] = {}
    problems = []
    for word in _split(given):
        found = None if isinstance(word, PriceRange) else _RANGE.fullmatch(word)
        if isinstance(word, PriceRange):
            price = word
        elif word in {"", "none"}:
            price = PriceRange()
        elif found and (found["start"] or found["end"]):
            price = PriceRange(found["start"], found["end"])
        else:
            problems.append(f"{shortened(repr(word))} is no price range")
            continue
        if price.start and price.end and Decimal(price.start) > Decimal(price.end):
            problems.append(f"{word!r} ends below its start")
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
    for alternative in _split(given):
        flags = [flag.strip() for flag in alternative.split("+")]
        if flags != ["none"]:
            wrong += [flag for flag in flags if flag not in FILTERS]
        alternatives.append(tuple(flag for flag in FILTERS if flag in flags))
    if wrong:
        raise ValueError(f"{_quote(wrong)} no filter; {rule}.{did_you_mean(wrong[0], FILTERS)}")
    return _unique(alternatives)
