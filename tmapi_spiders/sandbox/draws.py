"""Deterministic draws: numbers from text, the same on every machine and in every process.

Python's own `hash` of a string changes from process to process, so nothing here uses it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_RANGE: Final = 2**64


def draw(*parts: object) -> int:
    """Return a whole number from 0 to 2**64 - 1 that depends only on the parts.

    >>> draw("look", "teapot")
    13221827597216769333
    >>> draw("a", "bc") == draw("ab", "c")
    False
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def chance(*parts: object) -> float:
    """Return a number from 0 up to but not including 1.

    >>> 0 <= chance("anything") < 1
    True
    """
    return (draw(*parts) >> 11) / (_RANGE >> 11)
