"""Pages as an API might serve them: plain ones, and odd ones that a word in the name asks for.

It is not proven that the real API's pages are full, do not overlap, and end (the API as observed):
a client must survive each of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from tmapi_spiders.sandbox.catalogue import CatalogueProduct
from tmapi_spiders.sandbox.images import SandboxImage, word_in

if TYPE_CHECKING:
    from tmapi_spiders.sandbox.answers import Answer

Matches = Sequence[CatalogueProduct]


@attrs.frozen
class PageShape:
    """One page of a search."""

    products: Matches
    total_count: int
    page_size: int
    """As the answer gives it, which may differ from what was asked for."""
    has_next_page: bool


def plain(matches: Matches, page: int, size: int) -> PageShape:
    """Return the page as documented."""
    start = (page - 1) * size
    end = start + size
    return PageShape(matches[start:end], len(matches), size, end < len(matches))


RAGGED: Final = (-3, 4, -1, 2)
"""By how much pages 1, 2, 3 … differ from the size asked for, repeated."""


def ragged(matches: Matches, page: int, size: int) -> PageShape:
    """Return pages with fewer or more items than asked for, and a different page_size."""
    # Every page has at least one item, so no page after that many can hold one.
    pages = min(page, len(matches) + 1)
    lengths = [max(1, size + RAGGED[number % len(RAGGED)]) for number in range(pages)]
    start = sum(lengths[:-1])
    end = start + lengths[-1]
    stated = size + lengths[-1]
    return PageShape(matches[start:end], len(matches), stated, end < len(matches))


def endless(matches: Matches, page: int, size: int) -> PageShape:
    """Return pages that never end; past the last match they begin again."""
    start = (page - 1) * size
    products = [matches[(start + i) % len(matches)] for i in range(size)] if matches else []
    return PageShape(products, len(matches), size, has_next_page=True)


OVERLAP: Final = 5


def overlap(matches: Matches, page: int, size: int) -> PageShape:
    """Return pages that begin with the last items of the one before."""
    start = (page - 1) * max(1, size - OVERLAP)
    end = start + size
    return PageShape(matches[start:end], len(matches), size, end < len(matches))


PAGINGS: Final[dict[str, Callable[[Matches, int, int], PageShape]]] = {
    "ragged": ragged,
    "endless": endless,
    "overlap": overlap,
}
MATCH_LIMITS: Final = {"nothing": 0, "onepage": 7}
"""The most matches that these words leave."""

BIG_TOTAL: Final = 2000


def page_of(image: SandboxImage, matches: Matches, page: int, size: int) -> PageShape:
    """Return the page that this image's name asks for."""
    for word, limit in MATCH_LIMITS.items():
        if image.says(word):
            matches = matches[:limit]
    paging = next((paging for word, paging in PAGINGS.items() if image.says(word)), plain)
    result = paging(matches, page, size)
    if (gap := word_in("gap", image.stem, r"-p(\d+)")) and int(gap.group(1)) == page:
        result = attrs.evolve(result, products=(), has_next_page=True)
    if image.says("bigtotal"):
        result = attrs.evolve(result, total_count=BIG_TOTAL)
    return result


def delay_of(image: SandboxImage) -> float:
    """Return how many seconds longer this image's calls take.

    >>> from tmapi_spiders.sandbox.images import read_image
    >>> [delay_of(read_image(f"/search/{name}.jpg", ())) for name in ("mug", "slow", "slow-0.5")]
    [0.0, 2.0, 0.5]
    """
    found = word_in("slow", image.stem, r"(?:-(\d+(?:\.\d+)?))?")
    return float(found.group(1) or 2) if found else 0.0


def dress(answer: Answer, image: SandboxImage) -> Answer:
    """Return the answer in the odd form that this image's name asks for.

    >>> from tmapi_spiders.sandbox.answers import success
    >>> from tmapi_spiders.sandbox.images import read_image
    >>> found = dress(success(None), read_image("/search/textcode-labelled-br.jpg", ()))
    >>> found.body, found.headers
    (b'{"code":"200","msg":"success","data":null}', {'Content-Encoding': 'br'})
    """
    if image.says("textcode") and answer.code is not None:
        number = b'"code":%d' % answer.code
        body = answer.body.replace(number, b'"code":"%d"' % answer.code, 1)
        answer = attrs.evolve(answer, body=body)
    if label := word_in("labelled", image.stem, r"-(gzip|deflate|br|zstd)"):
        headers = {**answer.headers, "Content-Encoding": label.group(1).lower()}
        answer = attrs.evolve(answer, headers=headers)
    return answer


UNUSABLE_IDS: Final = ("abc", 0, -5, True)


def mix(items: list[Any]) -> list[Any]:
    """Return the items mixed with elements that are not items, or have no usable id.

    >>> [x if isinstance(x, dict) else type(x).__name__ for x in mix([{"item_id": 7, "a": 1}])][:4]
    [{'item_id': 7, 'a': 1}, 'NoneType', 'str', {'a': 1}]
    """
    if not items:
        return items
    model = items[0]
    nameless = {key: value for key, value in model.items() if key != "item_id"}
    junk = [None, "not an item", nameless, *({**model, "item_id": bad} for bad in UNUSABLE_IDS)]
    return [items[0], *junk[:4], *items[1:], *junk[4:]]
