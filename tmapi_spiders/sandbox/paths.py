"""The paths that conversions return: a new one each time, and not good for ever."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from tmapi_spiders.sandbox.draws import draw
from tmapi_spiders.sandbox.images import SEARCH_PATH, stem_of

if TYPE_CHECKING:
    from collections.abc import Callable


def converted_path(url: str, earlier: int) -> str:
    """Return the path of a conversion, by the URL and how often it was converted before.

    >>> converted_path("https://example.com/pictures/mug.jpg", 0)
    '/search/imgextra/1623931980441_mug.jpg'
    """
    # The API's paths begin with 13 digits, as a time in milliseconds has.
    number = 1_600_000_000_000 + draw("convert", url, earlier) % 100_000_000_000
    return f"{SEARCH_PATH}imgextra/{number}_{stem_of(urlsplit(url).path)}.jpg"


@attrs.define
class _Made:
    at: float
    searches: int = 0
    is_expired: bool = False


class Paths:
    """The paths this sandbox has returned. Any other path is good, since its age is not known."""

    def __init__(
        self, seconds: float, searches: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._searches = searches
        self._clock = clock
        self._made: dict[str, _Made] = {}
        self._conversions: Counter[str] = Counter()

    def make(self, url: str) -> str:
        """Return a new path to an image."""
        path = converted_path(url, self._conversions[url])
        self._conversions[url] += 1
        self._made[path] = _Made(self._clock())
        return path

    def is_stale(self, path: str) -> bool:
        """Count a search by this path; return whether it is one too many, or too late."""
        made = self._made.get(path)
        if made is None:
            return False
        made.searches += 1
        if self._searches and made.searches > self._searches:
            return True
        return made.is_expired or bool(self._seconds and self._clock() > made.at + self._seconds)

    def expire(self) -> int:
        """Make all paths returned so far stale; return how many there are."""
        for made in self._made.values():
            made.is_expired = True
        return len(self._made)

    def reset(self) -> None:
        """Forget all paths."""
        self._made.clear()
        self._conversions.clear()
