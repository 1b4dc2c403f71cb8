"""The extension of a crawl in a process of its own: the run ends once its feeds are closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.extensions.feedexport import FeedExporter, ItemFilter
from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.extensions import RunExtension
from tmapi_spiders.feeds import JobFeedStorage
from tmapi_spiders.local import summary
from tmapi_spiders.local.local_run import local_run_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.extensions.feedexport import FeedSlot

    from tmapi_spiders.api.calls import Call

__all__ = ["LocalExtension"]


#: Scrapy's stat of feeds that could not be stored, by storage class.
_FAILED_FEEDS = "feedexport/failed_count/"


class LocalExtension(RunExtension):
    """Ends a run when its products are in their place."""

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
        """Note a feed whose last bytes were written, so that it was stored or could not be."""
        self._closed.append(slot)

    def feed_exporter_closed(self) -> None:
        """End the run: its products are in their place."""
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

        To Scrapy that is a line in the log. Our own is looked after by its storage.
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
        """Say whether a feed that takes every item has fewer than were scraped."""
        takes_all = type(slot.filter) is ItemFilter and not slot.filter.item_classes
        return takes_all and slot.itemcount < self._run.counted(stats.PRODUCT_NEW)
