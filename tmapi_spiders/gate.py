"""The gate: what every paid call passes on its way out, and what stops them all."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from scrapy.exceptions import IgnoreRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Gate", "GateClosed"]


class GateClosed(IgnoreRequest):
    """The job is stopping: this call was not sent, and costs nothing."""


class Gate:
    """Lets at most *permits* calls out at a time, and none once it is closed.

    Scrapy's own slot concurrency is no limit to rely on: requests that a middleware sends, or that
    are queued when a spider closes, leave all the same.
    """

    def __init__(self, permits: int) -> None:
        self._permits = asyncio.Semaphore(permits)
        self._open = True
        self.calls = 0
        """Calls sent."""
        self.in_flight = 0
        self.most_in_flight = 0

    def close(self) -> None:
        """Let no more calls out; those in flight are not touched."""
        self._open = False

    @asynccontextmanager
    async def permit(self) -> AsyncIterator[None]:
        """Wait for a permit, and hold it for one call.

        :raises GateClosed: if the job is stopping, or stops during the wait
        """
        self._check()
        async with self._permits:
            self._check()
            self.calls += 1
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            try:
                yield
            finally:
                self.in_flight -= 1

    def _check(self) -> None:
        if not self._open:
            raise GateClosed("the job is stopping")
