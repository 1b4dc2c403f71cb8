"""Sends a worker's batches to Redis, one after the other.

Each batch carries what is in the outbox, fetches new leases and, when due, a heartbeat.
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
    from tmapi_spiders.distributed.held_leases import HeldLeases
    from tmapi_spiders.distributed.outbox import Outbox
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.distributed.store import Store

__all__ = ["Exchange", "LeaseTaker"]

logger = logging.getLogger(__name__)

#: Seconds between checks for leases: at the account's limit, and while the queue is empty.
_POLL_AT_LIMIT = 0.1
_POLL_IDLE = 0.5

#: Seconds allowed for saying goodbye; otherwise the others notice when the leases expire.
_GOODBYE = 5.0

#: Seconds without progress after which the process that enqueues is taken for dead.
_FEEDER_DEAD_AFTER = 60.0


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
    :param lease_seconds: how long a lease is valid after the last heartbeat
    :param uses_kept: whether to use conversions that other jobs have paid for
    :param outage_calls: failures in a row that are taken for an outage; 0 = never
    :param outage_pause: seconds that the pauses before probes grow from; see
        :mod:`tmapi_spiders.crawl.outage`
    """

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        leases: HeldLeases,
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
        self._leases = leases
        self._job = job
        self._taker = taker
        self._lease_seconds = lease_seconds
        self._kept = conversion_prefix(job.source) if uses_kept else ""
        self._outage = outage_calls, round(max(outage_pause, SHORTEST_PAUSE) * 1000)
        self._spared_futures: list[asyncio.Future[bool]] = []
        self.state: dict[str, Any] = {}
        """The job's state as of the last exchange."""
        self.stops = job.stops
        """How often the job was stopped, as far as this worker knows."""
        self._heartbeat_at = 0.0
        self._leaving = False
        self._is_damaged = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether leases may still arrive."""
        return self._task is not None

    @property
    def is_away(self) -> bool:
        """Whether Redis failed to answer when last asked."""
        return self._store.is_away

    @property
    def batches(self) -> int:
        """Round trips so far."""
        return self._store.batches

    @property
    def allowed(self) -> int:
        """The account's concurrency limit, shared by all workers, as far as it is known."""
        return int(self.state.get("allowed", 1))

    @property
    def feeder_is_dead(self) -> bool:
        """Whether the queue is empty and the process that enqueues has died before its end."""
        state = self.state
        idle = not state["requests"] and not state["leases"] and state["due"] < 0
        return state["fed"] == "0" and idle and state["feed_age"] > _FEEDER_DEAD_AFTER * 1000

    async def is_spared(self) -> bool:
        """Return whether failures reported so far count against the API, not the page."""
        return bool(self._outage[0]) and self.is_running and await self._outbox.is_spared()

    async def ask_permit(self, number: int, task: str) -> int:
        """Ask for a permit for a call that has no lease of its own.

        :param number: the call's number
        :param task: the task that the call is counted to; "" if none
        :return: 1: granted; 0: ask again; -1: never
        """
        if not self.is_running:
            return -1
        values = [number, self._lease_ms, task, self._outage[0]]
        return await self._outbox.ask("permit", values, -1)

    def release(
        self, number: int, task: str, how: str, *, counts: bool, sign: Sign | None = None
    ) -> None:
        """Return the permit of a call that has no lease of its own.

        :param how: how the call ended: answered, refused or failed; see ``release.lua``
        """
        sign_values = (
            ["", ""] if sign is None else ["works", ""] if sign.works else [sign.reason, sign.said]
        )
        pause = self._outage[1]
        values = [number, task, how, "1" if counts else "0", pause, *self._outage, *sign_values]
        self._outbox.add(Step("release", values))

    def check_for_leases(self) -> None:
        """Ask for leases with the next batch."""
        self._outbox.check_for_leases()
        self._outbox.wake()

    def heartbeat_now(self) -> None:
        """Send a heartbeat at the head of the next batch."""
        self._heartbeat_at = 0.0
        self._outbox.wake()

    def begin(self) -> None:
        """Begin to take leases."""
        self._task = asyncio.ensure_future(self._work())

    async def end(self) -> None:
        """Send what is waiting, say goodbye, and end."""
        self._leaving = True
        self._outbox.wake()
        if self._task is not None:
            await self._task
        await self._store.close()

    async def _work(self) -> None:
        """Run batch after batch until this worker has left."""
        try:
            while not self._leaving or self._leases or self._outbox.has_steps:
                await self._run_batch()
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._store.run([self._heartbeat(goodbye=True)])
        except exceptions.RedisError as exc:
            damage = await self._store.damage(self._job.name, self._job.account)
            self._give_up()
            self._taker.redis_refused(StorageError(" ".join(damage)) if damage else exc)
        except Exception:
            logger.exception("The worker has crashed; what it holds goes to other workers")
            self._give_up()
            self._taker.redis_refused(None)

    def _give_up(self) -> None:
        self._leases.clear()
        self._outbox.abandon()
        self._spared_futures += self._outbox.take_ended_calls()[1]
        self._resolve_spared(is_spared=False)
        self._task = None

    async def _run_batch(self) -> None:
        loop, outbox = asyncio.get_running_loop(), self._outbox
        begun = loop.time()
        steps: list[Step] = []
        if begun >= self._heartbeat_at:
            steps.append(self._heartbeat())
        steps += outbox.take_steps()
        wanted = self._taker.room_for_leases
        if outbox.has_ended_calls or (self._must_check(wanted) and begun >= outbox.next_check_at):
            steps.append(self._exchange(wanted, begun))
        if steps:
            at_once = await self._store.run(steps)
            if not at_once or loop.time() - begun > self._lease_seconds / 3:
                # A reply with leases may be lost: the heartbeat gives them back; ask for others.
                self._heartbeat_at = 0.0
                outbox.check_for_leases()
        if self.state.get("amiss") and not self._is_damaged:
            # What is in flight is still committed.
            self._is_damaged = True
            damage = await self._store.damage(self._job.name, self._job.account)
            self._taker.redis_refused(
                StorageError(" ".join(damage) or "Redis, the job was changed by hand")
            )
        if outbox.has_steps or outbox.has_ended_calls:
            return
        until = self._heartbeat_at
        if self._must_check(self._taker.room_for_leases):
            until = min(until, outbox.next_check_at)
        await outbox.wait(max(until - loop.time(), 0.001))

    def _must_check(self, wanted: int) -> bool:
        """Return whether to poll the job: for leases, or because a call waits for a permit."""
        return bool(wanted) or self._taker.is_awaited

    def _heartbeat(self, *, goodbye: bool = False) -> Step:
        begun = asyncio.get_running_loop().time()
        self._heartbeat_at = begun + self._lease_seconds / 3
        held = {lease.task: lease.token for lease in self._leases if not lease.is_lost}
        about = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "calls": self._taker.calls_sent,
            "at": utc_now(),
            "is_awaited": self._taker.is_awaited,
        }

        def done(lost: list[bytes]) -> None:
            gone = {task.decode() for task in lost}
            for lease in self._leases:
                if lease.task not in held:
                    continue
                if lease.task in gone:
                    self._leases.lose(lease)
                else:
                    lease.valid_until = begun + self._lease_seconds

        values = [self._taker.name, self._lease_ms, orjson.dumps(held)]
        values += [b"" if goodbye else orjson.dumps(about), *self._taker.other_calls]
        return Step("heartbeat", values, done)

    @property
    def _lease_ms(self) -> int:
        return int(self._lease_seconds * 1000)

    def _exchange(self, wanted: int, begun: float) -> Step:
        over, asking = self._outbox.take_ended_calls()
        self._spared_futures += asking
        values = [
            *(self._taker.name, wanted, self._lease_ms, self.stops),
            orjson.dumps(over),
            self._kept,
            utc_now(),
            *self._outage,
        ]
        return Step("exchange", values, lambda reply: self._on_reply(reply, begun))

    def _on_reply(self, reply: list[Any], begun: float) -> None:
        self.state = orjson.loads(reply[0])
        self._resolve_spared(is_spared=bool(self.state.get("spares")))
        self._outbox.next_check_at = asyncio.get_running_loop().time() + self._pause()
        self._taker.take_leases(reply[1:], begun + self._lease_seconds)

    def _resolve_spared(self, *, is_spared: bool) -> None:
        asking, self._spared_futures = self._spared_futures, []
        for one in asking:
            if not one.done():
                one.set_result(is_spared)

    def _pause(self) -> float:
        """Return for how long the queue need not be checked unless something happens."""
        if self.state.get("requests"):
            return _POLL_AT_LIMIT
        due = self.state.get("due", -1)
        return min(due / 1000 + 0.001, _POLL_IDLE) if due >= 0 else _POLL_IDLE
