"""Decodes faulty JSON: everything readable is read, and one bad value costs no other."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEEPEST", "decode", "finite", "map_texts", "without_halves"]

#: Levels of objects and lists that are read. The API's answers have five; a product has those of
#: the user's row, at most 100.
DEEPEST = 200

#: Digits of a whole number. Python reads at most 4,300, and no field holds more than 19.
_LONGEST_NUMBER = 100


def decode(body: bytes) -> Any:
    r"""Decode JSON, even with an invalid byte, half a surrogate pair or an impossible number.

    A number that is too large becomes its text, as does NaN: that value is then reported as
    unreadable, and the others are unharmed.

    >>> decode(b'\xef\xbb\xbf{"title": "lamp \\ud83d"}')
    {'title': 'lamp ?'}
    >>> decode(b'[1e999, NaN, 2, %s]' % (b"9" * 5000))[:3]
    ['1e999', 'NaN', 2]

    :raises ValueError: if it is not JSON
    """
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8-sig", "replace")
        try:
            decoded = json.loads(text, parse_int=_whole, parse_float=finite, parse_constant=str)
        except RecursionError:
            raise ValueError(_TOO_DEEP) from None
        if "\\ud" in text or "\\uD" in text:
            decoded = map_texts(decoded, without_halves)
    return decoded


_TOO_DEEP = "nested too deeply"


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_NUMBER else text


def finite(text: str) -> float | str:
    """Return a number; its text if no float holds it."""
    number = float(text)
    return number if math.isfinite(number) else text


def map_texts(value: Any, change: Callable[[str], str], depth: int = 0) -> Any:
    """Return decoded JSON with each text changed, keys of objects included.

    >>> map_texts({"a": ["b", 1]}, str.upper)
    {'A': ['B', 1]}

    :raises ValueError: if it is nested deeper than :data:`DEEPEST`
    """
    if depth > DEEPEST:
        raise ValueError(_TOO_DEEP)
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_texts(one, change, depth + 1) for one in value]
    if isinstance(value, dict):
        return {change(name): map_texts(one, change, depth + 1) for name, one in value.items()}
    return value


def without_halves(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode()
