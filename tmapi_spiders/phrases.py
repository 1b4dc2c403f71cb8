"""Phrases: how counts, money and spans of time read."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["about", "calls", "days", "on_a_line", "plural", "refused_images", "repeated_images"]

#: Control characters, and those that turn the direction of what follows.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def on_a_line(text: object, longest: int) -> str:
    r"""Return text that others wrote as a terminal may be given it, cut where it is longer.

    >>> on_a_line("a\x1b[2J\r\nb\u202e", 80), on_a_line("a lamp", 4)
    ('a [2J  b ', 'a l…')
    """
    # Cut first: what is left out is not looked through.
    cut = str(text)[: longest + 1]
    return _CONTROLS.sub(" ", cut if len(cut) <= longest else f"{cut[: longest - 1]}…")


def plural(count: int, noun: str, many: str = "") -> str:
    """Return a count and its noun.

    >>> plural(1, "query", "queries"), plural(2000, "page")
    ('1 query', '2,000 pages')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def calls(count: int, price: float) -> str:
    """Return a number of calls, with what they cost if a price is set.

    >>> calls(12, 0.01), calls(1, 0)
    ('12 calls (cost 0.12)', '1 call')
    """
    return plural(count, "call") + (f" (cost {count * price:,.2f})" if price else "")


def days(*times: str) -> str:
    """Return the day, or the days, of two times.

    >>> days("2026-11-23T18:00:00.000Z", "2026-11-24T03:00:00.000Z")
    '2026-11-23 to 2026-11-24'
    """
    return " to ".join(dict.fromkeys(time[:10] for time in times))


def repeated_images(count: int) -> str:
    """Return how many seeds have the image of another, in words.

    >>> repeated_images(1)
    '1 seed has an image that another seed has too, under another id'
    """
    has = "has" if count == 1 else "have"
    return f"{plural(count, 'seed')} {has} an image that another seed has too, under another id"


def refused_images(count: int, price: float) -> str:
    """Return what it cost that the API refused images until they were converted, in words.

    >>> refused_images(1, 0.5)[:55]
    '1 call (cost 0.50) was refused until its image was conv'
    >>> refused_images(2, 0)[:51]
    '2 calls were refused until their images were conver'
    """
    one, many = "was refused until its image was", "were refused until their images were"
    return (
        f"{calls(count, price)} {one if count == 1 else many} converted. Later jobs convert such "
        "images first; for others on Alibaba's hosts, -a convert=always saves the refused call"
    )


def about(seconds: float) -> str:
    """Return a span of time as an estimate is told.

    >>> about(20), about(250), about(7000)
    ('less than a minute', 'about 4 min', 'about 1 h 57 min')
    """
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than a minute"
    hours, rest = divmod(minutes, 60)
    return f"about {hours:,} h {rest} min" if hours else f"about {minutes} min"
