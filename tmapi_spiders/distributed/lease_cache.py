"""Scrapy's HTTP cache in a worker: answers that exist already are not paid for again.

They come from dead letters that are replayed and from other jobs' conversions. New answers are
held until they are committed, so that one that can't be parsed can become a dead letter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.http import JsonResponse

from tmapi_spiders import stats
from tmapi_spiders.api.answers import read_answer
from tmapi_spiders.api.calls import call_of
from tmapi_spiders.distributed.worker import worker_of

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.http import Response
    from scrapy.settings import BaseSettings


__all__ = ["LeaseStorage"]


class LeaseStorage:
    """Serves the answers that come with leases (``HTTPCACHE_STORAGE``)."""

    def __init__(self, settings: BaseSettings) -> None:
        """Create the storage; it has no settings."""

    def open_spider(self, spider: Spider) -> None:
        """Do nothing."""

    def close_spider(self, spider: Spider) -> None:
        """Do nothing."""

    def retrieve_response(self, spider: Spider, request: Request) -> Response | None:
        """Return the answer that came with the lease, if any."""
        worker, call = worker_of(spider.crawler), call_of(request)
        lease = worker.holding.of(call)
        if call is None or lease is None or not lease.body:
            return None
        call.answer = read_answer(200, lease.body, conversion=call.is_conversion)
        call.fetched_at, call.kept = lease.fetched_at, call.is_conversion
        lease.answer = lease.body
        worker.count(stats.CONVERSION_KEPT if call.is_conversion else stats.PAGE_REPLAYED)
        return JsonResponse(request.url, status=200, body=lease.body, request=request)

    def store_response(self, spider: Spider, request: Request, response: Response) -> None:
        """Hold an answer that was paid for in its lease."""
        worker, call = worker_of(spider.crawler), call_of(request)
        lease = worker.holding.of(call)
        if call is not None and lease is not None:
            lease.answer, lease.fetched_at = response.body, call.fetched_at
