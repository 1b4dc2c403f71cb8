"""Holds the pages that wait for their retry.

They are in no queue, and hold neither a download slot nor a permit. When its time is up, a page
goes back to Scrapy's scheduler. :mod:`tmapi_spiders.crawl.retry_policy` decides whether and when.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders.crawl.interfaces import Retries
from tmapi_spiders.crawl.page_order import AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.retry_policy import RetryPolicy

__all__ = ["LocalRetries"]


class LocalRetries(Retries):
    """The retries of a run in one process.

    :param crawl: hands a request to Scrapy's engine
    """

    def __init__(self, policy: RetryPolicy, crawl: Callable[[Request], None]) -> None:
        self._policy = policy
        self._crawl = crawl
        self._waiting: dict[Request, asyncio.TimerHandle] = {}

    @override
    def __len__(self) -> int:
        return len(self._waiting)

    @override
    def retry(self, request: Request, call: Call) -> bool:
        delay = self._policy.delay_after_failure(call)
        if delay is None:
            return False
        self._postpone(request, delay)
        call.attempt += 1
        call.spared += call.is_spared
        call.answer, call.is_spared = None, False
        return True

    @override
    def wait_for_room(self, request: Request, call: Call) -> None:
        self._postpone(request, self._policy.delay_over_limit(call, call.refusals))
        call.refusals += 1
        call.answer = None

    def close(self) -> None:
        """Send on all pages that wait, so that the closed gate ends them."""
        for request, timer in list(self._waiting.items()):
            timer.cancel()
            self._go(request)

    def _postpone(self, request: Request, seconds: float) -> None:
        again = request.replace(priority=AGAIN)
        self._waiting[again] = asyncio.get_running_loop().call_later(seconds, self._go, again)

    def _go(self, request: Request) -> None:
        if self._waiting.pop(request, None) is not None:
            self._crawl(request)
