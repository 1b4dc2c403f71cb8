"""How many queries are open at once: one process and workers decide alike.

Random jobs are worked on by hand, call by call: on Redis by the scripts, and at the same time by
the queue of a run in one process. Whenever there is room for a call, both are asked whether another
query may begin.
"""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.distributed.desk import Desk
from tmapi_spiders.api.answers import Page
from tmapi_spiders.crawl.paging import Ending, PageReading
from tmapi_spiders.distributed.lease_fields import read_lease
from tmapi_spiders.distributed.staged_commit import stage_page
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.local.ledger import LocalLedger
from tmapi_spiders.local.query_queue import QueryQueue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.inputs.queries import Query
    from tmapi_spiders.items import Outcome


class Alone:
    """One process: what its queue needs of a run and a journal."""

    def __init__(self, job: SharedJob, world: World) -> None:
        self.arguments = job.arguments
        self.config = SimpleNamespace(budget=world.budget)
        self.max_concurrency = world.most
        self.gate = SimpleNamespace(allowed=world.allowed, in_flight=0, is_open=True, wanted=0)
        self.retries: set[str] = set()
        self.ledger = LocalLedger("j", self._ended)
        self.calls = 0
        queries = Queries(world.queries, job.arguments.max_pages)
        fake: Any = self
        self.queue = QueryQueue(fake, queries, fake, fake.gate, self.ledger)  # type: ignore[arg-type]

    def _ended(self, outcome: Outcome) -> None:
        self.queue.ended(outcome)

    @property
    def budget_left(self) -> int:
        return int(self.config.budget) - self.calls

    @property
    def may_begin(self) -> bool:
        return self.queue.end_is_near or self.queue.has_room

    def begin(self, query: Query) -> None:
        self.queue._left -= 1
        self.queue.asks(query.query_id)
        self.ledger.open(query)

    def call(self, query_id: str) -> None:
        self.calls += 1
        self.gate.in_flight += 1
        self.ledger.called(query_id, "now", again=False)

    def tries_again(self, query_id: str) -> None:
        self.gate.in_flight -= 1
        self.retries.add(query_id)

    def read(self, query_id: str, items: int, total: int | None, *, is_last: bool) -> None:
        self.gate.in_flight -= 1
        progress = self.ledger[query_id]
        progress.pages += 1
        progress.items += items
        progress.total_count = total
        if is_last:
            self.ledger.end(query_id, Ending("complete", "last_page"))


class Queries:
    def __init__(self, number: int, most_pages: int) -> None:
        self._number = number
        self.most_pages = most_pages
        self.seeds = SimpleNamespace(tally=SimpleNamespace(shared=()))

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Query]:
        return iter(())


class Shared:
    """The job on Redis."""

    def __init__(self, desk: Desk, allowed: int, queries: int, **given: Any) -> None:
        self._desk = desk
        self.job = desk.make(seeds=queries, **given)
        desk.client.hset(f"{self.job.account}:limit", "allowed", allowed)

    def lease(self) -> Lease | None:
        values = ("w", 1, 3_600_000, self.job.stops, "[]", "", "now", 0, 0)
        _, *rows = run_script(self._desk.client, "exchange", self.job.keys, *values)
        return read_lease(rows[0], self.job, 0.0) if rows else None

    def tries_again(self, lease: Lease) -> None:
        lease.sent = True
        step = lease.give_back("retry", lambda _: None, delay=3600)
        run_script(self._desk.client, step.name, self.job.keys, *step.values)

    def is_due(self) -> None:
        """Let the delay of all retries be over."""
        client: Any = self._desk.client
        for task in client.zrange(self._desk.key("delayed"), 0, -1):
            client.zadd(self._desk.key("delayed"), {task: 1})

    def read(self, lease: Lease, items: int, total: int | None, *, is_last: bool) -> bool:
        """Commit a page; return whether its query ends with it."""
        lease.sent = True
        progress = lease.progress
        progress.pages += 1
        progress.items += items
        progress.total_count = total
        page = Page([{}] * items, not is_last, total)
        stage_page(lease, self.job, lease.page, page, PageReading([], items, False))
        lease.seen = [int(lease.token) * 100 + n for n in range(items)]
        assert self._desk.commit_as_it_is(self.job, lease) == b"done"
        return lease.ends[0] is not None


