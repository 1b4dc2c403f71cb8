"""The run of a process that works on a job alone, in the job's folder."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.crawl.figures import Figures, pages_to_come
from tmapi_spiders.crawl.images import Images
from tmapi_spiders.crawl.order import MOST_PAGES, Lengths, pages_left
from tmapi_spiders.crawl.outage import Outage
from tmapi_spiders.crawl.permits import Permits
from tmapi_spiders.crawl.run import Run, run_of
from tmapi_spiders.crawl.stops import STOPS
from tmapi_spiders.errors import StorageError
from tmapi_spiders.formats import to_line
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.journal import CallHistory
from tmapi_spiders.local.gate import LocalGate
from tmapi_spiders.local.ledger import LocalLedger
from tmapi_spiders.local.retries import LocalRetries
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.inputs.arguments import Arguments
    from tmapi_spiders.inputs.queries import Queries, Query
    from tmapi_spiders.inputs.seed import Seed
    from tmapi_spiders.items import Outcome, Sighting
    from tmapi_spiders.jobs.archive import Archive
    from tmapi_spiders.jobs.conversions import Conversions
    from tmapi_spiders.jobs.job import Job

__all__ = ["LocalRun", "local_run_of"]

logger = logging.getLogger(__name__)


class LocalRun(Run):
    """One process's work on a job of its own.

    :func:`~tmapi_spiders.local.prepare.prepare_run` makes one.
    """

    gate: LocalGate
    retries: LocalRetries
    ledger: LocalLedger

    def __init__(
        self,
        config: Config,
        arguments: Arguments,
        queries: Queries,
        job: Job,
        *,
        archive: Archive,
        conversions: Conversions,
        command: Callable[[int | None], str],
    ) -> None:
        super().__init__(config, arguments, job.name)
        self.queries = queries
        self.not_begun: Iterator[Query] = iter(queries)
        """The queries that nobody has taken up yet."""
        self.postponed: deque[Query] = deque()
        """Those of them that were passed over, since another asks for the same."""
        self.job = job
        self.archive = archive
        archive.on_error = self.storage_failed
        self.command = command
        """Returns the command that goes on with this job, given another budget or None."""
        self.conversions = conversions
        self.images = Images(arguments.convert, queries, archive, conversions)
        self.gate = LocalGate(
            Permits(config.max_concurrency, config.retry_delay),
            archive.journal,
            config.budget,
            self._budget_spent,
            storage_failed=self.storage_failed,
            outage=Outage(config.outage_calls, config.retry_delay),
            failing=self.stop,
        )
        self.retries = LocalRetries(config.retry_times, config.retry_delay)
        self.ledger = LocalLedger(job.name, self._write_outcome, self._history)
        self.lengths = Lengths(min(queries.most_pages or MOST_PAGES, MOST_PAGES))
        self.query_ended = asyncio.Event()
        """Set whenever an outcome was written."""
        self.undone = False
        """Whether the job was left as the last run had left it."""

    @override
    def start(
        self,
        stats_collector: StatsCollector,
        close_spider: Callable[[str], None],
        engine: ExecutionEngine,
    ) -> None:
        super().start(stats_collector, close_spider, engine)
        self.retries.crawl = engine.crawl
        self._begin_files()
        try:
            self.job.start(budget=self.config.budget)
        except StorageError as exc:
            self.storage_failed(exc)

    @property
    @override
    def max_concurrency(self) -> int:
        return self.config.max_concurrency

    def _begin_files(self) -> None:
        for name in (PRODUCTS, SIGHTINGS, OUTCOMES):
            self.job.create(name, self.storage_failed)

    @override
    def write_sighting(self, sighting: Sighting) -> None:
        self.job.files[SIGHTINGS].write(to_line(sighting))

    @override
    def _send_no_more(self) -> None:
        self.gate.close()
        self.retries.close()

    @property
    @override
    def replays_on(self) -> bool:
        return self.stop_reason is None or STOPS[self.stop_reason].replays

    def settle_outcomes(self) -> None:
        """Write the outcomes that are still owed, when no more pages will come."""
        self.ledger.finish(self.stop_reason, chain(self.postponed, self.not_begun))

    @override
    def abandon(self) -> None:
        # A run that has paid for nothing leaves all that the job's last run wrote as it is.
        if self.ended:
            return
        if self.job.last_finished_at is not None and not self.gate.sent and not self.crashed:
            self.stop_reason = self.stop_reason or "interrupted"
            self.undone = True
            try:
                self.job.undo()
            except StorageError as exc:
                self.storage_failed(exc)
            finally:
                self._let_go()
            return
        if not self.job.files:
            self._begin_files()
        if self.crashed:
            self.stop_reason, self.stop_detail = "error", "a crash; the log has its traceback"
        self.closing("shutdown")
        self.settle_outcomes()
        self.end(whole=False)

    def end(self, *, whole: bool = True) -> None:
        """Put the files in their places, say in job.json how it ended, and let the job go.

        :param whole: whether the spider closed in good order, so that all that is paid for was
            written
        """
        self.ended = True
        for file in self.job.files.values():
            file.publish(complete=whole and self.replays_on and not self.crashed)
        lost = self.counted(stats.PRODUCT_NEW) - self.job.files[PRODUCTS].lines
        if lost > 0 and self.stop_reason is None:
            self.stop("storage", f"{lost} products could not be written; the log says why")
        self._tell_stats()
        try:
            self.job.end(self.exit_status, **self.facts())
        except StorageError as exc:
            self.storage_failed(exc)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        try:
            self.archive.close()
            self.conversions.close()
        except StorageError as exc:
            self.storage_failed(exc)
        finally:
            self.job.release()

    def _tell_stats(self) -> None:
        if self.stats is None:
            return
        values: dict[str, float] = {
            stats.MOST_IN_FLIGHT: self.gate.most_in_flight,
            stats.PERMIT_HIGHEST: self.gate.permits.highest,
            stats.PERMIT_NOW: self.gate.permits.allowed,
            stats.CALL_ALL_RUNS: self.archive.journal.calls,
        }
        if self.ledger.dead_letters:
            values[stats.ANSWER_DEAD] = self.ledger.dead_letters
        if self.config.call_price:
            values[stats.CALL_COST] = round(self.calls * self.config.call_price, 6)
        if new := self.counted(stats.PRODUCT_NEW):
            values[stats.CALL_PER_NEW_PRODUCT] = round(self.archive.journal.calls / new, 4)
        for name, value in values.items():
            self.stats.set_value(name, value)

    def facts(self) -> dict[str, Any]:
        """Return what the run came to, for job.json."""
        facts: dict[str, Any] = {
            **self.ledger.facts(len(self.queries)),
            "products": {
                "new": self.counted(stats.PRODUCT_NEW),
                "duplicates": self.counted(stats.PRODUCT_DUPLICATE),
                "rejected": self.ledger.rejected,
            },
            "dead_letters": self.ledger.dead_letters,
            "budget": self.config.budget,
            "calls": self.archive.journal.calls,
            "calls_of_last_run": self.calls,
            "refusals": {"sent": self.gate.sent, "refused": self.counted(stats.CALL_OVER_LIMIT)},
            "stop_reason": self.stop_reason,
        }
        if self.unreadable.items:
            facts["unreadable"] = self.unreadable.facts
        if self.config.call_price:
            facts["cost"] = round(self.archive.journal.calls * self.config.call_price, 6)
        return facts

    @override
    def figures(self) -> Figures:
        ended, pages = sum(self.ledger.by_status.values()), self.counted(stats.PAGE_READ)
        others = len(self.queries) - ended - len(self.ledger)
        return Figures(
            queries=len(self.queries),
            ended=ended,
            pages=pages,
            pages_to_come=pages_to_come(self.ledger, pages, ended, others, self.pages_left),
            products=self.counted(stats.PRODUCT_NEW),
            duplicates=self.counted(stats.PRODUCT_DUPLICATE),
            calls=self.archive.journal.calls,
            budget=self.config.budget,
            in_flight=self.gate.in_flight,
            allowed=self.gate.allowed,
            waiting=len(self.retries),
            converting=self.flow.converting,
        )

    def pages_left(self, progress: Progress) -> int:
        """Return how many pages a query has left, as far as can be seen: at least 1."""
        own, asked = progress.query.seed.overrides, self.arguments
        max_pages = own.most_pages(asked.max_pages)
        return pages_left(progress, max_pages=max_pages, max_items=asked.max_items)

    @property
    @override
    def share_failed(self) -> float:
        return self.ledger.failures / len(self.queries)

    def storage_failed(self, exc: StorageError) -> None:
        """Stop, since a file of the job can't be read or written."""
        logger.error("%s", exc)
        self.stop("storage", str(exc))

    def _budget_spent(self) -> None:
        made = plural(self.archive.journal.calls, "call")
        self.stop(
            "budget", f"{made} made in all runs, and TMAPI_BUDGET allows {self.config.budget:,}"
        )

    def note_refused(self, seed: Seed) -> None:
        """Keep for other jobs that the API wants a seed's image converted first."""
        try:
            self.conversions.refuse(seed.img_url)
        except StorageError as exc:
            self.storage_failed(exc)

    @property
    def budget_left(self) -> int:
        """Calls that the budget still allows; there is one."""
        return self.config.budget - self.archive.journal.calls

    def is_paid(self, query: Query) -> bool:
        """Say whether a query's first page is paid for."""
        return self.archive.has_page(query.seed.image_id, query.search_id)

    def _history(self, query_id: str) -> CallHistory:
        try:
            return self.archive.journal.history(query_id)
        except StorageError as exc:
            self.storage_failed(exc)
            return CallHistory()

    def _write_outcome(self, outcome: Outcome) -> None:
        self.job.files[OUTCOMES].write(to_line(outcome))
        self.count(stats.QUERY.format(status=outcome.status))
        for code in outcome.evidence:
            self.count(stats.EVIDENCE.format(code=code))
        self.images.ended(outcome.seed_id)
        self.lengths.note(outcome.pages, outcome.calls)
        self.query_ended.set()


def local_run_of(crawler: Crawler) -> LocalRun:
    """Return the run of a crawl that works on a job alone."""
    run = run_of(crawler)
    assert isinstance(run, LocalRun)
    return run
