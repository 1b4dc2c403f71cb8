"""What ties a worker to Scrapy: its spider middleware and its extension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.exceptions import CloseSpider

from tmapi_spiders import stats
from tmapi_spiders.calls import call_of
from tmapi_spiders.closing import Closing
from tmapi_spiders.distributed import telling
from tmapi_spiders.downloader_middleware import AnswerMiddleware
from tmapi_spiders.items import Product
from tmapi_spiders.jsonl import to_line
from tmapi_spiders.pipelines import Rejected
from tmapi_spiders.sandbox import Sandbox
from tmapi_spiders.spider_middleware import LedgerSpiderMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from typing import Self

    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.worker import Worker

__all__ = ["LeaseSpiderMiddleware", "WorkerExtension"]


def _worker(crawler: Crawler) -> Worker:
    worker: Worker = crawler.spider.run  # type: ignore[union-attr]
    return worker


class LeaseSpiderMiddleware(LedgerSpiderMiddleware):
    """Tells when a callback has run to its end: before that, nothing of its page is committed."""

    def process_spider_output(
        self,
        response: Response | None,
        result: Iterable[Any],
        spider: Spider | None = None,  # noqa: ARG002
    ) -> Iterator[Any]:
        """Let everything through, then note the end."""
        yield from super().process_spider_output(response, result)
        self._ended(response)

    async def process_spider_output_async(
        self,
        response: Response | None,
        result: AsyncIterator[Any],
        spider: Spider | None = None,  # noqa: ARG002
    ) -> AsyncIterator[Any]:
        """Let everything through, then note the end."""
        async for item in super().process_spider_output_async(response, result):
            yield item
        self._ended(response)

    def _ended(self, response: Response | None) -> None:
        call, worker = call_of(response), _worker(self.crawler)
        lease = worker.held.get(call.query_id) if call is not None else None
        if lease is not None:
            lease.callback_ended = True
            worker.commit_if_whole(lease)


class WorkerExtension:
    """Starts and ends a worker, and tells it what became of each product."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._worker = _worker(crawler)
        self._sandbox: Sandbox | None = None
        for handler, signal in (
            (self.spider_opened, signals.spider_opened),
            (self.item_scraped, signals.item_scraped),
            (self.item_dropped, signals.item_dropped),
            (self.item_error, signals.item_error),
            (self.spider_error, signals.spider_error),
            (self.spider_closed, signals.spider_closed),
            (self.engine_stopped, signals.engine_stopped),
        ):
            crawler.signals.connect(handler, signal)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the extension."""
        return cls(crawler)

    async def spider_opened(self) -> None:
        """Start the worker, and its sandbox if it has one."""
        crawler, worker = self._crawler, self._worker
        closing = Closing(crawler)
        if worker.config.sandbox:
            self._sandbox = Sandbox(worker.config.sandbox_options)
            worker.base_url = await self._sandbox.start()
        for middleware in (HttpCacheMiddleware, AnswerMiddleware):
            if crawler.get_downloader_middleware(middleware) is None:
                worker.stop("settings", f"{middleware.__name__} is off (DOWNLOADER_MIDDLEWARES)")
        telling.announce(worker)
        assert crawler.stats is not None
        assert crawler.engine is not None
        worker.start(crawler.stats, closing.begin, self._request, crawler.engine.crawl)
        if worker.stop_reason is not None:
            raise CloseSpider(worker.stop_reason)

    def _request(self, lease: Lease) -> Request:
        """Return the request of a lease."""
        spider: Any = self._crawler.spider
        query, progress = lease.query, lease.progress
        if lease.is_conversion:
            request = spider.request_conversion(query.seed, query.query_id, lease.repeat)
        else:
            request = spider.request_page(
                query, lease.page, img_url=progress.img_url, generation=progress.generation
            )
        call = call_of(request)
        assert call is not None
        call.attempt, call.refusals = lease.attempt, lease.refusals
        typed: Request = request
        return typed

    def item_scraped(self, item: Any, response: Response | None) -> None:
        """Stage a product that came out of the pipelines."""
        if (call := call_of(response)) is None:
            return
        lease = self._worker.held.get(call.query_id)
        if lease is not None and isinstance(item, Product):
            lease.products.append((item.item_id, to_line(item)))
        self._worker.ledger.settle(call.query_id)

    def item_dropped(self, response: Response | None, exception: Exception) -> None:
        """Note that a product was rejected, or is unwanted by the project."""
        if (call := call_of(response)) is not None:
            self._worker.ledger.settle(call.query_id, rejected=isinstance(exception, Rejected))

    def item_error(self, response: Response | None) -> None:
        """Note that a pipeline failed on a product, so that it is not written."""
        if (call := call_of(response)) is not None:
            self._worker.count(stats.PRODUCT_REJECTED)
            self._worker.ledger.settle(call.query_id, rejected=True)

    def spider_error(self, failure: Failure, response: Response | Failure | None) -> None:
        """Have a page that the spider could not take go to the dead letters."""
        request: Request | None = getattr(response, "request", None)
        if (call := call_of(request)) is not None:
            kind = type(failure.value).__name__
            message = self._worker.config.token.strike_out(f"{kind}: {failure.value}")
            self._worker.ledger.fail(call.query_id, None, message)

    async def spider_closed(self) -> None:
        """Give back what is held, and take down the sandbox."""
        await self._worker.leave()
        if self._sandbox is not None:
            await self._sandbox.stop()

    def engine_stopped(self) -> None:
        """Say what came of it, below Scrapy's own last lines."""
        telling.report(self._worker)
