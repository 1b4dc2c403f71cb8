"""Phrases: how counts, money and spans of time read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "about",
    "calls",
    "days",
    "dead_letters",
    "plural",
    "ranges",
    "refused_images",
    "sharing_images",
]


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


def ranges(numbers: Iterable[int]) -> str:
    """Return numbers that rise, those that follow each other in short.

    >>> ranges([3, 4, 5, 9, 11, 12])
    '3-5, 9, 11-12'
    """
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def sharing_images(count: int, dedupe: str) -> str:
    """Return how many seeds have the image of another, and what that means for products.jsonl.

    >>> sharing_images(2, "seed")
    '2 seeds have an image that another of them has too, under another id'

    :param count: how many: two or more
    :param dedupe: within what a product is written once
    """
    words = f"{count:,} seeds have an image that another of them has too, under another id"
    if dedupe == "job":
        words += (
            "; products.jsonl credits a product to one of them, so that another may seem to have "
            "found nothing: -s TMAPI_DEDUPE=seed writes it for each (sightings.jsonl always does)"
        )
    return words


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


def dead_letters(count: int) -> str:
    """Return how many answers are kept since they could not be turned into rows; a command follows.

    >>> dead_letters(1)[:59]
    '1 answer could not be turned into rows, or not all of it; t'
    """
    it, they = ("it", "it is") if count == 1 else ("them", "they are")
    return (
        f"{plural(count, 'answer')} could not be turned into rows, or not all of {it}; the log "
        f"says why. Nothing is lost: {they} kept (dead letters) and, once what failed is mended, "
        "read again without a call:"
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
