"""Retries: the one authority over whether and when a call is tried again.

A page that waits for its next try is in nobody's queue: it holds no download place and no permit,
and comes back to Scrapy's scheduler when its time is up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders.crawl.backoff import backoff, jittered
from tmapi_spiders.crawl.interfaces import Retries
from tmapi_spiders.crawl.order import AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request

    from tmapi_spiders.api.calls import Call

__all__ = ["LocalRetries", "wait_of"]


def wait_of(call: Call, seconds: float) -> float:
    """Return for how long a call waits for its next try: as the API asks, if that is longer."""
    return max(jittered(seconds), call.retry_after)


class LocalRetries(Retries):
    """The tries of all calls of a run.

    :param times: tries after the first (``TMAPI_RETRY_TIMES``)
    :param delay: seconds before the first of them (``TMAPI_RETRY_DELAY``); it doubles
    """

    def __init__(self, times: int, delay: float) -> None:
        self._times = times
        self._delay = delay
        self._waiting: dict[Request, asyncio.TimerHandle] = {}
        self.crawl: Callable[[Request], None] | None = None
        """Hands a request to Scrapy's engine; set once there is one."""

    @override
    def __len__(self) -> int:
        return len(self._waiting)

    @override
    def try_again(self, request: Request, call: Call) -> bool:
        if call.tries > self._times:
            return False
        self._postpone(request, wait_of(call, backoff(self._delay, max(call.tries, 1))))
        call.attempt += 1
        call.spared += call.is_spared
        call.answer, call.is_spared = None, False
        return True

    @override
    def wait_for_room(self, request: Request, call: Call) -> None:
        # The first time at once, since it waits at the gate anyway.
        wait = backoff(self._delay, call.refusals) if call.refusals else 0.0
        self._postpone(request, wait_of(call, wait))
        call.refusals += 1
        call.answer = None

    def close(self) -> None:
        """Send all that wait on their way, where the closed gate ends them."""
        for request, timer in list(self._waiting.items()):
            timer.cancel()
            self._go(request)

    def _postpone(self, request: Request, seconds: float) -> None:
        again = request.replace(priority=AGAIN)
        self._waiting[again] = asyncio.get_running_loop().call_later(seconds, self._go, again)

    def _go(self, request: Request) -> None:
        if self._waiting.pop(request, None) is not None and self.crawl is not None:
            self.crawl(request)
