"""A worker: one process of many that work on a job together.

What a run of its own keeps in memory and in the job's folder is on Redis here; the worker holds
leases.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.crawl.figures import Figures
from tmapi_spiders.crawl.outage import MOST_PROBES
from tmapi_spiders.crawl.run import Run, run_of
from tmapi_spiders.distributed.exchange import Exchange
from tmapi_spiders.distributed.held_leases import HeldLeases
from tmapi_spiders.distributed.intake import request_of, unreadable_step
from tmapi_spiders.distributed.lease_fields import read_lease
from tmapi_spiders.distributed.outbox import Outbox
from tmapi_spiders.distributed.store import Step
from tmapi_spiders.distributed.worker_flow import WorkerFlow
from tmapi_spiders.distributed.worker_ports import LeaseGate, LeaseLedger, LeaseRetries
from tmapi_spiders.formats import to_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.exceptions import RedisError
    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.distributed.store import Store
    from tmapi_spiders.errors import StorageError
    from tmapi_spiders.fields.unreadable import Unread
    from tmapi_spiders.items import Sighting

__all__ = ["Worker", "worker_of"]

logger = logging.getLogger(__name__)

#: Seconds after which a lease that nothing in the engine works on is taken for lost on the way.
_LOST_ON_THE_WAY = 2.0


class Worker(Run):
    """One process's part in a shared job.

    :param plan: what is said of the seeds that it has put in, a line each
    :param keep_alive: whether it waits for more when the job has ended
    """

    gate: LeaseGate

    def __init__(
        self,
        config: Config,
        job: SharedJob,
        store: Store,
        *,
        plan: Sequence[str] = (),
        keep_alive: bool = False,
    ) -> None:
        super().__init__(config, job.arguments, job.name)
        self.job = job
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self.plan = plan
        self._keep_alive = keep_alive
        self._outbox = Outbox()
        self.holding = HeldLeases(self._outbox, job, self.name, self.count)
        self.exchange = Exchange(
            store,
            self._outbox,
            self.holding,
            job,
            worker=self.name,
            lease_seconds=config.lease_seconds,
            uses_kept=bool(config.conversion_days),
            outage_calls=config.outage_calls,
            outage_pause=config.retry_delay,
            wanted=self._wanted,
            calls=lambda: self.gate.sent,
            is_awaited=lambda: self._expects_others or self.gate.waiting > 0,
            others=lambda: self.gate.others,
            told=self._told,
            refused=self._refused,
        )
        self.gate = LeaseGate(self.holding, self.exchange, config.lease_seconds)
        self.retries = LeaseRetries(self.holding, config.retry_times, config.retry_delay)
        self.ledger = LeaseLedger(self.holding)
        self.flow = WorkerFlow(self.holding, job, config.conversion_days)
        self._was_probing = False
        self._expects_others = False
        """Whether a request of the project's own may be on its way, or what comes of it."""
        self._idle_since: float | None = None
        self._engine: ExecutionEngine | None = None

    @override
    def start(
        self,
        stats_collector: StatsCollector,
        close_spider: Callable[[str], None],
        engine: ExecutionEngine,
    ) -> None:
        super().start(stats_collector, close_spider, engine)
        self._engine = engine
        if self.gate.is_open:
            self.exchange.begin()

    @property
    @override
    def max_concurrency(self) -> int:
        return self.job.max_concurrency

    @override
    def write_sighting(self, sighting: Sighting) -> None:
        lease = self.holding.get(sighting.query_id)
        if lease is not None and not lease.is_mend:
            lease.seen.append(sighting.item_id)
            if not lease.was_read:
                lease.sightings.append(to_line(sighting))

    def write_row(self, identity: tuple[str, str] | None, line: bytes) -> None:
        """Have a row written that came of no call of ours, but of a project's own request.

        :param identity: see :func:`tmapi_spiders.crawl.dedupe.identity_of`
        """

        def done(new: int) -> None:
            self.count(stats.PRODUCT_NEW, new)
            self.count(stats.PRODUCT_DUPLICATE, 1 - new)

        values = [uuid.uuid4().hex, *(identity or ("", "")), line.rstrip(b"\n")]
        self._outbox.add(Step("row", values, done))

    @override
    def note_unread(self, query_id: str, unread: Unread, item_id: int | None) -> str:
        example = super().note_unread(query_id, unread, item_id)
        lease = self.holding.get(query_id)
        if lease is not None and not lease.was_read:
            lease.note_unread(unread.field, example)
        return example

    @override
    def stop_job(self, reason: str, detail: str) -> None:
        if self.stop_reason is None:
            self._outbox.add(Step("stop", [reason, detail, self.exchange.stops]))
        self.stop(reason, detail)

    @override
    def _send_no_more(self) -> None:
        self.gate.close()
        self._outbox.wake()

    @property
    @override
    def replays_on(self) -> bool:
        return self.stop_reason != "settings"  # by which it has not begun

    @property
    def is_busy(self) -> bool:
        """Whether there is, or may come, something to do, so that the spider stays open."""
        may_come = self.gate.is_open and self.exchange.is_running and not self._has_nothing_to_come
        has_steps = self.exchange.is_running and self._outbox.has_steps
        return bool(self.holding) or has_steps or may_come

    async def leave(self) -> None:
        """Commit or give back what is held, and say goodbye."""
        for lease in self.holding:
            self.holding.give_back(lease, "unsent")
        await self.exchange.end()
        self.ended = True
        if self.stats is not None:
            self.stats.set_value(stats.REDIS_BATCH, self.exchange.batches)

    @override
    def abandon(self) -> None:
        # What it holds goes to the others when its leases are over. Its calls in flight stay
        # counted, since nobody knows whether they were billed.
        if not self.ended:
            self.closing("shutdown")

    @override
    def figures(self) -> Figures:
        told = self.exchange.state
        names = ("queries", "ended", "pages", "products", "duplicates", "calls", "held", "allowed")
        known = {name: int(told.get(name) or 0) for name in names}
        in_flight, allowed = known.pop("held"), known.pop("allowed")
        left = known["queries"] - known["ended"]
        return Figures(
            **known,
            pages_to_come=left * known["pages"] / known["ended"] if known["ended"] else None,
            budget=self.job.budget,
            in_flight=in_flight,
            allowed=allowed,
            converting=int(told.get("converting") or 0),
        )

    @property
    @override
    def share_failed(self) -> float:
        state = self.exchange.state
        queries, failures = int(state.get("queries", 0)), int(state.get("failures", 0))
        return failures / queries if queries else 0.0

    # What the exchange asks and tells

    def _wanted(self) -> int:
        """Return how many more leases there is room for."""
        if not self.gate.is_open:
            return 0
        if self.gate.waiting:
            return 0  # else a lease would take each place that comes free
        calling = sum(not lease.answered for lease in self.holding)
        return max(self.job.max_concurrency - calling, 0)

    def _told(self, rows: list[Any], valid_until: float) -> None:
        """Begin with the leases that Redis has handed out, and heed what it says of the job."""
        for row in rows:
            self.take(row, valid_until)
        exchange = self.exchange
        state = exchange.state
        self._tell_of_outage(state)
        if state["state"] == "gone":
            self.stop("storage", "the job was deleted from Redis")
        elif int(state["stops"]) > exchange.stops:
            exchange.stops = int(state["stops"])
            self.stop(state["reason"] or "interrupted", state["detail"] or None)
        elif self._has_nothing_to_come:
            self._finish()
        elif exchange.feeder_is_dead:
            self.stop(
                "interrupted",
                f"whoever fed the job has died; run it again: scrapy tmapi enqueue {self.job.name}",
            )

    def _tell_of_outage(self, state: dict[str, Any]) -> None:
        """Say when the API is taken to fail everything, and when it works again."""
        is_probing = state.get("probes", -1) >= 0
        if is_probing and not self._was_probing:
            logger.warning(
                "The API fails everything: %s. From now on one call of all workers at a time "
                "probes it; when %d have failed, the job stops.",
                *(state["failing"], MOST_PROBES),
            )
        elif self._was_probing and not is_probing and state["state"] == "open":
            logger.warning("The API works again: the job goes on.")
        self._was_probing = is_probing

    def take(self, row: list[Any], valid_until: float) -> None:
        """Begin with a lease that Redis has handed out."""
        assert self._engine is not None
        try:
            lease = read_lease(row, self.job, valid_until)
        except (ValueError, IndexError, KeyError, TypeError) as exc:
            self._outbox.add(unreadable_step(row, f"what Redis has of it can't be read: {exc}"))
            return
        if not self.gate.is_open:  # it was asked for before
            self._outbox.add(lease.give_back("unsent", lambda _: None))
            return
        if self.holding.get(lease.query.query_id) is not None:
            # One that was lost, and whose request is not over.
            step = lease.give_back("unsent", lambda _: None, delay=_LOST_ON_THE_WAY)
            self._outbox.add(step)
            return
        self.holding.take(lease)
        self._idle_since = None
        if not lease.sends and not lease.body:
            self.holding.fail(lease, None, "each of the workers that had it died over it")
            return
        self._engine.crawl(request_of(lease, self.requests))

    @property
    def _has_nothing_to_come(self) -> bool:
        """Whether the job has ended, and this worker with it."""
        return self.exchange.state.get("state") == "ended" and not self._keep_alive

    def _finish(self) -> None:
        """Close the spider, unless requests of the project's own are on their way."""
        assert self._engine is not None
        if self.gate.is_open and self._engine.spider_is_idle():
            self.gate.close()
            if self._close_spider is not None:
                self._close_spider("finished")

    def _refused(self, exc: RedisError | StorageError | None) -> None:
        """Stop at once: Redis does not take what this worker asks, and will not."""
        if exc is None:
            self.crashed = True
            self.stop("error", "a crash; the log has its traceback")
        else:
            logger.error("Redis refused what this worker asked: %s", exc)
            said = str(exc)
            self.stop("storage", said if said.startswith("Redis, ") else f"Redis: {said}")

    def expect_others(self) -> None:
        """Note a request of the project's own: till all is done, the job is final for nobody."""
        if not self._expects_others:
            self._expects_others = True
            self.exchange.heartbeat_now()

    def notice_idle(self) -> None:
        """Fail what is leased while nothing in the engine works on it: it was lost on the way."""
        if self._expects_others and not self._outbox.has_steps:
            self._expects_others = False
            self.exchange.heartbeat_now()
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        elif now > self._idle_since + _LOST_ON_THE_WAY:
            for lease in self.holding:
                if not lease.settled:
                    self.holding.fail(
                        lease,
                        None,
                        "its request or its answer was lost on the way: a bug, please report it",
                    )


def worker_of(crawler: Crawler) -> Worker:
    """Return the worker that a crawl is."""
    run = run_of(crawler)
    assert isinstance(run, Worker)
    return run
