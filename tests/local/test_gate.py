"""The gate admits no more calls than limit and budget allow, and none once it is closed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tmapi_spiders.api.calls import Call
from tmapi_spiders.crawl.concurrency_limit import ConcurrencyLimit
from tmapi_spiders.crawl.interfaces import GateClosed
from tmapi_spiders.formats import utc_now
from tmapi_spiders.jobs.journal import Journal
from tmapi_spiders.local.gate import LocalGate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.errors import StorageError


def journal_of(calls: int = 0, *, writable: bool = True) -> Journal:
    # Closed by whichever thread collects it: other threads run in this process.
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(Journal.TABLES)
    journal = Journal(Path("journal.sqlite"), connection)
    weakref.finalize(journal, connection.close)
    for _ in range(calls):
        journal.note("q", 1, utc_now())
    if not writable:
        connection.execute("PRAGMA query_only = ON")
    return journal


class Stops:
    """A stopper that notes what it is asked to stop for, and may close a gate."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.details: list[str | None] = []
        self.errors: list[StorageError] = []
        self.on_stop: Callable[[], None] = lambda: None

    def stop(self, reason: str, detail: str | None = None) -> None:
        self.reasons.append(reason)
        self.details.append(detail)
        self.on_stop()

    def storage_failed(self, exc: StorageError) -> None:
        self.errors.append(exc)


def gate_of(
    most: int, journal: Journal | None = None, stops: Stops | None = None, **options: Any
) -> LocalGate:
    return LocalGate(ConcurrencyLimit(most), journal or journal_of(), stops or Stops(), **options)


async def calls_through(gate: LocalGate, count: int, counts: Callable[[], bool]) -> int:
    """Make *count* calls at once; return how many were sent."""

    async def call() -> bool:
        try:
            permit = await gate.admit()
        except GateClosed:
            return False
        await asyncio.sleep(random.random() / 100)
        if counts():
            gate.answered(permit, counts=True)
        else:
            gate.refused(permit)
        return True

    return sum(await asyncio.gather(*(call() for _ in range(count))))


def test_the_limit() -> None:
    gate = gate_of(3)
    assert asyncio.run(calls_through(gate, 20, lambda: True)) == 20
    assert (gate.sent, gate.struck, gate.in_flight, gate.most_in_flight) == (20, 0, 0, 3)


def test_a_call_that_waits_when_the_gate_closes_is_not_sent() -> None:
    async def main() -> LocalGate:
        gate = gate_of(1)
        permit = await gate.admit()
        waiting = asyncio.create_task(gate.admit())
        await asyncio.sleep(0)
        gate.close()
        with pytest.raises(GateClosed):
            await waiting
        gate.answered(permit, counts=True)
        with pytest.raises(GateClosed):
            await gate.admit()
        return gate

    assert asyncio.run(main()).sent == 1


@pytest.mark.parametrize("budget", [1, 7, 32, 40])
@pytest.mark.parametrize("spent", [0, 1])
def test_the_budget_is_exact_though_some_calls_do_not_count(budget: int, spent: int) -> None:
    """With 32 in flight, some of which don't count, the job stops at exactly the budget."""

    async def main() -> None:
        journal, stops, seen = journal_of(spent), Stops(), []

        def on_stop() -> None:
            seen.append((journal.calls, gate.in_flight))
            gate.close()

        stops.on_stop = on_stop
        gate = gate_of(32, journal, stops, budget=budget)
        gate.limit._allowed = 32.0
        order = random.Random(budget)
        await calls_through(gate, 100, lambda: order.random() < 0.7 or gate.in_flight == 1)
        assert journal.calls == budget
        assert seen == [(budget, 0)], "once, and only when all calls have ended"
        assert stops.reasons == ["budget"]

    asyncio.run(main())


def test_a_budget_that_just_suffices_stops_nothing() -> None:
    stops = Stops()
    gate = gate_of(4, stops=stops, budget=10)
    assert asyncio.run(calls_through(gate, 10, lambda: True)) == 10
    assert not stops.reasons


def a_call(query_id: str) -> Call:
    """Return the call for the first page of a query."""
    return Call(query_id, query_id, "an image", 1)


def test_a_journal_that_cant_be_written_lets_nothing_out() -> None:
    stops = Stops()
    gate = gate_of(4, journal_of(writable=False), stops)
    assert asyncio.run(calls_through(gate, 1, lambda: True)) == 0
    assert len(stops.errors) == 1


def test_the_highest_priority_goes_first_and_its_like_in_turn() -> None:
    async def main() -> list[str]:
        gate, order = gate_of(1), []

        async def call(name: str, priority: int) -> None:
            permit = await gate.admit(a_call(name), priority=priority)
            order.append(name)
            gate.answered(permit, counts=True)

        held = await gate.admit()
        waiting = [
            asyncio.create_task(call(name, priority))
            for name, priority in (("a", 1), ("b", 1), ("again", 5), ("last", -1), ("c", 1))
        ]
        await asyncio.sleep(0)
        gate.answered(held, counts=True)
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(main()) == ["again", "a", "b", "c", "last"]


def test_a_cancelled_wait_costs_no_permit() -> None:
    async def main() -> None:
        gate = gate_of(1)
        permit = await gate.admit()
        waiting = [asyncio.create_task(gate.admit()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gate.answered(permit, counts=True)
        waiting[1].cancel()  # admitted in this very moment
        await asyncio.gather(*waiting[:2], return_exceptions=True)
        gate.answered(await waiting[2], counts=True)
        assert (gate.in_flight, gate.sent - gate.struck) == (0, 2)

    asyncio.run(main())


class TestConcurrencyLimit:
    @staticmethod
    def run(account: int, most: int, seconds: int) -> tuple[ConcurrencyLimit, int, int]:
        """Run rounds of a second, all calls at once; return the limit, calls and refusals."""
        now = [0.0]
        limit = ConcurrencyLimit(most, clock=lambda: now[0])
        calls = refusals = 0
        for _ in range(seconds):
            held = limit.allowed
            calls += held
            for _ in range(max(0, held - account)):
                held -= 1
                refusals += 1
                limit.refused(held)
            for _ in range(held):
                limit.answered(limit.allowed)
            now[0] += 1
        return limit, calls, refusals

    @pytest.mark.parametrize(("account", "most"), [(5, 40), (20, 40), (1, 8), (50, 20)])
    def test_it_settles_at_the_limit_of_the_account(self, account: int, most: int) -> None:
        limit, calls, refusals = self.run(account, most, 600)
        possible = min(account, most)
        assert limit.allowed in {possible, possible + 1}
        assert refusals <= 12 + possible
        assert calls - refusals > 0.95 * 600 * possible

    def test_it_recovers_soon_after_a_passing_dip(self) -> None:
        now = [0.0]
        limit = ConcurrencyLimit(40, clock=lambda: now[0])
        limit.refused(3)
        rounds = 0
        while limit.allowed < 20:
            for _ in range(limit.allowed):
                limit.answered(limit.allowed)
            now[0] += 1
            rounds += 1
        assert rounds < 15 + 20

    def test_never_above_the_most(self) -> None:
        limit, _, refusals = self.run(1000, 6, 600)
        assert (limit.allowed, limit.highest, refusals) == (6, 6, 0)

    def test_a_single_call_that_is_refused_pauses_ever_longer(self) -> None:
        limit = ConcurrencyLimit(8, pause=1.0)
        assert [limit.refused(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
        limit.answered(1)
        assert limit.refused(0) == 1
        assert limit.allowed == 1
