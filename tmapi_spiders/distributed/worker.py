"""A worker: one process of many that work on a job together.

It takes the place of a :class:`~tmapi_spiders.run.Run` for the components that Scrapy builds. What
a run keeps in memory and in the job's folder is on Redis here; the worker holds leases.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any

import orjson

from tmapi_spiders import stats
from tmapi_spiders.answers import NoPage
from tmapi_spiders.clock import utc_now
from tmapi_spiders.distributed.course import SharedCourse
from tmapi_spiders.distributed.exchange import Exchange
from tmapi_spiders.distributed.reading import read_image, read_lease
from tmapi_spiders.distributed.store import Step
from tmapi_spiders.distributed.turns import LeaseGate, LeaseLedger, LeaseRetries
from tmapi_spiders.jsonl import to_line
from tmapi_spiders.run import (
    EXIT_CRASHED,
    EXIT_FAILED,
    EXIT_OK,
    EXIT_STOPPED,
    EXIT_USAGE,
    early_end,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.answers import Answer
    from tmapi_spiders.arguments import Arguments
    from tmapi_spiders.config import Config
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.distributed.store import Store
    from tmapi_spiders.items import Sighting

__all__ = ["Worker"]

logger = logging.getLogger(__name__)

#: Seconds after which a lease that nothing in the engine works on is taken for lost on the way.
_LOST_ON_THE_WAY = 2.0


class Worker:
    """One process's part in a shared job.

    :param keep_alive: whether it waits for more when the job has ended
    """

    replays_on = True
    """Whether what is paid for is still committed, although the worker stops."""

    def __init__(
        self, config: Config, job: SharedJob, store: Store, *, keep_alive: bool = False
    ) -> None:
        self.config = config
        self.job = job
        self.keep_alive = keep_alive
        self.name = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self.base_url = config.base_url.geturl()
        self.held: dict[str, Lease] = {}
        """What it holds, by the query that the calls are for."""
        self.exchange = Exchange(self, store)
        self.gate = LeaseGate(self)
        self.retries = LeaseRetries(self)
        self.ledger = LeaseLedger(self)
        self.shared_course = SharedCourse(self)
        self.stop_reason: str | None = None
        self.stop_detail: str | None = None
        self.finish_reason: str | None = None
        self.crashed = False
        self.ended = False
        self.reported = False
        self._idle_since: float | None = None
        self.stats: StatsCollector | None = None
        self._close_spider: Callable[[str], None] | None = None
        self._make_request: Callable[[Lease], Request] | None = None
        self._crawl: Callable[[Request], None] | None = None

    @property
    def arguments(self) -> Arguments:
        """The job's."""
        return self.job.arguments

    @property
    def is_open(self) -> bool:
        """Whether calls may leave."""
        return self.gate.is_open

    @property
    def is_away(self) -> bool:
        """Whether Redis did not answer when it was last asked."""
        return self.exchange.is_away

    @property
    def allowed(self) -> int:
        """Calls in flight that the account bears, of all workers, as far as is known."""
        return int(self.exchange.state.get("allowed", 1))

    @property
    def sent(self) -> int:
        """Calls that left."""
        return self.gate.sent

    # What Scrapy's side asks for

    def start(
        self,
        stats_collector: StatsCollector,
        close_spider: Callable[[str], None],
        make_request: Callable[[Lease], Request],
        crawl: Callable[[Request], None],
    ) -> None:
        """Begin to take leases.

        :param close_spider: closes the spider, given the reason
        :param make_request: makes the request of a lease
        :param crawl: hands a request to Scrapy's engine
        """
        self.stats = stats_collector
        self._close_spider = close_spider
        self._make_request, self._crawl = make_request, crawl
        if self.gate.is_open:
            self.exchange.begin()

    def count(self, stat: str, by: int = 1) -> None:
        """Add to one of the stats of :mod:`tmapi_spiders.stats`."""
        if self.stats is not None:
            self.stats.inc_value(stat, by)

    def counted(self, stat: str) -> int:
        """Return what :meth:`count` added up."""
        return int(self.stats.get_value(stat, 0)) if self.stats is not None else 0

    def write_sighting(self, sighting: Sighting) -> None:
        """Have a sighting committed with its page."""
        if (lease := self.held.get(sighting.query_id)) is not None:
            lease.seen.append(sighting.item_id)
            lease.sightings.append(to_line(sighting))

    def heed(self, answer: Answer) -> None:
        """Stop the job, for all workers, if an answer says that none will be answered any more."""
        if isinstance(answer, NoPage) and answer.row.stop is not None:
            message = self.config.token.strike_out(answer.message)
            self.stop(answer.row.stop, f"the API said: {message}", for_all=True)

    def stop(self, reason: str, detail: str | None = None, *, for_all: bool = False) -> None:
        """Take no more leases, and close the spider once what is in flight is committed.

        :param for_all: whether all workers of the job are to stop
        """
        if self.stop_reason is None:
            self.stop_reason, self.stop_detail = reason, detail
            if for_all:
                self.exchange.add(Step("stop", [reason, detail or "", self.exchange.stops]))
        self.gate.close()
        self.exchange.wake()
        if self._close_spider is not None:
            self._close_spider(self.stop_reason)

    def closing(self, finish_reason: str) -> None:
        """Note that Scrapy closes the spider, and why; from now on no call goes out."""
        if self.finish_reason is not None:
            return
        self.finish_reason = finish_reason
        if finish_reason == "start_error":
            self.crashed = True
        elif self.stop_reason is None:
            self.stop_reason, self.stop_detail = early_end(finish_reason)
        self.gate.close()
        self.exchange.wake()

    @property
    def is_busy(self) -> bool:
        """Whether there is, or may come, something to do, so that the spider stays open."""
        exchange = self.exchange
        return bool(self.held) or exchange.is_busy or (self.gate.is_open and exchange.is_running)

    async def leave(self) -> None:
        """Commit or give back what is held, and say goodbye."""
        for lease in list(self.held.values()):
            self.give_back(lease, "unsent")
        await self.exchange.end()
        self.ended = True
        if self.stats is not None:
            self.stats.set_value(stats.REDIS_BATCH, self.exchange.batches)

    # Leases

    def end_lease(self, lease: Lease, step: Step) -> None:
        """Have the step run that commits a lease or gives it back; only the first one counts."""
        if lease.settled:
            return
        lease.settled = True
        if lease.is_lost:
            self._let_go(lease)
        else:
            self.exchange.add(step)

    def commit_if_whole(self, lease: Lease) -> None:
        """Commit a page that was parsed, once all of its products are out of the pipelines."""
        if lease.is_whole and not lease.settled:
            if not lease.is_staged:
                lease.error = lease.error or "its answer was not taken: a middleware kept it back"
            if lease.error is not None:
                self._bury(lease)
            else:
                self.commit(lease)

    def commit(self, lease: Lease) -> None:
        """Commit what is staged in a lease."""
        self.end_lease(lease, lease.commit(lambda reply: self._committed(lease, reply)))

    def give_back(self, lease: Lease, how: str, **options: float) -> None:
        """Give a lease back; see :meth:`Lease.give_back`."""
        self.end_lease(lease, lease.give_back(how, lambda _: self._let_go(lease), **options))

    def note(self, query_id: str, code: int | None, message: str) -> None:
        """Note an error of a query that may not be its end."""
        if (lease := self.held.get(query_id)) is not None:
            progress = lease.progress
            progress.code, progress.message, progress.finished_at = code, message, utc_now()

    def _bury(self, lease: Lease) -> None:
        """Put a page that can't be parsed to the dead letters; it is not paid for again."""
        letter = {
            "query_id": lease.query.query_id,
            "seed": lease.query.seed.text,
            "page": lease.page,
            "error": lease.error,
            "at": utc_now(),
            "worker": self.name,
        }
        logger.error(
            "Query %s, page %d: its answer can't be parsed (%s); it is kept as a dead letter",
            *(lease.query.query_id, lease.page, lease.error),
        )
        self.shared_course.bury(lease, letter)

    def answered(self, lease: Lease) -> None:
        """Have the permit of a call come back before its page is parsed."""
        if lease.sends and not lease.answered:
            lease.answered = True
            self.exchange.answered(lease)

    def lose(self, lease: Lease) -> None:
        """Note that somebody else has a lease by now: nothing that comes of it is committed.

        It is held until its request is over, so that what comes of that can't be taken for an
        answer to another lease of the same query.
        """
        if not lease.settled and not lease.is_lost:
            logger.warning(
                "Lost the lease of %s, page %d: this worker was silent for more than "
                "TMAPI_LEASE_SECONDS=%g. Another one does it.",
                *(lease.query.query_id, lease.page, self.config.lease_seconds),
            )
            lease.is_lost = True
            self.count(stats.LEASE_LOST)

    def _committed(self, lease: Lease, reply: list[Any]) -> None:
        if reply[0] == b"conflict":
            lease.take_image(*read_image(reply[1], lease.query, self.job))
            self.exchange.add(lease.commit(lambda again: self._committed(lease, again)))
            return
        if reply[0] == b"done":
            new = int(reply[1])
            self.count(stats.PRODUCT_NEW, new)
            self.count(stats.PRODUCT_DUPLICATE, len(lease.products) - new)
            self.count(stats.LEASE_COMMITTED)
            self.count(stats.PAGE_READ, lease.believed)
        else:
            self.count(stats.LEASE_LOST)
        self._let_go(lease)

    def _let_go(self, lease: Lease) -> None:
        if self.held.get(lease.query.query_id) is lease:
            del self.held[lease.query.query_id]
        self.exchange.look()

    def notice_idle(self) -> None:
        """Fail what is leased while nothing in the engine works on it: it was lost on the way."""
        now = time.monotonic()
        if self._idle_since is None:
            self._idle_since = now
        elif now > self._idle_since + _LOST_ON_THE_WAY:
            for lease in list(self.held.values()):
                if not lease.settled:
                    self.shared_course.give_up(
                        lease,
                        "its request or its answer was lost on the way: a bug, please report it",
                    )

    def finish(self) -> None:
        """Close the spider: the job has ended."""
        if self.gate.is_open:
            self.gate.close()
            if self._close_spider is not None:
                self._close_spider("finished")

    def take(self, row: list[Any], valid_until: float) -> None:
        """Begin with a lease that Redis has handed out."""
        assert self._make_request is not None
        assert self._crawl is not None
        try:
            lease = read_lease(row, self.job, valid_until)
        except (ValueError, IndexError, KeyError, TypeError) as exc:
            self._unreadable(row, f"what Redis has of it can't be read: {exc}")
            return
        if not self.gate.is_open:  # it was asked for before
            self.exchange.add(lease.give_back("unsent", lambda _: None))
            return
        if lease.query.query_id in self.held:  # one that was lost, and whose request is not over
            step = lease.give_back("unsent", lambda _: None, delay=_LOST_ON_THE_WAY)
            self.exchange.add(step)
            return
        self.held[lease.query.query_id] = lease
        self._idle_since = None
        self.count(stats.LEASE_TAKEN)
        if not lease.sends and not lease.body:
            self.shared_course.give_up(lease, "each of the workers that had it died over it")
            return
        self._crawl(self._make_request(lease))

    def _unreadable(self, row: list[Any], problem: str) -> None:
        """Put a task that this worker can't make sense of to the dead letters."""
        logger.error("Task %r: %s", row[0], problem)
        letter = orjson.dumps({"task": repr(row[0]), "error": problem, "at": utc_now()}).decode()
        rest: dict[str, Any] = {"how": "unreadable", "counts": False, "delay": 0, "letter": letter}
        self.exchange.add(Step("give_back", [row[0], row[1], orjson.dumps(rest)]))

    # How it ended

    def abandon(self) -> None:
        """End a worker that was not left to end by itself: Ctrl-C came twice or very early.

        What it holds goes to the others when its leases are over. Its calls in flight stay counted,
        since nobody knows whether they were billed.
        """
        if not self.ended:
            self.closing("shutdown")

    @property
    def calls(self) -> int:
        """Calls of this worker that count."""
        return self.gate.sent - self.gate.struck

    @property
    def exit_status(self) -> int:
        """The process's exit status, as far as this worker decides it."""
        if self.crashed:
            return EXIT_CRASHED
        if self.stop_reason == "settings":
            return EXIT_USAGE
        if self.stop_reason is not None or not self.ended:
            return EXIT_STOPPED
        state = self.exchange.state
        queries, failures = int(state.get("queries", 0)), int(state.get("failures", 0))
        if queries and failures / queries > self.config.failed_ok:
            return EXIT_FAILED
        return EXIT_OK
