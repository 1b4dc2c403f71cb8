"""The extension that ties a run to Scrapy's signals: its start, its products, its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.exceptions import CloseSpider
from scrapy.extensions.feedexport import FeedExporter, ItemFilter

from tmapi_spiders import stats, summary
from tmapi_spiders.calls import call_of
from tmapi_spiders.closing import Closing
from tmapi_spiders.downloader_middleware import AnswerMiddleware
from tmapi_spiders.feeds import JobFeedStorage
from tmapi_spiders.pipelines import Rejected
from tmapi_spiders.run import run_of
from tmapi_spiders.sandbox import Sandbox

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.extensions.feedexport import FeedSlot
    from scrapy.http import Request, Response
    from twisted.python.failure import Failure

__all__ = ["RunExtension"]


#: Scrapy's stat of feeds that could not be stored, by storage class.
_FAILED_FEEDS = "feedexport/failed_count/"


class RunExtension:
    """Starts and ends a run, and tells its ledger what became of each product."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = run_of(crawler)
        self._sandbox: Sandbox | None = None
        self._closing: Closing | None = None
        self._ended = asyncio.Event()
        for handler, signal in (
            (self.spider_opened, signals.spider_opened),
            (self.item_scraped, signals.item_scraped),
            (self.item_dropped, signals.item_dropped),
            (self.item_error, signals.item_error),
            (self.spider_error, signals.spider_error),
            (self.spider_closed, signals.spider_closed),
            (self.feed_exporter_closed, signals.feed_exporter_closed),
            (self.engine_stopped, signals.engine_stopped),
        ):
            crawler.signals.connect(handler, signal)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the extension."""
        return cls(crawler)

    async def spider_opened(self) -> None:
        """Start the run, and its sandbox if it has one."""
        crawler, run = self._crawler, self._run
        self._closing = Closing(crawler)
        run.retries.crawl = crawler.engine.crawl
        if run.config.sandbox:
            self._sandbox = Sandbox(run.config.sandbox_options)
            run.base_url = await self._sandbox.start()
        run.start(crawler.stats, self._closing.begin)
        summary.announce(run)
        if missing := self._missing():
            run.stop("settings", missing)
        if run.stop_reason is not None:
            raise CloseSpider(run.stop_reason)

    def _missing(self) -> str | None:
        """Return which component that the promises rest on a project has switched off."""
        crawler = self._crawler
        if crawler.get_extension(FeedExporter) is None:
            return "FeedExporter is off (EXTENSIONS), or refused FEEDS (see the log)"
        for middleware in (HttpCacheMiddleware, AnswerMiddleware):
            if crawler.get_downloader_middleware(middleware) is None:
                return f"{middleware.__name__} is off (DOWNLOADER_MIDDLEWARES); leave it on"
        return None

    def item_scraped(self, response: Response | None) -> None:
        """Note that a product was written."""
        if (call := call_of(response)) is not None:
            self._run.count(stats.PRODUCT_NEW)
            self._run.ledger.settle(call.query_id, new=True)

    def item_dropped(self, response: Response | None, exception: Exception) -> None:
        """Note that a product was a duplicate, was rejected, or is unwanted by the project."""
        if (call := call_of(response)) is not None:
            self._run.ledger.settle(call.query_id, rejected=isinstance(exception, Rejected))

    def item_error(self, response: Response | None) -> None:
        """Note that a pipeline failed on a product, so that it is not written."""
        if (call := call_of(response)) is not None:
            self._run.count(stats.PRODUCT_REJECTED)
            self._run.ledger.settle(call.query_id, rejected=True)

    def spider_error(self, failure: Failure, response: Response | Failure | None) -> None:
        """Fail the query whose answer the spider could not take."""
        request: Request | None = getattr(response, "request", None)
        if (call := call_of(request)) is not None:
            kind = type(failure.value).__name__
            message = self._run.config.token.strike_out(f"{kind}: {failure.value}")
            self._run.ledger.fail(call.query_id, None, message)

    async def spider_closed(self) -> None:
        """Take down the sandbox."""
        if self._sandbox is not None:
            await self._sandbox.stop()

    def feed_exporter_closed(self) -> None:
        """End the run: its products are in their place."""
        if failed := self._failed_feeds():
            self._run.stop("storage", f"the log says why: {', '.join(failed)} was not written")
        self._run.end()
        self._ended.set()

    async def engine_stopped(self) -> None:
        """Say what came of it, below Scrapy's own last lines.

        A Ctrl-C while the spider is closing stops the engine before the feeds are closed.
        """
        if self._crawler.get_extension(FeedExporter) is not None:
            await self._ended.wait()
        summary.report(self._run)

    def _failed_feeds(self) -> list[str]:
        """Return the feeds (``-o``, FEEDS) that could not be opened, written or stored.

        To Scrapy that is a line in the log. Our own is looked after by its storage.
        """
        feeds = self._crawler.get_extension(FeedExporter)
        assert feeds is not None
        failed = [
            slot.uri
            for slot in feeds.slots
            if slot.batch_id == 1  # a later batch may have had nothing to hold
            and not isinstance(slot.storage, JobFeedStorage)
            and ((slot.file is None and slot.store_empty) or self._falls_short(slot))
        ]
        stored_badly = [
            name.removeprefix(_FAILED_FEEDS)
            for name in self._crawler.stats.get_stats()
            if name.startswith(_FAILED_FEEDS)
        ]
        return failed + stored_badly

    def _falls_short(self, slot: FeedSlot) -> bool:
        """Say whether a feed that takes every item has fewer than were scraped."""
        takes_all = type(slot.filter) is ItemFilter and not slot.filter.item_classes
        return takes_all and slot.itemcount < self._run.counted(stats.PRODUCT_NEW)
