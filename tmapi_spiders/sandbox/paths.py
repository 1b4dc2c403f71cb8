"""The paths that conversions give: another one each time, and not good for ever."""

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
    """The path that a conversion answers: by the URL and how often it was converted before.

    >>> converted_path("https://example.com/pictures/mug.jpg", 0)
    '/search/imgextra/1623931980441_mug.jpg'
    """
    # 13 digits as a time in milliseconds has, which is what the API's paths begin with.
    number = 1_600_000_000_000 + draw("convert", url, earlier) % 100_000_000_000
    return f"{SEARCH_PATH}imgextra/{number}_{stem_of(urlsplit(url).path)}.jpg"


@attrs.define
class _Made:
    at: float
    searches: int = 0
    is_expired: bool = False


class Paths:
    """The paths that this sandbox has handed out. Any other is good: nobody knows its age."""

    def __init__(
        self, seconds: float, searches: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._searches = searches
        self._clock = clock
        self._made: dict[str, _Made] = {}
        self._conversions: Counter[str] = Counter()

    def make(self, url: str) -> str:
        """A new path to an image."""
        path = converted_path(url, self._conversions[url])
        self._conversions[url] += 1
        self._made[path] = _Made(self._clock())
        return path

    def is_stale(self, path: str) -> bool:
        """Whether a search by this path is one too many, or comes too late; it is counted."""
        made = self._made.get(path)
        if made is None:
            return False
        made.searches += 1
        if self._searches and made.searches > self._searches:
            return True
        return made.is_expired or bool(self._seconds and self._clock() > made.at + self._seconds)

    def expire(self) -> int:
        """Have all paths go stale that were handed out so far; returns how many those are."""
        for made in self._made.values():
            made.is_expired = True
        return len(self._made)

    def reset(self) -> None:
        """Forget them."""
        self._made.clear()
        self._conversions.clear()
