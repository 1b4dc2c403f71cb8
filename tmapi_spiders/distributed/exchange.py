"""The exchange: a worker's turns with Redis, one batch after the other.

What is in the outbox goes in with the next batch; leases come out. In between the worker says that
it is alive.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from redis import exceptions

from tmapi_spiders.crawl.outage import SHORTEST_PAUSE
from tmapi_spiders.distributed.keys import conversion_prefix
from tmapi_spiders.distributed.store import Step
from tmapi_spiders.errors import StorageError
from tmapi_spiders.formats import utc_now

if TYPE_CHECKING:
    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.distributed.held_leases import Holding
    from tmapi_spiders.distributed.outbox import Outbox
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.distributed.store import Store

__all__ = ["Exchange", "LeaseTaker"]

logger = logging.getLogger(__name__)

#: Seconds between two looks at the queue: while the account bears no more calls; while it is empty.
_STARVED = 0.1
_IDLE = 0.5

#: Seconds to say goodbye in; else the others notice in a while.
_GOODBYE = 5.0

#: Seconds without a sign of life, after which whoever fed the job is taken for dead.
_FEEDER_LIFE = 60.0


class LeaseTaker(Protocol):
    """Takes the leases of an exchange: the worker, as the exchange sees it."""

    name: str

    @property
    def room_for_leases(self) -> int:
        """How many more leases there is room for."""

    @property
    def calls_sent(self) -> int:
        """Calls that were sent so far."""

    @property
    def is_awaited(self) -> bool:
        """Whether rows may still come from requests that have no lease."""

    @property
    def other_calls(self) -> list[int]:
        """Numbers of the calls in flight without a separate lease."""

    def take_leases(self, rows: list[Any], valid_until: float) -> None:
        """Begin new leases, and act on the state of the job.

        :param valid_until: by the event loop's clock
        """

    def redis_refused(self, exc: exceptions.RedisError | StorageError | None) -> None:
        """Stop, since Redis refuses what the worker asks.

        :param exc: why; None if the worker has crashed
        """


class Exchange:
    """Runs a worker's batches from :meth:`begin` to :meth:`end`.

    :param taker: the worker
    :param lease_seconds: for how long a lease is good after the last sign of life
    :param uses_kept: whether it uses conversions that other jobs have paid for
    :param outage_calls: failures in a row that are taken for an outage; 0 = none are
    :param outage_pause: seconds by which it is probed; see :mod:`tmapi_spiders.crawl.outage`
    """

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        holding: Holding,
        job: SharedJob,
        *,
        taker: LeaseTaker,
        lease_seconds: float,
        uses_kept: bool,
        outage_calls: int,
        outage_pause: float,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._holding = holding
        self._job = job
        self._taker = taker
        self._lease_seconds = lease_seconds
        self._kept = conversion_prefix(job.source) if uses_kept else ""
        self._outage = outage_calls, round(max(outage_pause, SHORTEST_PAUSE) * 1000)
        self._asking: list[asyncio.Future[bool]] = []
        self.state: dict[str, Any] = {}
        """What the last exchange said of the job."""
        self.stops = job.stops
        """How often the job was stopped, as far as this worker knows."""
        self._heartbeat_at = 0.0
        self._leaving = False
        self._is_damaged = False
        self._task: asyncio.Task[None] | None = None

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

    @property
    def allowed(self) -> int:
        """Calls in flight that the account bears, of all workers, as far as is known."""
        return int(self.state.get("allowed", 1))

    @property
    def feeder_is_dead(self) -> bool:
        """Whether nothing is left to do, and whoever fed the job has died before its end."""
        state = self.state
        idle = not state["requests"] and not state["leases"] and state["due"] < 0
        return state["fed"] == "0" and idle and state["feed_age"] > _FEEDER_LIFE * 1000

    async def is_spared(self) -> bool:
        """Ask whether failures are laid to the API, those told before included."""
        return bool(self._outage[0]) and self.is_running and await self._outbox.is_spared()

    async def ask_permit(self, number: int, task: str) -> int:
        """Ask for leave to send a call that has no lease of its own.

        :param number: the call's
        :param task: the task that it is counted to, if it is to one
        :return: 1: it may leave; 0: ask again; -1: never
        """
        if not self.is_running:
            return -1
        values = [number, self._lease_ms, task, self._outage[0]]
        return await self._outbox.ask("permit", values, -1)

    def release(
        self, number: int, task: str, how: str, *, counts: bool, sign: Sign | None = None
    ) -> None:
        """Take back the leave for a call that has no lease of its own.

        :param how: answered, refused or failed; see the script
        """
        told = (
            ["", ""] if sign is None else ["works", ""] if sign.works else [sign.reason, sign.said]
        )
        pause = self._outage[1]
        values = [number, task, how, "1" if counts else "0", pause, *self._outage, *told]
        self._outbox.add(Step("release", values))

    def look(self) -> None:
        """Look for leases with the next batch."""
        self._outbox.look()
        self._outbox.wake()

    def tell(self) -> None:
        """Say with the next batch, before all else, how this worker is."""
        self._heartbeat_at = 0.0
        self._outbox.wake()

    def begin(self) -> None:
        """Begin to take leases."""
        self._task = asyncio.ensure_future(self._work())

    async def end(self) -> None:
        """Run what waits, say goodbye, and end."""
        self._leaving = True
        self._outbox.wake()
        if self._task is not None:
            await self._task
        await self._store.close()

    async def _work(self) -> None:
        """Run batch after batch, until this worker has left."""
        try:
            while not self._leaving or self._holding or self._outbox.has_steps:
                await self._turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._store.run([self._heartbeat(goodbye=True)])
        except exceptions.RedisError as exc:
            damage = await self._store.damage(self._job.name, self._job.account)
            self._give_up()
            self._taker.redis_refused(StorageError(" ".join(damage)) if damage else exc)
        except Exception:
            logger.exception("A crash of the worker; what it holds goes to others")
            self._give_up()
            self._taker.redis_refused(None)

    def _give_up(self) -> None:
        self._holding.clear()
        self._outbox.give_up()
        self._asking += self._outbox.take_permits()[1]
        self._answer(is_spared=False)
        self._task = None

    async def _turn(self) -> None:
        loop, outbox = asyncio.get_running_loop(), self._outbox
        begun = loop.time()
        steps: list[Step] = []
        if begun >= self._heartbeat_at:
            steps.append(self._heartbeat())
        steps += outbox.take_steps()
        wanted = self._taker.room_for_leases
        if outbox.has_permits or (self._looks(wanted) and begun >= outbox.look_at):
            steps.append(self._exchange(wanted, begun))
        if steps:
            at_once = await self._store.run(steps)
            if not at_once or loop.time() - begun > self._lease_seconds / 3:
                # A reply may have been lost, and leases with it: those go back, and are asked for.
                self._heartbeat_at = 0.0
                outbox.look()
        if self.state.get("amiss") and not self._is_damaged:
            # What is in flight is still committed.
            self._is_damaged = True
            damage = await self._store.damage(self._job.name, self._job.account)
            self._taker.redis_refused(
                StorageError(" ".join(damage) or "Redis, the job was changed by hand")
            )
        if outbox.has_steps or outbox.has_permits:
            return
        until = self._heartbeat_at
        if self._looks(self._taker.room_for_leases):
            until = min(until, outbox.look_at)
        await outbox.wait(max(until - loop.time(), 0.001))

    def _looks(self, wanted: int) -> bool:
        """Say whether the job is looked at: not only for leases, where a call waits for leave."""
        return bool(wanted) or self._taker.is_awaited

    def _heartbeat(self, *, goodbye: bool = False) -> Step:
        begun = asyncio.get_running_loop().time()
        self._heartbeat_at = begun + self._lease_seconds / 3
        held = {lease.task: lease.token for lease in self._holding if not lease.is_lost}
        about = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "calls": self._taker.calls_sent,
            "at": utc_now(),
            "is_awaited": self._taker.is_awaited,
        }

        def done(lost: list[bytes]) -> None:
            gone = {task.decode() for task in lost}
            for lease in self._holding:
                if lease.task not in held:
                    continue
                if lease.task in gone:
                    self._holding.lose(lease)
                else:
                    lease.valid_until = begun + self._lease_seconds

        values = [self._taker.name, self._lease_ms, orjson.dumps(held)]
        values += [b"" if goodbye else orjson.dumps(about), *self._taker.other_calls]
        return Step("heartbeat", values, done)

    @property
    def _lease_ms(self) -> int:
        return int(self._lease_seconds * 1000)

    def _exchange(self, wanted: int, begun: float) -> Step:
        over, asking = self._outbox.take_permits()
        self._asking += asking
        values = [
            *(self._taker.name, wanted, self._lease_ms, self.stops),
            orjson.dumps(over),
            self._kept,
            utc_now(),
            *self._outage,
        ]
        return Step("exchange", values, lambda reply: self._exchanged(reply, begun))

    def _exchanged(self, reply: list[Any], begun: float) -> None:
        self.state = orjson.loads(reply[0])
        self._answer(is_spared=bool(self.state.get("spares")))
        self._outbox.look_at = asyncio.get_running_loop().time() + self._pause()
        self._taker.take_leases(reply[1:], begun + self._lease_seconds)

    def _answer(self, *, is_spared: bool) -> None:
        asking, self._asking = self._asking, []
        for one in asking:
            if not one.done():
                one.set_result(is_spared)

    def _pause(self) -> float:
        """Return for how long the queue need not be looked at, unless something happens."""
        if self.state.get("requests"):
            return _STARVED
        due = self.state.get("due", -1)
        return min(due / 1000 + 0.001, _IDLE) if due >= 0 else _IDLE