@attrs.define
class World:
    """A job drawn at random."""

    draw: random.Random
    queries: int
    most: int
    allowed: int
    budget: int
    given: dict[str, int]
    pages: list[int]
    counted: float
    """The share of the queries that say how many items they have."""

    @classmethod
    def drawn(cls, seed: int) -> World:
        draw = random.Random(seed)
        queries, most = draw.randint(10, 40), draw.choice([1, 3, 8, 8])
        pages = [draw.choice([1, 1, 2, 3, 5, 8]) for _ in range(queries)]
        needed = sum(min(one, 4) for one in pages)
        return cls(
            draw,
            queries,
            most,
            allowed=draw.choice([most, draw.randint(1, most)]),
            budget=draw.choice([0, draw.randint(10, needed), needed, 4 * queries, 50 * queries]),
            given={"max_pages": draw.choice([0, 4]), "max_items": draw.choice([0, 0, 30])},
            pages=pages,
            counted=draw.choice([0.0, 0.5, 1.0]),
        )

    def total(self, number: int) -> int | None:
        says = random.Random(number).random() < self.counted
        return 10 * self.pages[number] if says else None


def work(world: World, shared: Shared, alone: Alone) -> list[bool]:
    """Work on a job until it or its budget is done; return what was decided."""
    draw = world.draw
    decisions: list[bool] = []
    in_flight: list[Lease] = []
    while not world.budget or alone.budget_left > 0:
        may_begin = alone.may_begin
        lease = shared.lease() if len(in_flight) < world.allowed else None
        if lease is not None:
            query_id = lease.query.query_id
            if query_id not in alone.ledger:
                decisions.append(True)
                assert may_begin, f"{len(decisions)}: workers begin another one"
                alone.begin(lease.query)
            alone.retries.discard(query_id)
            alone.call(query_id)
            in_flight.append(lease)
            continue
        if len(in_flight) < world.allowed and alone.queue._left:
            decisions.append(False)
            assert not may_begin, f"{len(decisions)}: workers begin none"
        if not in_flight and not alone.retries:
            break
        if not in_flight or draw.random() < 0.1:
            shared.is_due()
            if not in_flight:
                continue
        lease = in_flight.pop(draw.randrange(len(in_flight)))
        query_id = lease.query.query_id
        if draw.random() < 0.1:
            shared.tries_again(lease)
            alone.tries_again(query_id)
            continue
        number = int(lease.query.seed.text.rpartition("/")[2].removesuffix(".jpg"))
        total = world.total(number)
        is_last = shared.read(lease, 10, total, is_last=lease.page >= world.pages[number])
        alone.read(query_id, 10, total, is_last=is_last)
    return decisions


@pytest.mark.parametrize("seeds", [range(24, 40), pytest.param(range(200), marks=pytest.mark.long)])
def test_the_same_queries_are_begun(
    redis_server: RedisServer, tmp_path: Path, seeds: range
) -> None:
    decisions = []
    for seed in seeds:
        world = World.drawn(seed)
        redis_server.client.flushall()
        settings = {"TMAPI_MAX_CONCURRENCY": world.most, "TMAPI_BUDGET": world.budget}
        desk = Desk(redis_server, tmp_path, settings=settings)
        shared = Shared(desk, world.allowed, world.queries, **world.given)
        alone = Alone(shared.job, world)
        try:
            decisions += work(world, shared, alone)
        except AssertionError as exc:
            raise AssertionError(f"{exc} ({seed}: {world})") from None
    assert len(set(decisions)) == 2
