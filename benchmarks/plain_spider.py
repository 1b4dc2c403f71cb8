"""What a good user of Scrapy writes for the same pages: dicts made by hand.

Run with `scrapy runspider`, outside of any project; the feed is -o, and settings are Scrapy's own
except for those on the command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from by_hand import PATH, page_rows, question
from scrapy import Request, Spider
from w3lib.url import add_or_replace_parameter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import TextResponse


class PlainSpider(Spider):
    """Goes from page to page of each image.

    :param api: the base URL
    :param seeds: the file of images
    """

    name = "plain"
    api: str
    seeds: str

    async def start(self) -> AsyncIterator[Request]:
        """Yield the request for each image's first page."""
        for seed in self._images():
            parameters = urlencode({**question(seed), "apiToken": "bench"})
            yield Request(f"{self.api}{PATH}?{parameters}", cb_kwargs={"seed": seed})

    def _images(self) -> list[str]:
        return Path(self.seeds).read_text().split()

    def parse(  # type: ignore[override]
        self, response: TextResponse, seed: str, before: int = 0
    ) -> Iterator[Any]:
        """Yield the products of a page, then the request for the next one."""
        data = response.json()["data"]
        yield from page_rows(data, seed, before)
        if data["has_next_page"]:
            yield next_page(response, data["page"], seed, before + len(data["items"]))


def next_page(response: TextResponse, page: int, seed: str, before: int) -> Request:
    """Return the request for the next page."""
    url = add_or_replace_parameter(response.url, "page", str(page + 1))
    return Request(url, cb_kwargs={"seed": seed, "before": before})
