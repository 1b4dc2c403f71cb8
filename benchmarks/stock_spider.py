"""What a good user of scrapy-redis writes for the same pages: for distributed.py to compare with.

Its scheduler, queue, filter of duplicate requests and pipeline are scrapy-redis's own; products are
dicts made by hand. Run with `scrapy runspider`, outside of any project, with REDIS_URL set.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from scrapy import Request
from scrapy_redis.spiders import RedisSpider
from w3lib.url import add_or_replace_parameter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from scrapy.http import TextResponse

KEY = "stock"


def start_url(url: str, seed: str) -> bytes:
    """Return what is pushed to the key of start URLs for one query."""
    asked = {"language": "en", "img_url": seed, "sort": "default", "page": 1, "page_size": 20}
    return json.dumps({"url": f"{url}?{urlencode(asked)}", "meta": {"seed": seed}}).encode()


def number(text: str | None) -> int | None:
    """Return a count, of "100000+" too."""
    digits = (text or "").rstrip("+")
    return int(digits) if digits.isdigit() else None


def share(text: str | None) -> float | None:
    """Return "12%" as a fraction."""
    return float(text.rstrip("%")) / 100 if text else None


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
        # Of no use here, and a port less.
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
        fetched_at = datetime.now(UTC).isoformat()
        for rank, item in enumerate(data["items"], before + 1):
            yield product(item) | {
                "seed": seed,
                "language": "en",
                "sort": data["sort"],
                "price_start": data["filters"].get("price_start"),
                "price_end": data["filters"].get("price_end"),
                "filters": data["filters"],
                "page": data["page"],
                "rank": rank,
                "total_count": data["total_count"],
                "fetched_at": fetched_at,
            }
        if data["has_next_page"]:
            yield next_page(response.url, data["page"], seed, before + len(data["items"]))


def next_page(url: str, page: int, seed: str, before: int) -> Request:
    """Return the request for the page behind one."""
    meta = {"seed": seed, "before": before}
    return Request(add_or_replace_parameter(url, "page", str(page + 1)), meta=meta)


def product(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a product that are read from an element of the API's answer."""
    prices, delivery, shop = item["price_info"], item["delivery_info"], item["shop_info"]
    score, sold = shop["score_info"]["composite_score"], item["sale_info"]["sale_quantity_90days"]
    return {
        "item_id": item["item_id"],
        "product_url": item["product_url"],
        "title": item["title"],
        "title_origin": item["title_origin"],
        "img": item["img"],
        "category_path": item["category_path"],
        "price": item["price"] or prices["sale_price"] or None,
        "sale_price": prices["sale_price"] or None,
        "origin_price": prices["origin_price"] or None,
        "price_source": "price" if item["price"] else "price_info.sale_price",
        "currency": item["currency"],
        "moq": item["moq"],
        "sale_quantity_90days": number(sold),
        "sale_quantity_90days_text": sold,
        "area_from": delivery["area_from"],
        "free_shipping": delivery["free_shipping"],
        "ship_in_48h": delivery["ship_in_48h"],
        "company_name": shop["company_name"],
        "is_powerful_seller": shop["is_powerful_seller"],
        "is_super_factory": shop["is_super_factory"],
        "shop_years": shop["shop_years"],
        "composite_score": float(score) if score else None,
        "item_repurchase_rate": share(item["item_repurchase_rate"]),
        "low_refund_rate": item["low_refund_rate"],
        "one_piece_min_order": item["one_piece_min_order"],
        "is_ad": item.get("is_ad"),
    }
