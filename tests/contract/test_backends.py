"""The rules for permits, budget and dedupe, in one process and for workers on Redis."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import pytest
from scrapy.exceptions import DropItem

from tests.distributed.desk import Desk
from tests.local.test_gate import Stops, a_call, journal_of
from tmapi_spiders.crawl import concurrency_limit, outage
from tmapi_spiders.crawl.concurrency_limit import FIRST, ConcurrencyLimit
from tmapi_spiders.crawl.dedupe import identity_of
from tmapi_spiders.crawl.outage import DIFFERENT, WORKS, Outage, Sign
from tmapi_spiders.distributed import store
from tmapi_spiders.distributed.lease_fields import read_lease
from tmapi_spiders.distributed.seed_queue import enqueue_seeds
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.inputs.queries import Query
from tmapi_spiders.inputs.seed import Seed
from tmapi_spiders.items import Product
from tmapi_spiders.local.gate import LocalGate
from tmapi_spiders.pipelines import DedupePipeline

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer

PAUSE = 0.2
OUTAGE_CALLS, OUTAGE_PAUSE = 12, 0.1
FAILS = Sign(works=False, reason="refused", said="403: no")


class Calls(Protocol):
    """Calls of a job, sent by one of the backends."""

    def out(self, wanted: int) -> list[Any]:
        """Let out as many of the calls wanted as may be sent."""

    def answered(self, call: Any, *, counts: bool = True) -> None: ...

    def refused(self, call: Any) -> None: ...

    def failed(self, call: Any, *, answered: bool = True) -> bool:
        """Let a call fail; return whether that is blamed on the API."""

    def worked(self, call: Any) -> None: ...

    @property
    def stopped(self) -> str:
        """Why the job has stopped; "" if it has not."""

    @property
    def counted(self) -> int: ...

    @property
    def is_exhausted(self) -> bool: ...


class LocalCalls:
    def __init__(self, most: int, budget: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._journal = journal_of()
        self._stops = Stops()
        self._numbers = count()
        self._gate = LocalGate(
            ConcurrencyLimit(most, PAUSE),
            self._journal,
            self._stops,
            budget=budget,
            outage=Outage(OUTAGE_CALLS, OUTAGE_PAUSE),
        )
        self._stops.on_stop = self._gate.close

    @property
    def stopped(self) -> str:
        stops = zip(self._stops.reasons, self._stops.details, strict=True)
        return next((f"{reason} ({detail})" for reason, detail in stops), "")

    @property
    def is_exhausted(self) -> bool:
        return "budget" in self._stops.reasons

    def out(self, wanted: int) -> list[Any]:
        async def let_out() -> list[Any]:
            waiting = [
                asyncio.ensure_future(self._gate.admit(a_call(f"q{next(self._numbers)}")))
                for _ in range(wanted)
            ]
            await asyncio.sleep(0.01)
            found = [one for one in waiting if one.done() and not one.exception()]
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            return [one.result() for one in found]

        return self._loop.run_until_complete(let_out())

    def answered(self, call: Any, *, counts: bool = True) -> None:
        self._do(lambda: self._gate.answered(call, counts=counts))

    def refused(self, call: Any) -> None:
        self._do(lambda: self._gate.refused(call))

    def failed(self, call: Any, *, answered: bool = True) -> bool:
        if answered:
            self._do(lambda: self._gate.answered(call, counts=True, sign=FAILS))
        else:
            self._do(lambda: self._gate.failed(call, sent=True, sign=FAILS))
        return self._loop.run_until_complete(self._gate.is_spared(call))

    def worked(self, call: Any) -> None:
        self._do(lambda: self._gate.answered(call, counts=True, sign=WORKS))

    def _do(self, act: Any) -> None:
        async def run() -> None:
            act()

        self._loop.run_until_complete(run())

    @property
    def counted(self) -> int:
        return self._journal.calls

    def close(self) -> None:
        self._gate.close()
        self._loop.close()


class SharedCalls:
    def __init__(self, desk: Desk, most: int, budget: int) -> None:
        desk.settings.update(TMAPI_MAX_CONCURRENCY=most, TMAPI_BUDGET=budget)
        self._desk = desk
        self._job = desk.make(seeds=200, max_pages=1)

    def out(self, wanted: int) -> list[Any]:
        _, *rows = self._exchange(wanted)
        return [read_lease(row, self._job, 0.0) for row in rows]

    def _exchange(self, wanted: int, *over: list[Any]) -> list[Any]:
        at = "2026-01-01T00:00:00.000Z"
        values = ("w", wanted, 30_000, self._job.stops, json.dumps(over), "conversion:", at)
        outage = (OUTAGE_CALLS, round(OUTAGE_PAUSE * 1000))
        found: list[Any] = run_script(
            self._desk.client, "exchange", self._job.keys, *values, *outage
        )
        return found

    def failed(self, call: Any, *, answered: bool = True) -> bool:
        over = [call.task, call.token, FAILS.reason, FAILS.said, *([] if answered else [True])]
        state = json.loads(self._exchange(0, over)[0])
        call.sent = True
        step = call.give_back("retry", lambda _: None, delay=60)
        assert run_script(self._desk.client, "give_back", self._job.keys, *step.values) == b"done"
        return bool(state["spares"])

    def worked(self, call: Any) -> None:
        self._exchange(0, [call.task, call.token, "works"])
        self._desk.commit(self._job, call)

    @property
    def stopped(self) -> str:
        facts = self._desk.facts()
        found = facts.get("stop_reason")
        return f"{found} ({facts['stop_detail']})" if found else ""

    def answered(self, call: Any, *, counts: bool = True) -> None:
        self._exchange(0, [call.task, call.token])
        if counts:
            self._desk.commit(self._job, call)
        else:
            self._back(call, "unsent")

    def refused(self, call: Any) -> None:
        self._back(call, "refused")

    def _back(self, call: Any, how: str) -> None:
        call.sent, call.counts = True, False
        step = call.give_back(how, lambda _: None, pause=PAUSE)
        assert run_script(self._desk.client, "give_back", self._job.keys, *step.values) == b"done"

    @property
    def counted(self) -> int:
        return int(self._desk.facts().get("calls", 0))

    @property
    def is_exhausted(self) -> bool:
        return self._desk.facts().get("stop_reason") == "budget"

    def close(self) -> None:
        pass


@attrs.define
class Backend:
    """Makes calls of one backend, and closes it at the end of the test."""

    name: str
    desk: Desk
    made: list[Any] = attrs.field(factory=list)

    def __call__(self, most: int = 40, budget: int = 0) -> Calls:
        calls = (
            LocalCalls(most, budget)
            if self.name == "local"
            else SharedCalls(self.desk, most, budget)
        )
        self.made.append(calls)
        return calls


@pytest.fixture(params=["local", "redis"])
def backend(
    request: pytest.FixtureRequest, redis_server: RedisServer, tmp_path: Path
) -> Iterator[Backend]:
    found = Backend(request.param, Desk(redis_server, tmp_path, settings={}))
    yield found
    for calls in found.made:
        calls.close()


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(concurrency_limit, "PROBE_SECONDS", 0.3)
    store.script.cache_clear()
    yield
    store.script.cache_clear()


class TestPermits:
    def test_they_double_each_round_up_to_the_most(self, backend: Backend) -> None:
        calls = backend(most=21)
        in_flight = calls.out(100)
        for expected in (FIRST, 2 * FIRST, 21, 21):
            assert len(in_flight) == expected
            assert not calls.out(100), "none besides them"
            for call in in_flight.copy():
                calls.answered(call)
                in_flight.remove(call)
                in_flight += calls.out(100)

    def test_no_more_than_wanted(self, backend: Backend) -> None:
        assert len(backend().out(2)) == 2

    def test_they_do_not_grow_without_demand(self, backend: Backend) -> None:
        calls = backend()
        for _ in range(5):
            (call,) = calls.out(1)
            calls.answered(call)
        assert len(calls.out(100)) == FIRST

    def test_a_refusal_sets_them_to_what_was_in_flight(self, backend: Backend) -> None:
        calls = backend()
        first, *others = calls.out(4)
        calls.refused(first)
        assert not calls.out(100)
        for call in others:
            calls.answered(call)
        assert len(calls.out(100)) == 3

    def test_a_refused_call_does_not_count(self, backend: Backend) -> None:
        calls = backend()
        first, *others = calls.out(4)
        calls.refused(first)
        assert calls.counted == 3
        for call in others:
            calls.answered(call)
        assert calls.counted == 3

    @pytest.mark.usefixtures("quick_probes")
    def test_after_a_while_one_more_is_tried(self, backend: Backend) -> None:
        calls = backend()
        first, *others = calls.out(4)
        calls.refused(first)
        for call in others:
            calls.answered(call)
        out = calls.out(100)
        time.sleep(0.35)
        for call in out:
            calls.answered(call)
        assert len(calls.out(100)) == 4

    def test_if_even_one_call_is_refused_there_is_a_pause(self, backend: Backend) -> None:
        calls = backend(most=1)
        (call,) = calls.out(100)
        calls.refused(call)
        assert not calls.out(100)
        time.sleep(PAUSE + 0.1)
        assert len(calls.out(100)) == 1


class TestBudget:
    def test_no_call_beyond_it(self, backend: Backend) -> None:
        calls = backend(budget=FIRST + 2)
        for expected in (FIRST, 2):
            out = calls.out(100)
            assert len(out) == expected
            assert not calls.is_exhausted
            for call in out:
                calls.answered(call)
        assert not calls.out(100)
        assert calls.is_exhausted
        assert calls.counted == FIRST + 2

    def test_what_does_not_count_makes_room(self, backend: Backend) -> None:
        calls = backend(budget=3)
        first, *others = calls.out(100)
        assert len(others) == 2
        assert not calls.out(1)
        assert not calls.is_exhausted, "one in flight may turn out not to count"
        calls.answered(first, counts=False)
        (fourth,) = calls.out(100)
        for call in (*others, fourth):
            calls.answered(call)
        assert calls.counted == 3
        assert not calls.out(1)
        assert calls.is_exhausted

    def test_a_budget_that_just_suffices_stops_nothing(self, backend: Backend) -> None:
        calls = backend(budget=4)
        for call in calls.out(4):
            calls.answered(call)
        assert not calls.is_exhausted


@pytest.fixture
def few_probes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(outage, "MOST_PROBES", 2)
    store.script.cache_clear()
    yield
    store.script.cache_clear()


def next_probe(calls: Calls) -> Any:
    """Wait for the next probe: one call, however many are wanted."""
    for _ in range(100):
        if out := calls.out(100):
            (probe,) = out
            assert not calls.out(100)
            return probe
        time.sleep(0.02)
    raise AssertionError("no probe may leave")


@pytest.mark.usefixtures("few_probes")
class TestOutage:
    @staticmethod
    def fail_all(calls: Calls, many: int = OUTAGE_CALLS) -> list[bool]:
        """Let calls fail as they are sent; return which failures are blamed on the API."""
        spared: list[bool] = []
        while len(spared) < many:
            out = calls.out(100 if many == OUTAGE_CALLS else many - len(spared))
            assert 0 < len(out) <= many - len(spared), "no more than it takes to know"
            spared += [calls.failed(call, answered=len(spared) % 2 == 0) for call in out]
        return spared

    def test_a_row_of_failures_is_probed_and_then_the_job_stops(self, backend: Backend) -> None:
        calls = backend()
        spared = self.fail_all(calls)
        assert spared == [False] * (DIFFERENT - 1) + [True] * (OUTAGE_CALLS - DIFFERENT + 1)
        assert not calls.out(100), "not at once"
        assert calls.failed(next_probe(calls)), "no probe is a try"
        assert calls.stopped == ""
        assert calls.failed(next_probe(calls), answered=False)
        assert calls.stopped == (
            "refused (the last 14 calls, of 14 queries, failed; the last one: 403: no)"
        )
        assert calls.counted == OUTAGE_CALLS + 2
        assert not calls.out(100)

    def test_a_probe_that_works_ends_it(self, backend: Backend) -> None:
        calls = backend()
        self.fail_all(calls)
        calls.worked(next_probe(calls))
        out = calls.out(100)
        assert len(out) >= FIRST
        assert not calls.failed(out[0])
        assert calls.stopped == ""

    def test_what_is_in_flight_is_no_probe(self, backend: Backend) -> None:
        calls = backend()
        out = calls.out(100)
        for call in out.copy():
            calls.worked(call)
            out.remove(call)
            out += calls.out(100)
        assert len(out) > OUTAGE_CALLS
        for call in out[1:]:
            calls.failed(call)
        time.sleep(4 * OUTAGE_PAUSE)
        assert not calls.out(100), "one at a time"
        calls.failed(out[0])
        assert calls.stopped == ""
        calls.failed(next_probe(calls))
        calls.failed(next_probe(calls))
        assert calls.stopped != ""

    def test_what_is_over_the_limit_is_neither(self, backend: Backend) -> None:
        calls = backend()
        self.fail_all(calls)
        calls.refused(next_probe(calls))
        time.sleep(2 * PAUSE)
        calls.failed(next_probe(calls))
        assert calls.stopped == ""

    def test_a_success_in_between_begins_anew(self, backend: Backend) -> None:
        calls = backend()
        for _ in range(2):
            self.fail_all(calls, OUTAGE_CALLS - 1)
            (call,) = calls.out(100)
            calls.worked(call)
        assert len(calls.out(100)) >= FIRST


LAMP, HAT = (Seed.parse(f"/search/a/{name}.jpg") for name in ("lamp", "hat"))
PAGES = [
    (Query(LAMP), [1, 2, 3]),
    (Query(LAMP), [3, 4, 1]),
    (Query(LAMP, sort="sales"), [2, 5]),
    (Query(LAMP, language="ru"), [1, 2]),
    (Query(HAT), [1, 6, 6]),
]


WRITTEN = {
    "job": [[1, 2, 3], [4], [5], [1, 2], [6]],
    "seed": [[1, 2, 3], [4], [5], [1, 2], [1, 6]],
    "query": [[1, 2, 3], [4], [2, 5], [1, 2], [1, 6]],
}


def product_of(query: Query, item_id: int) -> Product:
    """Return a product that a query has found."""
    return Product(
        item_id=item_id,
        language=query.language,
        seed_id=query.seed.seed_id,
        query_id=query.query_id,
    )


class TestDedupe:
    @staticmethod
    def local(dedupe: str) -> list[list[int]]:
        run = SimpleNamespace(config=SimpleNamespace(dedupe=dedupe), count=lambda _: None)
        signals = SimpleNamespace(connect=lambda *_: None)
        pipeline = DedupePipeline(
            SimpleNamespace(spider=SimpleNamespace(run=run), signals=signals)  # type: ignore[arg-type]
        )
        written = []
        for query, ids in PAGES:
            page = []
            for item_id in ids:
                try:
                    pipeline.process_item(product_of(query, item_id))
                except DropItem:
                    continue
                page.append(item_id)
            written.append(page)
        return written

    @staticmethod
    def shared(dedupe: str, desk: Desk) -> list[list[int]]:
        desk.settings.update(TMAPI_DEDUPE=dedupe)
        job = desk.make(seeds=0, language="en,ru", sort="default,sales")
        enqueue_seeds(desk.client, job, [LAMP, HAT])
        desk.let_all_ask()
        desk.client.hset(f"{job.account}:limit", "allowed", 100)
        written = []
        for query, ids in PAGES:
            leases = {lease.query.query_id: lease for lease in desk.lease(job, 100)}
            lease = leases.pop(query.query_id)
            lease.goes_on = True
            for item_id in ids:
                lease.add_row(identity_of(product_of(query, item_id), dedupe), b"%d" % item_id)
            before = len(desk.rows("items"))
            step = lease.commit(lambda _: None)
            assert run_script(desk.client, "commit", job.keys, *step.values)[0] == b"done"
            written.append([int(line) for line in desk.rows("items")[before:]])
            desk.leave(job)  # and give the other leases back
        return written

    @pytest.mark.parametrize("dedupe", ["job", "seed", "query"])
    def test_each_product_once_within_its_scope(self, backend: Backend, dedupe: str) -> None:
        written = (
            self.local(dedupe) if backend.name == "local" else self.shared(dedupe, backend.desk)
        )
        assert written == WRITTEN[dedupe]
