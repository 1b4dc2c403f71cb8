"""The exchange: a worker's turns with Redis, one batch after the other.

What is to be committed or given back goes in with the next batch, and so do the permits of calls
that were answered; leases come out. In between the worker says that it is alive.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
from redis import exceptions

from tmapi_spiders.clock import utc_now
from tmapi_spiders.distributed.keys import conversion_prefix
from tmapi_spiders.distributed.store import Step

if TYPE_CHECKING:
    from tmapi_spiders.distributed.holder import Holder
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.store import Store

__all__ = ["Exchange"]

logger = logging.getLogger(__name__)

#: Seconds between two looks at the queue: while the account bears no more calls; while it is empty.
_STARVED = 0.1
_IDLE = 0.5

#: Seconds to say goodbye in; else the others notice in a while.
_GOODBYE = 5.0

#: Seconds without a sign of life, after which whoever fed the job is taken for dead.
_FEEDER_LIFE = 60.0


class Exchange:
    """Runs a worker's batches from :meth:`begin` to :meth:`end`."""

    def __init__(self, worker: Holder, store: Store) -> None:
        self._worker = worker
        self._store = store
        self.state: dict[str, Any] = {}
        """What the last exchange said of the job."""
        self._steps: list[Step] = []
        self._answered: list[tuple[str, str]] = []
        self._wake = asyncio.Event()
        self._look_at = 0.0
        self._heartbeat_at = 0.0
        self.stops = worker.job.stops
        """How often the job was stopped, as far as this worker knows."""
        self._leaving = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a step waits."""
        return bool(self._steps)

    @property
    def is_running(self) -> bool:
        """Whether leases may come."""
        return self._task is not None

    @property
    def is_away(self) -> bool:
        """Whether Redis did not answer when it was last asked."""
        return self._store.is_away

    @property
    def batches(self) -> int:
        """Round trips so far."""
        return self._store.batches

    def begin(self) -> None:
        """Begin to take leases."""
        self._task = asyncio.ensure_future(self._work())

    async def end(self) -> None:
        """Run what waits, say goodbye, and end."""
        self._leaving = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._store.close()

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
        self._look_at = 0.0

    def wake(self) -> None:
        """Look at once whether there is something to do."""
        self._wake.set()

    async def _work(self) -> None:
        """Run batch after batch, until this worker has left."""
        try:
            while not (self._leaving and not self._worker.held and not self._steps):
                await self._turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._store.run([self._heartbeat(goodbye=True)])
        except exceptions.RedisError as exc:
            self._refused(exc)
        except Exception:
            logger.exception("A crash of the worker; what it holds goes to others")
            self._worker.crashed = True
            self._refused(None)

    def _refused(self, exc: exceptions.RedisError | None) -> None:
        """Stop at once: Redis does not take what this worker asks, and will not."""
        self._worker.held.clear()
        self._steps.clear()
        self._task = None
        if exc is None:
            self._worker.stop("error", "a crash; the log has its traceback")
        else:
            logger.error("Redis refused what this worker asked: %s", exc)
            self._worker.stop("storage", f"Redis: {exc}")

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        steps: list[Step] = []
        if begun >= self._heartbeat_at:
            steps.append(self._heartbeat())
        steps += self._steps
        self._steps = []
        wanted = self._wanted
        if self._answered or (wanted and begun >= self._look_at):
            steps.append(self._exchange(wanted, begun))
        if steps:
            was_away = self._store.is_away
            await self._store.run(steps)
            if was_away or loop.time() - begun > self._worker.config.lease_seconds / 3:
                self._heartbeat_at = 0.0  # a reply may have been lost, and leases with it
        if self._steps or self._answered:
            return
        until = min(self._heartbeat_at, self._look_at if self._wanted else self._heartbeat_at)
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(until - loop.time(), 0.001)):
                await self._wake.wait()

    @property
    def _wanted(self) -> int:
        """How many more leases there is room for."""
        if not self._worker.is_open:
            return 0
        calling = sum(not lease.answered for lease in self._worker.held.values())
        return max(self._worker.job.max_concurrency - calling, 0)

    def _heartbeat(self, *, goodbye: bool = False) -> Step:
        begun = asyncio.get_running_loop().time()
        self._heartbeat_at = begun + self._worker.config.lease_seconds / 3
        held = {
            lease.task: lease.token for lease in self._worker.held.values() if not lease.is_lost
        }
        about = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "calls": self._worker.sent,
            "at": utc_now(),
        }

        def done(lost: list[bytes]) -> None:
            gone = {task.decode() for task in lost}
            for lease in list(self._worker.held.values()):
                if lease.task not in held:
                    continue
                if lease.task in gone:
                    self._worker.lose(lease)
                else:
                    lease.valid_until = begun + self._worker.config.lease_seconds

        values = [self._worker.name, self._lease_ms, orjson.dumps(held)]
        return Step("heartbeat", [*values, b"" if goodbye else orjson.dumps(about)], done)

    @property
    def _lease_ms(self) -> int:
        return int(self._worker.config.lease_seconds * 1000)

    def _exchange(self, wanted: int, begun: float) -> Step:
        answered, self._answered = self._answered, []
        values = [
            *(self._worker.name, wanted, self._lease_ms, self.stops),
            orjson.dumps(answered),
            conversion_prefix(self._worker.job.source),
            utc_now(),
        ]
        return Step("exchange", values, lambda reply: self._exchanged(reply, begun))

    def _exchanged(self, reply: list[Any], begun: float) -> None:
        self.state = orjson.loads(reply[0])
        for row in reply[1:]:
            self._worker.take(row, begun + self._worker.config.lease_seconds)
        self._look_at = asyncio.get_running_loop().time() + self._pause()
        state = self.state["state"]
        if state == "gone":
            self._worker.stop("storage", "the job was deleted from Redis")
        elif int(self.state["stops"]) > self.stops:
            self.stops = int(self.state["stops"])
            self._worker.stop(self.state["reason"] or "interrupted", self.state["detail"] or None)
        elif state == "ended" and not self._worker.keep_alive:
            self._worker.finish()
        elif self._feeder_is_dead():
            name = self._worker.job.name
            self._worker.stop(
                "interrupted",
                f"whoever fed the job has died; run it again: scrapy tmapi enqueue {name}",
            )

    def _pause(self) -> float:
        """Return for how long the queue need not be looked at, unless something happens."""
        if self.state.get("requests"):
            return _STARVED
        due = self.state.get("due", -1)
        return min(due / 1000 + 0.001, _IDLE) if due >= 0 else _IDLE

    def _feeder_is_dead(self) -> bool:
        state = self.state
        idle = not state["requests"] and not state["leases"] and state["due"] < 0
        return state["fed"] == "0" and idle and state["feed_age"] > _FEEDER_LIFE * 1000
