"""The extensions that start a run, count its products and end it, by Scrapy's signals."""

from __future__ import annotations

import asyncio
import os
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from scrapy import signals
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.exceptions import CloseSpider
from scrapy.extensions.feedexport import FeedExporter, ItemFilter
from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.api.calls import call_of
from tmapi_spiders.crawl.run import OpenSpider, run_of
from tmapi_spiders.crawl.shutdown import Shutdown
from tmapi_spiders.feeds import JobFeedStorage
from tmapi_spiders.local import summary
from tmapi_spiders.local.local_run import local_run_of
from tmapi_spiders.middlewares import AnswerMiddleware
from tmapi_spiders.pipelines import Rejected
from tmapi_spiders.system.file_limit import is_out_of_files, out_of_files_message

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.extensions.feedexport import FeedSlot
    from scrapy.http import Request, Response
    from scrapy.settings import BaseSettings
    from twisted.python.failure import Failure

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.display import Display
    from tmapi_spiders.crawl.interfaces import Requests
    from tmapi_spiders.sandbox.server import Sandbox

__all__ = ["LocalExtension", "RunExtension"]

_REFRESH_SECONDS = 0.5


class RunExtension(ABC):
    """Starts and ends a run, and notes in its ledger what becomes of each product."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self._run = run_of(crawler)
        self._sandbox: Sandbox | None = None
        self._refreshing: asyncio.Task[None] | None = None
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
        """Start the run, and its sandbox if it has one."""
        crawler, run = self.crawler, self._run
        assert crawler.stats is not None
        assert crawler.engine is not None
        closing = Shutdown(crawler)
        base_url = run.config.base_url.geturl()
        if run.config.sandbox:
            # Loaded here, since a crawl of the real API needs no web server.
            from tmapi_spiders.sandbox.server import Sandbox  # noqa: PLC0415

            self._sandbox = Sandbox(run.config.sandbox_options)
            base_url = await self._sandbox.start()
        if missing := self.missing():
            run.stop("settings", missing)
        run.start(
            OpenSpider(
                requests=cast("Requests", crawler.spider),
                engine=crawler.engine,
                stats=crawler.stats,
                close=closing.begin,
                base_url=base_url,
            )
        )
        self.announce()
        if run.stop_reason is not None:
            raise CloseSpider(run.stop_reason)
        if run.config.progress and _has_terminal(crawler.settings):
            self._show()

    def _show(self) -> None:
        """Show on the terminal how far the run is."""
        # Loaded here, since most crawls run without a terminal.
        from tmapi_spiders.crawl.display import Display  # noqa: PLC0415

        run = self._run
        display = Display(run.job_name, run.figures)
        run.show(display)
        self._refreshing = asyncio.ensure_future(self._refresh(display))

    async def _refresh(self, display: Display) -> None:
        with suppress(OSError):  # the terminal was closed, and the crawl goes on
            display.start()
            while True:
                await asyncio.sleep(_REFRESH_SECONDS)
                display.refresh()
        self._run.hide()

    def missing(self) -> str | None:
        """Return which indispensable component the project has switched off."""
        for middleware in (HttpCacheMiddleware, AnswerMiddleware):
            if self.crawler.get_downloader_middleware(middleware) is None:
                return f"{middleware.__name__} is off (DOWNLOADER_MIDDLEWARES); leave it on"
        return None

    @abstractmethod
    def announce(self) -> None:
        """Say what will run."""

    def item_scraped(self, item: Any, response: Response | None) -> None:
        """Note that an item came out of the pipelines to be written."""
        call = call_of(response)
        self.scraped(item, call)
        if call is not None:
            self._run.ledger.item_done(call, new=True)

    @abstractmethod
    def scraped(self, item: Any, call: Call | None) -> None:
        """Count or stage an item that came out of the pipelines.

        :param call: the call whose answer it is from; None for a request of the project's own
        """

    def item_dropped(
        self,
        item: Any,  # noqa: ARG002 - Scrapy's signature
        response: Response | None,
        exception: Exception,
    ) -> None:
        """Note that an item is a duplicate, was rejected, or was dropped by the project."""
        if (call := call_of(response)) is not None:
            self._run.ledger.item_done(call, rejected=isinstance(exception, Rejected))

    def item_error(self, item: Any, response: Response | None, failure: Failure) -> None:
        """Note that a pipeline failed on an item, which is not written."""
        self._run.count(stats.PRODUCT_REJECTED)
        if (call := call_of(response)) is not None:
            self._run.ledger.item_failed(call, item, self._describe(failure))
            self._run.ledger.item_done(call, rejected=True)

    def spider_error(self, failure: Failure, response: Response | Failure | None) -> None:
        """End the query on whose answer the spider failed."""
        request: Request | None = getattr(response, "request", None)
        if is_out_of_files(failure.value):  # not the answer's fault; it is kept
            self._run.stop("storage", out_of_files_message())
            return
        if (call := call_of(request)) is not None:
            self._run.ledger.answer_failed(call, self._describe(failure))

    def _describe(self, failure: Failure) -> str:
        """Describe what failed, without the token."""
        kind = type(failure.value).__name__
        return self._run.config.token.strike_out(f"{kind}: {failure.value}")

    async def spider_closed(self) -> None:
        """Stop the sandbox."""
        if self._sandbox is not None:
            await self._sandbox.stop()

    async def engine_stopped(self) -> None:
        """Show the summary, below Scrapy's own last lines."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        self._run.hide()
        await self.report()

    @abstractmethod
    async def report(self) -> None:
        """Show the summary."""


