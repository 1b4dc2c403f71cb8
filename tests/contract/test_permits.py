"""The concurrency limit: one process and workers learn the same from the same answers.

Both are given the same random steps. A batch is what a worker sends at once: refusals, then calls
that have ended. Both clocks are advanced: here by hand, on Redis by moving the times of what is to
come.
"""

from __future__ import annotations

import asyncio
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st

from tests.distributed.desk import Desk
from tests.fuzz.values import EXAMPLES, try_all
from tests.local.test_gate import Stops, journal_of
from tmapi_spiders.crawl import concurrency_limit
from tmapi_spiders.crawl.concurrency_limit import ConcurrencyLimit
from tmapi_spiders.distributed import store
from tmapi_spiders.distributed.lease_fields import read_lease
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.local.gate import LocalGate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tmapi_spiders.crawl.interfaces import Permit
    from tmapi_spiders.distributed.lease import Lease

#: How much longer everything takes, so that seconds lost on a slow machine don't matter.
SLOWER = 1000

PAUSE = 2.0 * SLOWER

Step = tuple[int, float, list[str]]
"""How many calls are wanted, seconds that pass, and how calls in flight end."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from([40, 40, 40, 40, 5, 1, 0]),
        st.sampled_from([0.0, 0.0, 0.0, 4.0, 16.0, 40.0, 310.0]),
        st.one_of(
            st.integers(0, 12).map(lambda many: many * ["answered"]),
            st.integers(8, 12).map(lambda many: many * ["answered"]),
            st.integers(1, 2).map(lambda many: many * ["refused"]),
            st.lists(st.sampled_from(["answered", "failed", "refused"]), max_size=12),
        ),
    ),
    min_size=12,
    max_size=30,
)


@pytest.fixture
def slower(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("PROBE_SECONDS", "LONGEST_PROBE_SECONDS", "LONGEST_PAUSE"):
        monkeypatch.setattr(concurrency_limit, name, SLOWER * getattr(concurrency_limit, name))
    store.script.cache_clear()
    yield
    store.script.cache_clear()


class Alone:
    """Calls of one process."""

    def __init__(self, most: int) -> None:
        self._now = 0.0
        self._loop = asyncio.new_event_loop()
        self._loop.time = lambda: self._now  # type: ignore[method-assign]
        self._limit = ConcurrencyLimit(most, PAUSE, clock=lambda: self._now)
        self._gate = LocalGate(self._limit, journal_of(), Stops())
        self._in_flight: list[Permit] = []

    def step(self, wanted: int, seconds: float, endings: list[str]) -> tuple[int, int]:
        return self._loop.run_until_complete(self._step(wanted, seconds, endings))

    async def _step(self, wanted: int, seconds: float, endings: list[str]) -> tuple[int, int]:
        self._now += seconds
        await _take_turns()
        waiting = [asyncio.ensure_future(self._gate.admit()) for _ in range(wanted)]
        await _take_turns()
        self._in_flight += [one.result() for one in waiting if one.done()]
        waiting = [one for one in waiting if not one.done()]
        for permit in take(self._in_flight, endings, "refused"):
            self._gate.refused(permit)
        for permit, how in zip(self._in_flight.copy(), over(endings), strict=False):
            self._in_flight.remove(permit)
            if how == "answered":
                self._gate.answered(permit, counts=False)
            else:
                self._gate.failed(permit, sent=False)
        await _take_turns()
        self._in_flight += [one.result() for one in waiting if one.done()]
        for one in waiting:
            one.cancel()
        await _take_turns()
        assert self._gate.in_flight == len(self._in_flight)
        return self._limit.allowed, self._gate.in_flight

    def close(self) -> None:
        self._gate.close()
        self._loop.close()


class Shared:
    """Calls of a worker."""

    def __init__(self, desk: Desk, most: int) -> None:
        desk.client.flushall()
        self._desk = desk.with_settings(TMAPI_MAX_CONCURRENCY=most)
        # Few enough to begin at any time, and more than can be in flight.
        self._job = self._desk.make(seeds=4 * most)
        self._in_flight: list[Lease] = []

    def step(self, wanted: int, seconds: float, endings: list[str]) -> tuple[int, int]:
        limit = f"{self._job.account}:limit"
        for field in ("probe_at", "paused_until"):
            if (at := self._desk.client.hget(limit, field)) not in {None, b"0"}:
                self._desk.client.hset(limit, field, int(at) - round(seconds * 1000))
        out, _ = self._exchange(wanted)
        self._in_flight += out
        for lease in take(self._in_flight, endings, "refused"):
            self._give_back(lease, "refused")
        ending = dict(zip(self._in_flight, over(endings), strict=False))
        answers = [
            [lease.task, lease.token, *(["odd", "500", True] if how == "failed" else [])]
            for lease, how in ending.items()
        ]
        self._in_flight = self._in_flight[len(ending) :]
        out, state = self._exchange(wanted - len(out), answers)
        self._in_flight += out
        for lease in ending:
            self._give_back(lease, "unsent")
        assert state["held"] == len(self._in_flight)
        return state["allowed"], state["held"]

    def _exchange(
        self, wanted: int, answers: list[Any] | None = None
    ) -> tuple[list[Lease], dict[str, Any]]:
        values = ("w", wanted, 3_600_000, self._job.stops, json.dumps(answers or []), "", "now")
        state, *rows = run_script(self._desk.client, "exchange", self._job.keys, *values, 0, 0)
        return [read_lease(row, self._job, 0.0) for row in rows], json.loads(state)

    def _give_back(self, lease: Lease, how: str) -> None:
        step = lease.give_back(how, lambda _: None, pause=PAUSE)
        done = run_script(self._desk.client, step.name, self._job.keys, *step.values)
        assert done == b"done"


async def _take_turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def take(in_flight: list[Any], endings: list[str], how: str) -> list[Any]:
    """Take as many of the calls in flight as end like this, and return them."""
    taken = in_flight[: endings.count(how)]
    del in_flight[: len(taken)]
    return taken


def over(endings: list[str]) -> list[str]:
    """Return how the other calls end."""
    return [how for how in endings if how != "refused"]


@pytest.fixture
def desk(redis_server: RedisServer, tmp_path: Path) -> Desk:
    return Desk(redis_server, tmp_path)


def check(desk: Desk, most: int, steps: list[Step]) -> None:
    alone, shared = Alone(most), Shared(desk, most)
    try:
        for number, step in enumerate(steps):
            assert (number, *shared.step(*step)) == (number, *alone.step(*step))
    finally:
        alone.close()


@pytest.mark.usefixtures("slower")
@EXAMPLES
def test_the_same_answers_allow_the_same_calls(desk: Desk, examples: int) -> None:
    scaled = STEPS.map(lambda steps: [(wanted, SLOWER * time, how) for wanted, time, how in steps])
    given = st.tuples(st.sampled_from([1, 3, 12, 20]), scaled)
    try_all(given, lambda drawn: check(desk, *drawn), examples)


@pytest.mark.usefixtures("slower")
@pytest.mark.parametrize("most", [6, 14])
def test_an_account_whose_limit_changes(desk: Desk, most: int) -> None:
    draw = random.Random(most)
    alone, shared = Alone(most), Shared(desk, most)
    borne, in_flight, highest = most, 0, set()
    for number in range(150):
        if draw.random() < 0.05:
            borne = draw.randint(0, most)
        refused = max(in_flight - borne, 0)
        endings = refused * ["refused"] + (in_flight - refused) * ["answered"]
        step = 40, SLOWER * draw.choice([0.0, 0.0, 4.0, 16.0, 65.0]), endings
        allowed, in_flight = alone.step(*step)
        assert (number, *shared.step(*step)) == (number, allowed, in_flight)
        highest.add(allowed)
    alone.close()
    assert len(highest) > most / 2, "it has seen a lot"


def test_answers_of_one_batch_raise_nothing_without_demand(desk: Desk) -> None:
    shared = Shared(desk, 16)
    assert shared.step(7, 0.0, []) == (8, 7)
    assert shared.step(0, 0.0, ["answered"] * 3) == (8, 4)
