"""The outbox: what goes to Redis with a worker's next batch."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tmapi_spiders.distributed.store import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.distributed.lease import Lease

    #: Task, token, and what its end tells; see the script.
    _EndedCall = list[str | bool]

__all__ = ["Outbox"]


class Outbox:
    """Collects steps, and permits of calls that are over."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._over: list[_EndedCall] = []
        self._asking: list[asyncio.Future[bool]] = []
        self._waiting: dict[asyncio.Future[int], int] = {}
        self._wake = asyncio.Event()
        self.next_check_at = 0.0
        """When to look for leases, by the event loop's clock."""

    @property
    def has_steps(self) -> bool:
        """Whether a step waits."""
        return bool(self._steps)

    @property
    def has_permits(self) -> bool:
        """Whether a permit waits, or somebody who asks what they tell."""
        return bool(self._over or self._asking)

    def add(self, step: Step) -> None:
        """Have a step run with the next batch."""
        self._steps.append(step)
        self._wake.set()

    def ask(self, name: str, values: Sequence[Any], default: int) -> asyncio.Future[int]:
        """Have a step run with the next batch; return what it replies.

        :param default: what is replied if there will be no batch
        """
        reply: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = default

        def done(number: int) -> None:
            if self._waiting.pop(reply, None) is not None and not reply.done():
                reply.set_result(number)

        self.add(Step(name, values, done))
        return reply

    def abandon(self) -> None:
        """Forget the steps that wait, and answer those who ask: there will be no batch."""
        self._steps = []
        while self._waiting:
            reply, default = self._waiting.popitem()
            if not reply.done():
                reply.set_result(default)

    def answered(self, lease: Lease, sign: Sign | None) -> None:
        """Have the permit of a call that was answered come back with the next batch.

        :param sign: what the answer tells of the API as a whole
        """
        told = [] if sign is None else ["works"] if sign.works else [sign.reason, sign.said]
        self._over.append([lease.task, lease.token, *told])
        self._wake.set()

    def failed(self, lease: Lease, sign: Sign) -> None:
        """Have the permit of a call that brought no answer come back with the next batch."""
        self._over.append([lease.task, lease.token, sign.reason, sign.said, True])
        self._wake.set()

    async def is_spared(self) -> bool:
        """Wait for the next batch, and return whether failures are laid to the API then."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asking.append(answer)
        self._wake.set()
        return await answer

    def check_for_leases(self) -> None:
        """Look for leases with the next batch."""
        self.next_check_at = 0.0

    def wake(self) -> None:
        """End :meth:`wait`: there may be something to do."""
        self._wake.set()

    def take_steps(self) -> list[Step]:
        """Return the steps that wait, and forget them; what comes from now on ends :meth:`wait`."""
        self._wake.clear()
        steps, self._steps = self._steps, []
        return steps

    def take_permits(self) -> tuple[list[_EndedCall], list[asyncio.Future[bool]]]:
        """Return the permits that wait, and who asks whether they are spared; forget them."""
        over, self._over = self._over, []
        asking, self._asking = self._asking, []
        return over, asking

    async def wait(self, seconds: float) -> None:
        """Wait for something to be put in."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