def _has_terminal(settings: BaseSettings) -> bool:
    """Return whether standard error is a terminal to draw on, to which no rows are written."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return False
    rows_go_there = any(str(uri).startswith("stdout:") for uri in settings["FEEDS"])
    return not (rows_go_there and sys.stdout.isatty())


#: Prefix of Scrapy's stats of feeds that could not be stored, by storage class.
_FAILED_FEEDS = "feedexport/failed_count/"


class LocalExtension(RunExtension):
    """The extension of a job in one process, which ends the run once its products are stored."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._local_run = local_run_of(crawler)
        self._ended = asyncio.Event()
        self._closed: list[FeedSlot] = []
        crawler.signals.connect(self.feed_slot_closed, signals.feed_slot_closed)
        crawler.signals.connect(self.feed_exporter_closed, signals.feed_exporter_closed)

    @override
    def missing(self) -> str | None:
        if self.crawler.get_extension(FeedExporter) is None:
            return "FeedExporter is off (EXTENSIONS), or refused FEEDS (see the log)"
        return super().missing()

    @override
    def announce(self) -> None:
        summary.announce(self._local_run)

    @override
    def scraped(self, item: Any, call: Call | None) -> None:
        self._run.count(stats.PRODUCT_NEW)

    def feed_slot_closed(self, slot: FeedSlot) -> None:
        """Note that a feed was written to its end, and stored or not."""
        self._closed.append(slot)

    def feed_exporter_closed(self) -> None:
        """End the run: its products are stored."""
        if failed := self._failed_feeds():
            self._run.stop("storage", f"the log says why: {', '.join(failed)} was not written")
        self._local_run.end()
        self._ended.set()

    @override
    async def report(self) -> None:
        # A Ctrl-C while the spider is closing stops the engine before the feeds are closed.
        if self.crawler.get_extension(FeedExporter) is not None:
            await self._ended.wait()
        summary.report(self._local_run)

    def _failed_feeds(self) -> list[str]:
        """Return the feeds (``-o``, FEEDS) that could not be opened, written or stored.

        Scrapy only logs that. Our own feed is watched by its storage.
        """
        feeds = self.crawler.get_extension(FeedExporter)
        assert feeds is not None
        assert self.crawler.stats is not None
        failed = [
            slot.uri
            for slot in feeds.slots
            if slot.batch_id == 1  # a later batch may have had nothing to hold
            and not isinstance(slot.storage, JobFeedStorage)
            and (
                (slot.file is None and slot.store_empty)
                or (slot.itemcount and slot not in self._closed)
                or self._falls_short(slot)
            )
        ]
        stored_badly = [
            name.removeprefix(_FAILED_FEEDS)
            for name in self.crawler.stats.get_stats()
            if name.startswith(_FAILED_FEEDS)
        ]
        return failed + stored_badly

    def _falls_short(self, slot: FeedSlot) -> bool:
        """Return whether a feed that takes every item has fewer than were scraped."""
        takes_all = type(slot.filter) is ItemFilter and not slot.filter.item_classes
        return takes_all and slot.itemcount < self._run.counted(stats.PRODUCT_NEW)
