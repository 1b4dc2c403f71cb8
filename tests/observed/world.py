"""The images, products, pages and paths of the second TMAPI: what it answers, without HTTP."""

from __future__ import annotations

import json
import random
import string
import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.observed.answers import KINDS_OF_422, Payload, Reply, refusal
from tests.observed.values import Product, Truth, product

ALIBABA = ("alicdn.com", "1688.com", "taobao.com", "tmall.com", "alibaba.com", "aliimg.com")
ENDPOINTS = ("/search/image", "/global/search/image", "/global/search/image/v2")
FILTERS = (
    *("price_start", "price_end", "support_dropshipping", "is_factory"),
    *("verified_supplier", "free_shipping", "new_arrival"),
)
LARGEST_PAGE = 20

_CHOICES = {
    "accepts": ("none", "alibaba", "alibaba-foreign-empty"),
    "stale": ("422", "empty"),
    "refusal": ("both", "status", "code"),
    "next_page": ("honest", "always"),
    "after_end": ("empty", "repeat"),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """How one server behaves where the evidence leaves it open."""

    products: int = 60
    """The number of products of an image, if nothing else is set."""
    accepts: str = "none"
    """The URLs that a search reads without a conversion: none of them; those on Alibaba's hosts,
    foreign ones are refused (``alibaba``) or find nothing (``alibaba-foreign-empty``)."""
    stale: str = "422"
    """How a path that is stale or was never made is answered: ``422`` or ``empty``."""
    uses: int | None = None
    """How many searches a path is good for."""
    refusal: str = "both"
    """Where a refusal has 422: in the HTTP ``status``, the body's ``code``, or ``both``."""
    total: int | str = "real"
    """``total_count``: ``real`` (2000 at most), ``text`` (the same as a string), or a number."""
    next_page: str = "honest"
    """``has_next_page``: ``honest``, or ``always`` true."""
    after_end: str = "empty"
    """Pages after the last: ``empty``, or they ``repeat`` it."""
    overlaps: bool = False
    """From page 6 on, 1 to 13 items of a page repeat the last ones of the pages before."""
    ragged: bool = False
    """Pages hold up to two items less than they say."""
    says_page_size: int | None = None
    """``page_size`` in every answer, whatever was asked for."""
    without_id: int = 0
    """How many elements after the items of every page have no usable ``item_id``."""
    limit: int | None = None
    """The most concurrent calls; more are answered 503, by status and by code in turn."""
    latency: float = 0.0
    """How many seconds a call takes."""

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"{name}={value!r} is none of {', '.join(choices)}")
        if isinstance(self.total, str) and self.total not in ("real", "text"):
            raise ValueError(f"total={self.total!r} is not a number, and neither real nor text")


@dataclass
class _Path:
    image: str
    uses: int | None = None
    is_live: bool = True


