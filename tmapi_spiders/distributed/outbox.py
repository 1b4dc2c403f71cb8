"""What a worker sends to Redis with its next batch."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tmapi_spiders.distributed.store import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.distributed.lease import Lease

    #: Task, token, and what the call's end says about the API; see ``exchange.lua``.
    _EndedCall = list[str | bool]

__all__ = ["Outbox"]


class Outbox:
    """Collects steps and the permits of finished calls for the next batch."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._ended_calls: list[_EndedCall] = []
        self._spared_futures: list[asyncio.Future[bool]] = []
        self._pending_replies: dict[asyncio.Future[int], int] = {}
        self._wake = asyncio.Event()
        self.next_check_at = 0.0
        """When to ask for leases again, by the event loop's clock."""

    @property
    def has_steps(self) -> bool:
        """Whether a step waits."""
        return bool(self._steps)

    @property
    def has_ended_calls(self) -> bool:
        """Whether a permit waits to be returned, or someone waits for :meth:`is_spared`."""
        return bool(self._ended_calls or self._spared_futures)

    def add(self, step: Step) -> None:
        """Run a step with the next batch."""
        self._steps.append(step)
        self._wake.set()

    def ask(self, name: str, values: Sequence[Any], default: int) -> asyncio.Future[int]:
        """Run a step with the next batch; return its reply.

        :param default: the reply if there will be no batch
        """
        reply: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._pending_replies[reply] = default

        def done(number: int) -> None:
            if self._pending_replies.pop(reply, None) is not None and not reply.done():
                reply.set_result(number)

        self.add(Step(name, values, done))
        return reply

    def abandon(self) -> None:
        """Drop the waiting steps and answer their callers: there will be no batch."""
        self._steps = []
        while self._pending_replies:
            reply, default = self._pending_replies.popitem()
            if not reply.done():
                reply.set_result(default)

    def answered(self, lease: Lease, sign: Sign | None) -> None:
        """Return an answered call's permit with the next batch.

        :param sign: what the answer says about the API as a whole
        """
        sign_values = [] if sign is None else ["works"] if sign.works else [sign.reason, sign.said]
        self._ended_calls.append([lease.task, lease.token, *sign_values])
        self._wake.set()

    def failed(self, lease: Lease, sign: Sign) -> None:
        """Return the permit of a call that got no answer with the next batch."""
        self._ended_calls.append([lease.task, lease.token, sign.reason, sign.said, True])
        self._wake.set()

    async def is_spared(self) -> bool:
        """Wait for the next batch; return whether failures then count against the API."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._spared_futures.append(answer)
        self._wake.set()
        return await answer

    def check_for_leases(self) -> None:
        """Ask for leases with the next batch."""
        self.next_check_at = 0.0

    def wake(self) -> None:
        """End :meth:`wait`: there may be something to do."""
        self._wake.set()

    def take_steps(self) -> list[Step]:
        """Return and forget the waiting steps; whatever is added from now on ends :meth:`wait`."""
        self._wake.clear()
        steps, self._steps = self._steps, []
        return steps

    def take_ended_calls(self) -> tuple[list[_EndedCall], list[asyncio.Future[bool]]]:
        """Return and forget the waiting permits, and the futures of :meth:`is_spared`."""
        over, self._ended_calls = self._ended_calls, []
        asking, self._spared_futures = self._spared_futures, []
        return over, asking

    async def wait(self, seconds: float) -> None:
        """Wait until something is added."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
