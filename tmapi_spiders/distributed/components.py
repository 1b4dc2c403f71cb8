"""The spider middleware and the extension of a worker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tmapi_spiders.api.calls import call_of
from tmapi_spiders.crawl.dedupe import identity_of
from tmapi_spiders.distributed import worker_report
from tmapi_spiders.distributed.worker import worker_of
from tmapi_spiders.extensions import RunExtension
from tmapi_spiders.formats import to_line
from tmapi_spiders.middlewares import LedgerSpiderMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from tmapi_spiders.api.calls import Call

__all__ = ["LeaseSpiderMiddleware", "WorkerExtension"]


class LeaseSpiderMiddleware(LedgerSpiderMiddleware):
    """Notes when a callback has ended; before that, nothing of its page is committed."""

    def process_spider_output(
        self,
        response: Response | None,
        result: Iterable[Any],
        spider: Spider | None = None,  # noqa: ARG002
    ) -> Iterator[Any]:
        """Let everything through, then note that the callback has ended."""
        yield from super().process_spider_output(response, result)
        self._ended(response)

    async def process_spider_output_async(
        self,
        response: Response | None,
        result: AsyncIterator[Any],
        spider: Spider | None = None,  # noqa: ARG002
    ) -> AsyncIterator[Any]:
        """Let everything through, then note that the callback has ended."""
        async for item in super().process_spider_output_async(response, result):
            yield item
        self._ended(response)

    def _ended(self, response: Response | None) -> None:
        holding = worker_of(self.crawler).holding
        if (lease := holding.of(call_of(response))) is not None:
            lease.callback_ended = True
            holding.commit_if_whole(lease)


class WorkerExtension(RunExtension):
    """The extension of a worker: it stages the products, and ends the worker."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._worker = worker_of(crawler)
        self._left = asyncio.Event()

    @override
    def announce(self) -> None:
        worker_report.announce(self._worker)

    @override
    def scraped(self, item: Any, call: Call | None) -> None:
        identity, line = identity_of(item, self._worker.job.dedupe), to_line(item)
        if (lease := self._worker.holding.of(call)) is not None:
            lease.add_row(identity, line)
        else:
            self._worker.write_row(identity, line)

    @override
    async def spider_closed(self) -> None:
        try:
            await self._worker.leave()
        finally:
            self._left.set()
        await super().spider_closed()

    @override
    async def report(self) -> None:
        # A Ctrl-C while the spider is closing stops the engine before it is closed.
        await self._left.wait()
        worker_report.report(self._worker)