@dataclass
class World:
    """Not thread-safe: callers must lock it."""

    options: Options
    paths: dict[str, _Path] = field(default_factory=dict)
    """Images by path, both converted and registered."""
    sizes: dict[str, int] = field(default_factory=dict)
    truths: dict[int, Truth] = field(default_factory=dict)
    _products: dict[str, list[Product]] = field(default_factory=dict)

    def image_of(self, url: str) -> str:
        """Return the name of the image of a URL or a path."""
        if url in self.paths:
            return self.paths[url].image
        try:
            return PurePosixPath(unquote(urlsplit(url).path)).stem
        except ValueError:
            return ""

    def products(self, image: str) -> list[Product]:
        found = self._products.setdefault(image, [])
        for index in range(len(found), self.sizes.get(image, self.options.products)):
            found.append(product(image, index))
            self.truths[found[-1].truth.item_id] = found[-1].truth
        return found[: self.sizes.get(image, self.options.products)]

    def pages(self, image: str, size: int) -> list[list[Product]]:
        """Return the pages there are, the same for every search."""
        products = self.products(image)
        pages: list[list[Product]] = []
        start = 0
        while start < len(products):
            number = len(pages) + 1
            room = max(1, size - number % 3) if self.options.ragged else size
            repeats = min(number * 5 % 13 + 1, room - 1, start)
            if number < 6 or not self.options.overlaps:
                repeats = 0
            end = start + room - repeats
            pages.append(products[start - repeats : end])
            start = end
        return pages

    def add_path(self, path: str, image: str | None = None) -> None:
        self.paths[path] = _Path(image or self.image_of(path), self.options.uses)

    def expire(self, image: str) -> None:
        for path in self.paths.values():
            path.is_live = path.is_live and path.image != image

    def convert(self, body: bytes) -> Payload | Reply:
        try:
            asked = json.loads(body)
            url = asked["url"]
            parts = urlsplit(url)
        except (ValueError, TypeError, KeyError, AttributeError):
            return self._refusal("parameter")
        endpoint = asked.get("search_api_endpoint", ENDPOINTS[0])
        if parts.scheme not in ("http", "https") or not parts.hostname or endpoint not in ENDPOINTS:
            return self._refusal("parameter")
        letters = "".join(random.choices(string.ascii_lowercase + string.digits, k=8))
        path = f"/search/imgextra/{time.time_ns() // 10**6}_{letters}.jpg"
        self.add_path(path, self.image_of(url))
        return {"code": 200, "msg": "success", "data": {"image_url": path}}

    def search(self, params: dict[str, str]) -> Payload | Reply:
        url = params.get("img_url", "")
        numbers = [params.get("page", "1"), params.get("page_size", "20")]
        if not all(text.isdecimal() and int(text) for text in numbers):
            return self._refusal("parameter")
        if url.startswith("/search/"):
            return self._search_by_path(url, params)
        return self._search_by_url(url, params)

    def _search_by_url(self, url: str, params: dict[str, str]) -> Payload | Reply:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host:
            return self._refusal("parameter")
        if parts.path in self.paths:  # A path with a host in front of it.
            return self._found("", params)
        is_foreign = not any(f".{host}".endswith(f".{ours}") for ours in ALIBABA)
        if self.options.accepts == "none" or (is_foreign and self.options.accepts == "alibaba"):
            return self._refusal("convert first")
        return self._found("" if is_foreign else self.image_of(url), params)

    def _search_by_path(self, url: str, params: dict[str, str]) -> Payload | Reply:
        path = self.paths.get(url)
        if path is None or not path.is_live or path.uses == 0:
            if self.options.stale == "422":
                return self._refusal("convert first")
            return self._found("", params)
        if path.uses is not None:
            path.uses -= 1
        return self._found(path.image, params)

    def _refusal(self, kind: str) -> Reply:
        return refusal(KINDS_OF_422[kind], self.options.refusal)

    def _found(self, image: str, params: dict[str, str]) -> Payload:
        """Return the page of an image; an empty one if there is no image."""
        size = min(int(params.get("page_size", "20")), LARGEST_PAGE)
        return self._page(self.pages(image, size) if image else [], params)

    def _page(self, pages: list[list[Product]], params: dict[str, str]) -> Payload:
        options = self.options
        number = int(params.get("page", "1"))
        shown = number
        if options.after_end == "repeat":
            shown = min(number, len(pages))
        items = [one.raw for one in pages[shown - 1]] if 0 < shown <= len(pages) else []
        if items:
            idless = [None, "", "null", "x"]
            items += [items[0] | {"item_id": idless[n % 4]} for n in range(options.without_id)]
        real = min(2000, len({one.truth.item_id for page in pages for one in page}))
        total = {"real": real, "text": str(real)}.get(str(options.total), options.total)
        data: dict[str, Any] = {
            "page": number,
            "page_size": options.says_page_size
            or min(int(params.get("page_size", "20")), LARGEST_PAGE),
            "total_count": total if pages else 0,
            "keyword": "",
            "sort": params.get("sort", "default"),
            "cat_id": None,
            "filters": {name: params[name] for name in FILTERS if name in params},
            "items": items,
            "has_next_page": bool(pages) and (options.next_page == "always" or number < len(pages)),
        }
        return {"code": 200, "msg": "success", "data": data}
