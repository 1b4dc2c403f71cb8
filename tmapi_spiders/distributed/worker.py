"""A worker: one of the processes that work on a shared job.

What a run in one process keeps in memory and in the job's folder is kept on Redis here; the worker
holds leases.
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
from tmapi_spiders.crawl.retry_policy import RetryPolicy
from tmapi_spiders.crawl.run import Run, run_of
from tmapi_spiders.distributed.exchange import Exchange
from tmapi_spiders.distributed.held_leases import HeldLeases
from tmapi_spiders.distributed.intake import request_of, unreadable_step
from tmapi_spiders.distributed.lease_fields import read_lease
from tmapi_spiders.distributed.outbox import Outbox
from tmapi_spiders.distributed.store import Step
from tmapi_spiders.distributed.worker_flow import WorkerFlow
from tmapi_spiders.distributed.worker_gate import LeaseGate
from tmapi_spiders.distributed.worker_ledger import LeaseLedger
from tmapi_spiders.distributed.worker_retries import LeaseRetries
from tmapi_spiders.formats import to_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.exceptions import RedisError
    from scrapy.crawler import Crawler

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.crawl.run import OpenSpider
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.distributed.store import Store
    from tmapi_spiders.errors import StorageError
    from tmapi_spiders.fields.unreadable import Unread
    from tmapi_spiders.items import Sighting

__all__ = ["Worker", "worker_of"]

logger = logging.getLogger(__name__)

#: Seconds after which a lease that nothing in the engine works on is considered lost.
_LOST_AFTER = 2.0


class Worker(Run):
    """One process's work on a shared job.

    :param plan: lines for the announcement about the seeds that it has fed
    :param keep_alive: whether it waits for more seeds when the job has ended
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
            taker=self,
            lease_seconds=config.lease_seconds,
            uses_kept=bool(config.conversion_days),
            outage_calls=config.outage_calls,
            outage_pause=config.retry_delay,
        )
        self.gate = LeaseGate(self.holding, self.exchange, config.lease_seconds)
        policy = RetryPolicy(config.retry_times, config.retry_delay)
        self.retries = LeaseRetries(self.holding, policy)
        self.ledger = LeaseLedger(self.holding)
        self.flow = WorkerFlow(self.holding, job, config.conversion_days)
        self._was_probing = False
        self._expects_others = False
        """Whether a request of the project's own, or what follows from it, may be under way."""
        self._idle_since: float | None = None

    @override
    def start(self, spider: OpenSpider) -> None:
        super().start(spider)
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
        """Write a row that comes from a request of the project's own, not from one of our calls.

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
        return self.stop_reason != "settings"  # with which it has not begun

    @property
    def is_busy(self) -> bool:
        """Whether the spider has to stay open, since there is work or more may come."""
        may_come = self.gate.is_open and self.exchange.is_running and not self._has_nothing_to_come
        has_steps = self.exchange.is_running and self._outbox.has_steps
        return bool(self.holding) or has_steps or may_come

    async def leave(self) -> None:
        """Commit or give back what is held, and sign off."""
        for lease in self.holding:
            self.holding.give_back(lease, "unsent")
        await self.exchange.end()
        self.ended = True
        self._set_stats({stats.REDIS_BATCH: self.exchange.batches})

    @override
    def abandon(self) -> None:
        # Other workers get what it holds when its leases expire. Its calls in flight stay counted,
        # since it is not known whether they were billed.
        if not self.ended:
            self.closing("shutdown")

    @override
    def figures(self) -> Figures:
        state = self.exchange.state
        names = ("queries", "ended", "pages", "products", "duplicates", "calls", "held", "allowed")
        known = {name: int(state.get(name) or 0) for name in names}
        in_flight, allowed = known.pop("held"), known.pop("allowed")
        left = known["queries"] - known["ended"]
        return Figures(
            **known,
            pages_to_come=left * known["pages"] / known["ended"] if known["ended"] else None,
            budget=self.job.budget,
            in_flight=in_flight,
            allowed=allowed,
            converting=int(state.get("converting") or 0),
        )

    @property
    @override
    def share_failed(self) -> float:
        state = self.exchange.state
        queries, failures = int(state.get("queries", 0)), int(state.get("failures", 0))
        return failures / queries if queries else 0.0

    # What the exchange asks and reports: see LeaseTaker

    @property
    def calls_sent(self) -> int:
        """Calls that were sent so far."""
        return self.gate.sent

    @property
    def is_awaited(self) -> bool:
        """Whether rows may still come from requests that have no lease."""
        return self._expects_others or self.gate.waiting > 0

    @property
    def other_calls(self) -> list[int]:
        """Numbers of the calls in flight without a separate lease."""
        return self.gate.others

    @property
    def room_for_leases(self) -> int:
        """How many more leases there is room for."""
        if not self.gate.is_open:
            return 0
        if self.gate.waiting:
            return 0  # else a lease would take each place that becomes free
        calling = sum(not lease.answered for lease in self.holding)
        return max(self.job.max_concurrency - calling, 0)

    def take_leases(self, rows: list[Any], valid_until: float) -> None:
        """Begin the leases that Redis has handed out, and act on the state of the job."""
        for row in rows:
            self.take(row, valid_until)
        exchange = self.exchange
        state = exchange.state
        self._log_outage(state)
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
                f"the process that fed the job has died; run it again: "
                f"scrapy tmapi enqueue {self.job.name}",
            )

    def _log_outage(self, state: dict[str, Any]) -> None:
        """Log when an outage begins, and when the API works again."""
        is_probing = state.get("probes", -1) >= 0
        if is_probing and not self._was_probing:
            logger.warning(
                "The API fails everything: %s. From now on one call at a time, of all workers, "
                "probes it; when %d have failed, the job stops.",
                *(state["failing"], MOST_PROBES),
            )
        elif self._was_probing and not is_probing and state["state"] == "open":
            logger.warning("The API works again: the job continues.")
        self._was_probing = is_probing

    def take(self, row: list[Any], valid_until: float) -> None:
        """Begin a lease that Redis has handed out."""
        try:
            lease = read_lease(row, self.job, valid_until)
        except (ValueError, IndexError, KeyError, TypeError) as exc:
            self._outbox.add(unreadable_step(row, f"what Redis has of it can't be read: {exc}"))
            return
        if not self.gate.is_open:  # it was asked for before the gate closed
            self._outbox.add(lease.give_back("unsent", lambda _: None))
            return
        if self.holding.get(lease.query.query_id) is not None:
            # An earlier lease of it was lost, and its request has not ended.
            step = lease.give_back("unsent", lambda _: None, delay=_LOST_AFTER)
            self._outbox.add(step)
            return
        self.holding.take(lease)
        self._idle_since = None
        if not lease.sends and not lease.body:
            self.holding.fail(lease, None, "each of the workers that had it died over it")
            return
        self.spider.engine.crawl(request_of(lease, self.spider.requests))

    @property
    def _has_nothing_to_come(self) -> bool:
        """Whether the job has ended, and this worker is not to wait for more."""
        return self.exchange.state.get("state") == "ended" and not self._keep_alive

    def _finish(self) -> None:
        """Close the spider, unless requests of the project's own are under way."""
        if self.gate.is_open and self.spider.engine.spider_is_idle():
            self.gate.close()
            self._close_spider("finished")

    def redis_refused(self, exc: RedisError | StorageError | None) -> None:
        """Stop at once: Redis refuses what this worker asks, or the worker has crashed."""
        if exc is None:
            self.crash()
            self.stop("error", "a crash; the log has its traceback")
        else:
            logger.error("Redis refused what this worker asked: %s", exc)
            said = str(exc)
            self.stop("storage", said if said.startswith("Redis, ") else f"Redis: {said}")

    def expect_others(self) -> None:
        """Note a request of the project's own; until it is done, the job is not final."""
        if not self._expects_others:
            self._expects_others = True
            self.exchange.heartbeat_now()

    def notice_idle(self) -> None:
        """Fail leases that nothing in the engine works on: their requests were lost."""
        if self._expects_others and not self._outbox.has_steps:
            self._expects_others = False
            self.exchange.heartbeat_now()
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        elif now > self._idle_since + _LOST_AFTER:
            for lease in self.holding:
                if not lease.is_ended:
                    self.holding.fail(
                        lease,
                        None,
                        "its request or its answer was lost on the way: a bug, please report it",
                    )


def worker_of(crawler: Crawler) -> Worker:
    """Return the worker whose crawl it is."""
    run = run_of(crawler)
    assert isinstance(run, Worker)
    return run
