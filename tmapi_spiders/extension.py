"""The extension that ties a run to Scrapy's signals: its start, its products, its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import CloseSpider
from scrapy.extensions.feedexport import FeedExporter
from scrapy.utils.asyncio import CallLaterResult, call_later

from tmapi_spiders import stats, summary
from tmapi_spiders.download_handler import QUERY_ID
from tmapi_spiders.pipelines import Rejected
from tmapi_spiders.sandbox import Sandbox

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Request, Response
    from twisted.python.failure import Failure

    from tmapi_spiders.run import Run

__all__ = ["RunExtension"]

#: Scrapy's ``finish_reason`` of a run's stop reason, where Scrapy has one of its own.
_FINISH_REASONS = {"deadline": "closespider_timeout", "interrupted": "shutdown"}


class RunExtension:
    """Starts and ends a run, and tells its ledger what became of each product."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run: Run = crawler.spider.run  # type: ignore[union-attr]
        self._sandbox: Sandbox | None = None
        self._deadline: CallLaterResult | None = None
        self._closing: asyncio.Task[None] | None = None
        for handler, signal in (
            (self.spider_opened, signals.spider_opened),
            (self.spider_idle, signals.spider_idle),
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
        if run.config.sandbox:
            self._sandbox = Sandbox(run.config.sandbox_options)
            run.base_url = await self._sandbox.start()
        run.start(crawler.stats, self._write, self._close_spider)
        summary.announce(run)
        if run.stop_reason is not None:
            raise CloseSpider(run.stop_reason)
        # Scrapy's CloseSpider acts on this setting too, but tells nobody before the feeds close.
        # This extension's timer is set first, and so is the first to go off.
        if deadline := crawler.settings.getfloat("CLOSESPIDER_TIMEOUT"):
            self._deadline = call_later(deadline, run.stop, "deadline")

    def spider_idle(self) -> None:
        """Note that there is nothing left to do."""
        self._run.idle = True

    def item_scraped(self, response: Response | None) -> None:
        """Note that a product was written."""
        if response is not None and (query_id := response.meta.get(QUERY_ID)):
            self._run.count(stats.PRODUCT_NEW)
            self._run.ledger.settle(query_id, new=True)

    def item_dropped(self, response: Response | None, exception: Exception) -> None:
        """Note that a product was a duplicate, was rejected, or is unwanted by the project."""
        if response is not None and (query_id := response.meta.get(QUERY_ID)):
            self._run.ledger.settle(query_id, rejected=isinstance(exception, Rejected))

    def item_error(self, response: Response | None) -> None:
        """Note that a pipeline failed on a product, so that it is not written."""
        if response is not None and (query_id := response.meta.get(QUERY_ID)):
            self._run.count(stats.PRODUCT_REJECTED)
            self._run.ledger.settle(query_id, rejected=True)

    def spider_error(self, failure: Failure, response: Response | Failure | None) -> None:
        """Fail the query whose answer the spider could not take."""
        request: Request | None = getattr(response, "request", None)
        if request is not None and (query_id := request.meta.get(QUERY_ID)):
            kind = type(failure.value).__name__
            message = self._run.config.token.strike_out(f"{kind}: {failure.value}")
            self._run.ledger.fail(query_id, None, message)

    async def spider_closed(self, reason: str) -> None:
        """Take down what :meth:`spider_opened` put up."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._run.crashed = reason == "start_error"
        if self._sandbox is not None:
            await self._sandbox.stop()

    def feed_exporter_closed(self) -> None:
        """End the run: its files are in their places."""
        self._run.end()

    def engine_stopped(self) -> None:
        """Say what came of it, below Scrapy's own last lines."""
        summary.report(self._run)

    def _write(self, item: Any) -> None:
        """Write an outcome or sightings to their feeds.

        Not by the signal ``item_scraped``: nobody else should count these as scraped items.
        """
        feeds = self._crawler.get_extension(FeedExporter)
        assert feeds is not None
        assert self._crawler.spider is not None
        feeds.item_scraped(item, self._crawler.spider)

    def _close_spider(self, reason: str) -> None:
        if self._crawler.engine.running and self._closing is None:
            finish_reason = _FINISH_REASONS.get(reason, reason)
            self._closing = asyncio.ensure_future(
                self._crawler.engine.close_spider_async(reason=finish_reason)
            )
