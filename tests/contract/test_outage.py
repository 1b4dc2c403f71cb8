"""Outages: one process and workers judge the same ends of calls alike."""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.distributed.desk import Desk
from tests.local.test_gate import Stops, journal_of
from tmapi_spiders.crawl.concurrency_limit import ConcurrencyLimit
from tmapi_spiders.crawl.outage import WORKS, Outage, Sign
from tmapi_spiders.distributed.lease_fields import read_lease
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.local.gate import LocalGate

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tmapi_spiders.crawl.interfaces import Permit
    from tmapi_spiders.distributed.lease import Lease

MOST, CALLS = 12, 14
#: Seconds; the first probe is sent after twice as long.
PAUSE = 10.0

FAILS = Sign(works=False, reason="outage", said="500: oh")

#: How a call ends: it failed, with or without an answer; the API works; or none of these.
FAILED, SILENT, WORKED, ODD = "failed", "silent", "worked", "odd"
SIGNS = {FAILED: FAILS, SILENT: FAILS, WORKED: WORKS, ODD: None}


@attrs.frozen
class Seen:
    """The visible state."""

    in_flight: int
    spares: bool
    probes: int
    """-1: the API is not probed."""
    stopped: bool


class Alone:
    """Calls of one process."""

    def __init__(self) -> None:
        self.now = 0.0
        self._loop = asyncio.new_event_loop()
        self._loop.time = lambda: self.now  # type: ignore[method-assign]
        self._outage = Outage(CALLS, PAUSE, clock=lambda: self.now)
        self._stops = Stops()
        self._gate = LocalGate(
            ConcurrencyLimit(MOST), journal_of(), self._stops, outage=self._outage
        )
        self._stops.on_stop = self._gate.close

    def out(self, wanted: int) -> list[Permit]:
        async def let_out() -> list[Permit]:
            admit = self._gate.admit
            waiting = [asyncio.ensure_future(admit()) for _ in range(wanted)]
            for _ in range(4):
                await asyncio.sleep(0)
            found = [one for one in waiting if one.done() and not one.exception()]
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            return [one.result() for one in found]

        return self._loop.run_until_complete(let_out())

    def over(self, ended: list[tuple[Permit, str]]) -> None:
        async def end() -> None:
            for permit, how in ended:
                if how == SILENT:
                    self._gate.failed(permit, sent=True, sign=SIGNS[how])
                else:
                    self._gate.answered(permit, counts=True, sign=SIGNS[how])

        self._loop.run_until_complete(end())

    @property
    def seen(self) -> Seen:
        outage = self._outage
        probes = outage.probes if outage.is_probing else -1
        return Seen(self._gate.in_flight, outage.spares, probes, bool(self._stops.reasons))

    def close(self) -> None:
        self._gate.close()
        self._loop.close()


class Shared:
    """Calls of a worker."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk.with_settings(TMAPI_MAX_CONCURRENCY=MOST)
        self._job = self._desk.make(seeds=4 * MOST)
        self._state: dict[str, Any] = {}

    def passes(self, seconds: float) -> None:
        key = self._desk.key("outage")
        if (at := self._desk.client.hget(key, "probe_at")) is not None:
            self._desk.client.hset(key, "probe_at", int(at) - round(seconds * 1000))

    def out(self, wanted: int) -> list[Lease]:
        return self._exchange(wanted, [])

    def over(self, ended: list[tuple[Lease, str]]) -> None:
        answers = []
        for lease, how in ended:
            sign = SIGNS[how]
            told = [] if sign is None else ["works"] if sign.works else [sign.reason, sign.said]
            answers.append([lease.task, lease.token, *told, *([True] if how == SILENT else [])])
        self._exchange(0, answers)
        for lease, _ in ended:
            lease.sent = True
            step = lease.give_back("retry", lambda _: None)
            run_script(self._desk.client, step.name, self._job.keys, *step.values)

    def _exchange(self, wanted: int, answers: list[Any]) -> list[Lease]:
        values = ("w", wanted, 3_600_000, self._job.stops, json.dumps(answers), "", "now")
        outage = CALLS, round(PAUSE * 1000)
        state, *rows = run_script(self._desk.client, "exchange", self._job.keys, *values, *outage)
        self._state = json.loads(state)
        return [read_lease(row, self._job, 0.0) for row in rows]

    @property
    def seen(self) -> Seen:
        state = self._state
        is_over = state["state"] == "stopped"
        return Seen(state["held"], state["spares"], state["probes"], is_over)


@pytest.mark.parametrize("seeds", [range(12), pytest.param(range(12, 200), marks=pytest.mark.long)])
def test_the_same_ends_are_taken_for_an_outage(
    redis_server: RedisServer, tmp_path: Path, seeds: range
) -> None:
    stopped = 0
    for seed in seeds:
        redis_server.client.flushall()
        alone, shared = Alone(), Shared(Desk(redis_server, tmp_path))
        try:
            work(random.Random(seed), alone, shared)
        except AssertionError as exc:
            raise AssertionError(f"{exc} (seed {seed})") from None
        finally:
            alone.close()
        stopped += alone.seen.stopped
    assert 0 < stopped < len(seeds)


def work(draw: random.Random, alone: Alone, shared: Shared) -> None:
    """Let calls end, some well and most of them badly."""
    share = draw.choice([0.0, 0.02, 0.1])
    in_flight: list[tuple[Permit, Lease]] = []
    for number in range(60):
        seconds = draw.choice([0.0, 25.0, 25.0, 100.0])
        alone.now += seconds
        shared.passes(seconds)
        wanted = draw.choice([0, 1, 3, MOST, MOST])
        permits, leases = alone.out(wanted), shared.out(wanted)
        assert (number, len(leases)) == (number, len(permits))
        # Both ways a call belongs to one query.
        in_flight += [
            (attrs.evolve(permit, query_id=lease.task), lease)
            for permit, lease in zip(permits, leases, strict=True)
        ]
        draw.shuffle(in_flight)
        many = draw.randint(0, len(in_flight))
        over, in_flight = in_flight[:many], in_flight[many:]
        how = [
            WORKED if draw.random() < share else draw.choice([FAILED, FAILED, SILENT, ODD])
            for _ in over
        ]
        alone.over([(permit, one) for (permit, _), one in zip(over, how, strict=True)])
        shared.over([(lease, one) for (_, lease), one in zip(over, how, strict=True)])
        assert (number, shared.seen) == (number, alone.seen)
        if alone.seen.stopped:
            return
