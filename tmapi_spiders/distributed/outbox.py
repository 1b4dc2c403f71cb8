"""The outbox: what goes to Redis with a worker's next batch."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.store import Step

__all__ = ["Outbox"]


class Outbox:
    """Collects steps, and permits of calls that were answered."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._answered: list[tuple[str, str]] = []
        self._wake = asyncio.Event()
        self.look_at = 0.0
        """When to look for leases, by the event loop's clock."""

    @property
    def has_steps(self) -> bool:
        """Whether a step waits."""
        return bool(self._steps)

    @property
    def has_answered(self) -> bool:
        """Whether a permit waits."""
        return bool(self._answered)

    def add(self, step: Step) -> None:
        """Have a step run with the next batch."""
        self._steps.append(step)
        self._wake.set()

    def answered(self, lease: Lease) -> None:
        """Have the permit of a call come back with the next batch."""
        self._answered.append((lease.task, lease.token))
        self._wake.set()

    def look(self) -> None:
        """Look for leases with the next batch."""
        self.look_at = 0.0

    def wake(self) -> None:
        """End :meth:`wait`: there may be something to do."""
        self._wake.set()

    def take_steps(self) -> list[Step]:
        """Return the steps that wait, and forget them."""
        steps, self._steps = self._steps, []
        return steps

    def take_answered(self) -> list[tuple[str, str]]:
        """Return the tasks and tokens whose permits wait, and forget them."""
        answered, self._answered = self._answered, []
        return answered

    async def wait(self, seconds: float) -> None:
        """Wait for something to be put in."""
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
