"""What a good user of scrapy-redis writes for the same pages; distributed.py compares with it.

Its scheduler, queue, filter of duplicate requests and pipeline are scrapy-redis's own; products are
dicts made by hand. Run with `scrapy runspider`, outside of any project, with REDIS_URL set.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from by_hand import page_rows, question
from scrapy import Request
from scrapy_redis.spiders import RedisSpider
from w3lib.url import add_or_replace_parameter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import TextResponse

KEY = "stock"


def start_url(url: str, seed: str) -> bytes:
    """Return what to push to the key of start URLs for one query."""
    return json.dumps(
        {"url": f"{url}?{urlencode(question(seed))}", "meta": {"seed": seed}}
    ).encode()


class StockSpider(RedisSpider):  # type: ignore[misc]  # scrapy-redis has no types
    """Reads start URLs from Redis, and goes from page to page."""

    name = KEY
    custom_settings: ClassVar[dict[str, Any]] = {
        "SCHEDULER": "scrapy_redis.scheduler.Scheduler",
        "SCHEDULER_PERSIST": True,
        "SCHEDULER_QUEUE_CLASS": "scrapy_redis.queue.PriorityQueue",
        "DUPEFILTER_CLASS": "scrapy_redis.dupefilter.RFPDupeFilter",
        "ITEM_PIPELINES": {"scrapy_redis.pipelines.RedisPipeline": 300},
        "REDIS_URL": os.environ.get("REDIS_URL"),
        "CONCURRENT_REQUESTS": 16,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
        "DOWNLOAD_DELAY": 0,
        # Not needed here, and one port less.
        "TELNETCONSOLE_ENABLED": False,
        # As in this project: at DEBUG each item would be written to the log.
        "LOG_LEVEL": "INFO",
    }

    async def start(self) -> AsyncIterator[Request]:
        """Yield a first batch of requests; the mixin reads further ones when it is idle."""
        for request in self.next_requests():
            yield request

    def parse(self, response: TextResponse, **_: Any) -> Iterator[dict[str, Any] | Request]:
        """Yield the products of a page, then the request for the next one."""
        data = response.json()["data"]
        seed, before = response.meta["seed"], response.meta.get("before", 0)
        yield from page_rows(data, seed, before)
        if data["has_next_page"]:
            yield next_page(response.url, data["page"], seed, before + len(data["items"]))


def next_page(url: str, page: int, seed: str, before: int) -> Request:
    """Return the request for the next page."""
    meta = {"seed": seed, "before": before}
    return Request(add_or_replace_parameter(url, "page", str(page + 1)), meta=meta)
