"""Words for messages: counts, money, durations, and text from elsewhere made printable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from tmapi_spiders import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "about",
    "call_counts",
    "calls",
    "days",
    "dead_letters",
    "endings",
    "plural",
    "printable",
    "ranges",
    "refused_images",
    "sharing_images",
]

_STATUSES = ("complete", "empty", "partial", "failed", "not_started")

#: Stats of calls that a summary shows if they are not 0.
_OF_CALLS = {
    stats.CONVERSION_MADE: "of them conversions",
    stats.CONVERSION_WANTED: "refused until the image was converted",
    stats.CALL_RETRIED: "retried",
    stats.CALL_OVER_LIMIT: "refused over the account's limit (not counted)",
}


def plural(count: int, noun: str, many: str = "") -> str:
    """Return a count and its noun.

    >>> plural(1, "query", "queries"), plural(2000, "page")
    ('1 query', '2,000 pages')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def endings(queries: int, by_status: Mapping[str, int]) -> str:
    """Return how many queries there are, and how they ended.

    >>> endings(3, {"failed": 1, "complete": 2}), endings(1, {})
    ('3 queries: 2 complete, 1 failed', '1 query: none ended')
    """
    ended = [f"{by_status[status]:,} {status}" for status in _STATUSES if by_status.get(status)]
    return f"{plural(queries, 'query', 'queries')}: {', '.join(ended) or 'none ended'}"


def calls(count: int, price: float) -> str:
    """Return a number of calls, with what they cost if a price is set.

    >>> calls(12, 0.01), calls(1, 0)
    ('12 calls (cost 0.12)', '1 call')
    """
    return plural(count, "call") + (f" (cost {count * price:,.2f})" if price else "")


def call_counts(counted: Callable[[str], int]) -> list[str]:
    """Return what became of a run's calls, besides answers.

    :param counted: returns the count of a stat

    >>> call_counts({stats.CALL_RETRIED: 1200}.get)
    ['1,200 retried']
    """
    return [f"{count:,} {words}" for stat, words in _OF_CALLS.items() if (count := counted(stat))]


def days(*times: str) -> str:
    """Return the day of two times, or both days if they differ.

    >>> days("2026-11-23T18:00:00.000Z", "2026-11-24T03:00:00.000Z")
    '2026-11-23 to 2026-11-24'
    """
    return " to ".join(dict.fromkeys(time[:10] for time in times))


def ranges(numbers: Iterable[int]) -> str:
    """Return rising numbers as text, consecutive ones as a range.

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
    """Return how many seeds share their image, and what that means for products.jsonl.

    >>> sharing_images(2, "seed")
    '2 seeds share their image with another seed, under another id'

    :param count: how many: two or more
    :param dedupe: within what a product is written once
    """
    words = f"{count:,} seeds share their image with another seed, under another id"
    if dedupe == "job":
        words += (
            "; products.jsonl credits a product to one of them, so another may seem to have found "
            "nothing: -s TMAPI_DEDUPE=seed writes it for each (sightings.jsonl always does)"
        )
    return words


def refused_images(count: int, price: float) -> str:
    """Return how many calls were refused because their images had to be converted, and the cost.

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
    """Return how many answers are kept as dead letters; the caller adds the command to read them.

    >>> dead_letters(1)[:59]
    '1 answer could not be turned into rows, or not all of it; t'
    """
    it, they = ("it", "it is") if count == 1 else ("them", "they are")
    return (
        f"{plural(count, 'answer')} could not be turned into rows, or not all of {it}; the log "
        f"says why. Nothing is lost: {they} kept (dead letters). Once the cause is fixed, read "
        f"{it} again without a call:"
    )


def about(seconds: float) -> str:
    """Return a duration as an estimate.

    >>> about(20), about(250), about(7000)
    ('less than a minute', 'about 4 min', 'about 1 h 57 min')
    """
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than a minute"
    hours, rest = divmod(minutes, 60)
    return f"about {hours:,} h {rest} min" if hours else f"about {minutes} min"


#: Characters of text from elsewhere; no one reads more.
LONGEST: Final = 300

_SPACE: Final = re.compile(r"\s+")


def printable(text: object, longest: int = LONGEST) -> str:
    r"""Return text on one line, cut short, without anything that a terminal would act on.

    That is control characters, line breaks of any script, and marks that change the direction of
    writing: with them, text from elsewhere could clear a screen or forge log lines.

    >>> printable("bad key\x1b[2J\r\n2026-01-01 [scrapy] INFO: all is well \u202edne")
    'bad key?[2J 2026-01-01 [scrapy] INFO: all is well ?dne'
    >>> printable("a lamp", 4)
    'a l…'

    :param longest: characters of the result
    """
    cut = str(text)[: longest + 1]  # the rest need not be scanned
    if len(cut) > longest:
        cut = f"{cut[: longest - 1]}…"
    return "".join(one if one.isprintable() else "?" for one in _SPACE.sub(" ", cut).strip())
