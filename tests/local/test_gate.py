"""The gate lets out no more than permits and budget allow, and nothing once it is closed."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tmapi_spiders.api.calls import Call
from tmapi_spiders.crawl.interfaces import GateClosed
from tmapi_spiders.crawl.permits import Permits
from tmapi_spiders.formats import utc_now
from tmapi_spiders.jobs.journal import Journal
from tmapi_spiders.local.gate import LocalGate

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.errors import StorageError


def journal_of(calls: int = 0, *, writable: bool = True) -> Journal:
    # Closed by whichever thread collects it: others run in this process.
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.executescript(Journal.TABLES)
    journal = Journal(Path("journal.sqlite"), connection)
    weakref.finalize(journal, connection.close)
    for _ in range(calls):
        journal.note("q", 1, utc_now())
    if not writable:
        connection.execute("PRAGMA query_only = ON")
    return journal


def gate_of(most: int, journal: Journal | None = None, **options: Any) -> LocalGate:
    return LocalGate(Permits(most), journal or journal_of(), **options)


async def calls_through(gate: LocalGate, count: int, counts: Callable[[], bool]) -> int:
    """Make *count* calls at once; return how many left."""

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


def test_permits() -> None:
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
    """Some 32 in flight, of which some do not count: the job stops at exactly the budget."""

    async def main() -> None:
        journal, stops = journal_of(spent), []

        def exhausted() -> None:
            stops.append((journal.calls, gate.in_flight))
            gate.close()

        gate = gate_of(32, journal, budget=budget, exhausted=exhausted)
        gate.permits._allowed = 32.0
        order = random.Random(budget)
        await calls_through(gate, 100, lambda: order.random() < 0.7 or gate.in_flight == 1)
        assert journal.calls == budget
        assert stops == [(budget, 0)], "told once, and only when all are settled"

    asyncio.run(main())


def test_a_budget_that_just_suffices_stops_nothing() -> None:
    stops: list[None] = []
    gate = gate_of(4, budget=10, exhausted=lambda: stops.append(None))
    assert asyncio.run(calls_through(gate, 10, lambda: True)) == 10
    assert not stops


def a_call(query_id: str) -> Call:
    """Return the call for the first page of a query."""
    return Call(query_id, query_id, "an image", 1)


def test_a_journal_that_cant_be_written_lets_nothing_out() -> None:
    failures: list[StorageError] = []
    gate = gate_of(4, journal_of(writable=False), storage_failed=failures.append)
    assert asyncio.run(calls_through(gate, 1, lambda: True)) == 0
    assert len(failures) == 1


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
        waiting[1].cancel()  # let out in this very moment
        await asyncio.gather(*waiting[:2], return_exceptions=True)
        gate.answered(await waiting[2], counts=True)
        assert (gate.in_flight, gate.sent - gate.struck) == (0, 2)

    asyncio.run(main())


class TestPermits:
    @staticmethod
    def settle(account: int, most: int, seconds: int) -> tuple[Permits, int, int]:
        """Run a second a round, all wanted at once; return permits, calls and refusals."""
        now = [0.0]
        permits = Permits(most, clock=lambda: now[0])
        calls = refusals = 0
        for _ in range(seconds):
            held = permits.allowed
            calls += held
            for _ in range(max(0, held - account)):
                held -= 1
                refusals += 1
                permits.refused(held)
            for _ in range(held):
                permits.answered(permits.allowed)
            now[0] += 1
        return permits, calls, refusals

    @pytest.mark.parametrize(("account", "most"), [(5, 40), (20, 40), (1, 8), (50, 20)])
    def test_they_settle_at_what_the_account_bears(self, account: int, most: int) -> None:
        permits, calls, refusals = self.settle(account, most, 600)
        bearable = min(account, most)
        assert permits.allowed in {bearable, bearable + 1}
        assert refusals <= 12 + bearable
        assert calls - refusals > 0.95 * 600 * bearable

    def test_they_come_back_soon_after_a_passing_dip(self) -> None:
        now = [0.0]
        permits = Permits(40, clock=lambda: now[0])
        permits.refused(3)
        rounds = 0
        while permits.allowed < 20:
            for _ in range(permits.allowed):
                permits.answered(permits.allowed)
            now[0] += 1
            rounds += 1
        assert rounds < 15 + 20

    def test_never_above_the_most(self) -> None:
        permits, _, refusals = self.settle(1000, 6, 600)
        assert (permits.allowed, permits.highest, refusals) == (6, 6, 0)

    def test_a_single_call_that_is_refused_pauses_ever_longer(self) -> None:
        permits = Permits(8, pause=1.0)
        assert [permits.refused(0) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
        permits.answered(1)
        assert permits.refused(0) == 1
        assert permits.allowed == 1
