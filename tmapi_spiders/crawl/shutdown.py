"""Shuts a spider down without losing paid answers.

Scrapy closes a spider, or stops its engine, by dropping every request that is not in flight. Here
the spider first comes to rest: no call is sent, calls in flight are finished, and pages that the
job's archive holds are replayed to the end.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import DontCloseSpider

from tmapi_spiders.crawl.run import run_of

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

__all__ = ["Shutdown"]

#: Seconds between two checks whether nothing is left to do.
_POLL_SECONDS = 0.02

logger = logging.getLogger(__name__)


class Shutdown:
    """Wraps the two methods of Scrapy's engine through which every spider is closed.

    Scrapy's signal of a closing comes only when the feeds are about to close, which is too late for
    the gate, for the outcomes and for what is still to be replayed.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Replace the engine's methods; the spider has to be open."""
        self._run = run_of(crawler)
        engine = crawler.engine
        assert engine is not None
        self._engine = engine
        self._close_spider_async = engine.close_spider_async
        self._stop_async = engine.stop_async
        self._waits = False
        self._closes = False
        self._task: asyncio.Task[None] | None = None
        engine.close_spider_async = self._close  # type: ignore[method-assign]
        engine.stop_async = self._stop  # type: ignore[method-assign]
        crawler.signals.connect(self._spider_idle, signals.spider_idle)

    def begin(self, reason: str) -> None:
        """Close the spider for the run's own reason."""
        if self._engine.running and self._task is None and not self._closes:
            self._task = asyncio.ensure_future(self._close(reason=reason))

    async def _close(self, *, reason: str = "cancelled") -> None:
        self._run.closing(reason)
        await self._come_to_rest()
        if self._engine.spider is not None:  # else another caller that waited has closed it
            await self._close_spider_async(reason=reason)

    async def _stop(self) -> None:
        self._run.closing("shutdown")
        await self._come_to_rest()
        await self._stop_async()

    async def _come_to_rest(self) -> None:
        run = self._run
        if run.stop_reason is not None and run.replays_on and not self._closes:
            if not self._waits:
                self._waits = True
                logger.info(
                    "Stopping (%s): no more calls are sent; what is in flight, and what the "
                    "archive holds, is still written",
                    run.stop_reason,
                )
            # Scrapy's signal spider_idle may have been sent, and comes again only after 5 seconds.
            while not self._closes and (  # noqa: ASYNC110 - there is no event to wait for
                len(run.retries) or not self._engine.spider_is_idle()
            ):
                await asyncio.sleep(_POLL_SECONDS)
        self._closes = True

    def _spider_idle(self) -> None:
        """Keep Scrapy from closing an idle spider that still has work, or whose closing waits.

        :raises DontCloseSpider: while a page waits for its retry, or :meth:`_close` for this moment
        """
        if self._waits or len(self._run.retries):
            raise DontCloseSpider
