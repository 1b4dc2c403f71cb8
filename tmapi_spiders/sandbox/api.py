"""The two endpoints of the API, for calls the account has let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from tmapi_spiders.sandbox import faults
from tmapi_spiders.sandbox.account import CONVERT, SEARCH
from tmapi_spiders.sandbox.answers import (
    CONVERT_FIRST,
    IMAGE_DENIED,
    PARAMETER_ERROR,
    Answer,
    refusal,
    success,
)
from tmapi_spiders.sandbox.draws import chance
from tmapi_spiders.sandbox.images import ALIBABA, FOREIGN, SandboxImage, read_image
from tmapi_spiders.sandbox.looks import Look, look_of
from tmapi_spiders.sandbox.page_shapes import PageShape, delay_of, dress, mix, page_of
from tmapi_spiders.sandbox.parameters import ParameterError, SearchCall, read_search
from tmapi_spiders.sandbox.paths import Paths
from tmapi_spiders.sandbox.search import Search

if TYPE_CHECKING:
    from collections.abc import Collection

    from tmapi_spiders.sandbox.catalogue import Catalogue, CatalogueProduct
    from tmapi_spiders.sandbox.options import SandboxOptions

TEXT_TOTAL_SHARE: Final = 0.05
"""The share of images whose searches give `total_count` as text."""


@attrs.frozen
class Caller:
    """What an answer needs from the request besides its parameters."""

    base: str
    """The sandbox's address as the client wrote it: "http://host:port"."""
    own_hosts: Collection[str]
    """All "host:port" under which the sandbox is reached."""
    url: str
    """The whole URL of the request, with the token: some answers echo it."""
    earlier: int
    """How often the same call was made before."""


class Api:
    """Answers searches and conversions from one catalogue."""

    def __init__(self, options: SandboxOptions, catalogue: Catalogue) -> None:
        self._day = options.day
        self._catalogue = catalogue
        self._search = Search(catalogue)
        self._refuses = {"foreign": {FOREIGN}, "all": {FOREIGN, ALIBABA}, "none": set()}[
            options.refused
        ]
        self._stale = options.stale
        self.paths = Paths(options.path_seconds, options.path_searches)
        self._injection = faults.Injection(
            options.failure_rate, options.failure_kinds or faults.TRANSIENT_KINDS, options.seed
        )

    def search(self, query: dict[str, str], caller: Caller) -> tuple[Answer, float]:
        """Return the answer to a search, and the extra seconds it takes."""
        try:
            call = read_search(query)
            image = read_image(call.img_url, caller.own_hosts)
            fault = faults.marked_fault(
                image.stem, faults.SEARCH_MARK, call.page, caller.earlier, self._day
            ) or self._injected(SEARCH, query, image, caller.earlier)
        except ParameterError as exc:
            return _wrong(str(exc)), 0.0
        is_stale = self.paths.is_stale(call.img_url)
        if image.host in self._refuses or (is_stale and self._stale == "refused"):
            answer = refusal(422, 422, CONVERT_FIRST)
        elif is_stale or fault is faults.FAULTS["empty"]:
            answer = _answer(call, PageShape((), 0, call.page_size, has_next_page=False), [])
        elif fault:
            answer = fault.answer
        elif image.says("echo"):
            answer = _wrong(caller.url)
        elif image.says("redirect"):
            answer = Answer(302, b"", headers={"Location": caller.url})
        else:
            answer = self._page(call, image, caller.base)
        return dress(answer, image), delay_of(image)

    def convert(self, fields: dict[str, Any], caller: Caller) -> tuple[Answer, float]:
        """Return the answer to a conversion, and the extra seconds it takes."""
        url = fields["url"]
        image = read_image(url, caller.own_hosts)
        try:
            fault = faults.marked_fault(
                image.stem, faults.CONVERSION_MARK, None, caller.earlier, self._day
            ) or self._injected(CONVERT, fields, image, caller.earlier)
        except ParameterError as exc:
            return _wrong(str(exc)), 0.0
        if fault:
            answer = fault.answer
        elif image.says("unconvertible"):
            answer = refusal(422, 422, IMAGE_DENIED)
        else:
            answer = success({"image_url": self.paths.make(url)})
        return dress(answer, image), delay_of(image)

    def product_named(self, stem: str) -> CatalogueProduct | None:
        """Return the product whose picture has this name."""
        return self._catalogue.pictured(int(stem)) if stem.isascii() and stem.isdigit() else None

    def look_of(self, image: SandboxImage) -> Look:
        """Return what a search sees in an image."""
        pictured = self.product_named(image.stem)
        return pictured.look if pictured else look_of(image.stem)

    def _injected(
        self, endpoint: str, fields: dict[str, Any], image: SandboxImage, earlier: int
    ) -> faults.Fault | None:
        # By name, not by URL: the URLs of the sandbox's pictures change with its port.
        named = fields | {"img_url": image.stem, "url": ""}
        key = "&".join(f"{name}={named[name]}" for name in sorted(named))
        return self._injection.fault(f"{endpoint}?{key}", earlier)

    def _page(self, call: SearchCall, image: SandboxImage, base: str) -> Answer:
        is_read = image.is_searchable and (image.is_converted or not image.says("unreadable"))
        matches = self._matches(call, image) if is_read else ()
        page = page_of(image, matches, call.page, call.page_size)
        items = [product.item(call.language, base) for product in page.products]
        return _answer(
            call,
            page,
            mix(items) if image.says("mixed") else items,
            text_total=chance("total as text", image.stem) < TEXT_TOTAL_SHARE,
        )

    def _matches(self, call: SearchCall, image: SandboxImage) -> tuple[CatalogueProduct, ...]:
        pictured = self.product_named(image.stem)
        return self._search.find(
            self.look_of(image),
            pictured.item_id if pictured else None,
            call.sort,
            (call.price_start, call.price_end),
            call.flags,
        )


def _wrong(message: str) -> Answer:
    return refusal(422, 422, f"{PARAMETER_ERROR}: {message}")


def _answer(
    call: SearchCall, page: PageShape, items: list[Any], *, text_total: bool = False
) -> Answer:
    """Return a true page, with keys in the order of the vendor's example."""
    answer = success(
        {
            "page": call.page,
            "page_size": page.page_size,
            "total_count": str(page.total_count) if text_total else page.total_count,
            "keyword": "",
            "sort": call.sort,
            "cat_id": None,
            "filters": call.filters,
            "items": items,
            "has_next_page": page.has_next_page,
        }
    )
    item_ids = tuple(product.item_id for product in page.products)
    return attrs.evolve(answer, language=call.language, item_ids=item_ids)
