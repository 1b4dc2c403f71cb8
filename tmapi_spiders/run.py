"""A run: one process's work on one job. What the crawl's components share hangs on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tmapi_spiders import stats
from tmapi_spiders.answers import NoPage
from tmapi_spiders.errors import StorageError
from tmapi_spiders.gate import Gate
from tmapi_spiders.images import Images
from tmapi_spiders.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.journal import History
from tmapi_spiders.jsonl import to_line
from tmapi_spiders.ledger import Ledger
from tmapi_spiders.permits import Permits
from tmapi_spiders.phrases import plural
from tmapi_spiders.retries import Retries
from tmapi_spiders.stops import STOPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.answers import Answer
    from tmapi_spiders.archive import Archive
    from tmapi_spiders.arguments import Arguments
    from tmapi_spiders.config import Config
    from tmapi_spiders.conversions import Conversions
    from tmapi_spiders.items import Outcome, Sighting
    from tmapi_spiders.job import Job
    from tmapi_spiders.queries import Queries, Query

__all__ = [
    "EXIT_CRASHED",
    "EXIT_FAILED",
    "EXIT_OK",
    "EXIT_STOPPED",
    "EXIT_USAGE",
    "Run",
    "early_end",
    "run_of",
]

logger = logging.getLogger(__name__)

#: Scrapy's ``finish_reason`` of a crawl that ``CLOSESPIDER_TIMEOUT`` ended.
_DEADLINE = "closespider_timeout"

#: Scrapy closes a spider by itself when there is nothing left to do.
_IDLE = {"finished", "start_error"}

EXIT_OK = 0
EXIT_CRASHED = 1
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_STOPPED = 4


class Run:
    """One process's work on one job; :func:`~tmapi_spiders.prepare.prepare_run` makes one."""

    shared_course: Any = None
    """Of a worker, which takes the place of a run: what its answers lead to."""

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
        self.config = config
        self.arguments = arguments
        self.queries = queries
        self.not_begun: Iterator[Query] = iter(queries)
        """The queries that nobody has taken up yet."""
        self.job = job
        self.archive = archive
        archive.on_error = self.storage_failed
        self.command = command
        """Returns the command that goes on with this job, given another budget or None."""
        self.conversions = conversions
        self.images = Images(arguments.convert, len(queries) // len(queries.seeds), archive)
        self.gate = Gate(
            Permits(config.max_concurrency, config.retry_delay),
            archive.journal,
            config.budget,
            self._budget_spent,
            self.storage_failed,
        )
        self.retries = Retries(config.retry_times, config.retry_delay)
        self.ledger = Ledger(job.name, self._write_outcome, self._history)
        self.base_url = config.base_url.geturl()
        """Where calls go; a sandbox of this run's own says where when it starts."""
        self.stop_reason: str | None = None
        """Why the run stops early, one of :data:`~tmapi_spiders.stops.STOPS`; else None."""
        self.stop_detail: str | None = None
        self.finish_reason: str | None = None
        """Scrapy's, once it closes the spider."""
        self.crashed = False
        self.undone = False
        """Whether the job was left as the last run had left it."""
        self.ended = False
        self.stats: StatsCollector | None = None
        """Scrapy's; None until the run starts."""
        self._close_spider: Callable[[str], None] | None = None
        self.reported = False
        """Whether the summary was shown."""

    def start(
        self,
        stats_collector: StatsCollector,
        close_spider: Callable[[str], None],
    ) -> None:
        """Begin the job's files.

        :param close_spider: closes the spider, given the run's reason to stop
        """
        self.stats = stats_collector
        self._close_spider = close_spider
        self._begin_files()
        try:
            self.job.start(budget=self.config.budget)
        except StorageError as exc:
            self.storage_failed(exc)

    def _begin_files(self) -> None:
        for name in (PRODUCTS, SIGHTINGS, OUTCOMES):
            self.job.create(name, self.storage_failed)

    def count(self, stat: str, by: int = 1) -> None:
        """Add to one of the stats of :mod:`tmapi_spiders.stats`."""
        if self.stats is not None:
            self.stats.inc_value(stat, by)

    def counted(self, stat: str) -> int:
        """Return what :meth:`count` added up."""
        return int(self.stats.get_value(stat, 0)) if self.stats is not None else 0

    def write_sighting(self, sighting: Sighting) -> None:
        """Write a line of sightings.jsonl."""
        self.job.files[SIGHTINGS].write(to_line(sighting))

    def stop(self, reason: str, detail: str | None = None) -> None:
        """Let no more calls out, and close the spider once what is in flight, and what the archive
        holds, is written.
        """
        if self.stop_reason is None:
            self.stop_reason, self.stop_detail = reason, detail
        self._send_no_more()
        if self._close_spider is not None:
            self._close_spider(self.stop_reason)

    def heed(self, answer: Answer) -> None:
        """Stop if an answer says that no call will be answered any more."""
        if isinstance(answer, NoPage) and answer.row.stop is not None:
            message = self.config.token.strike_out(answer.message)
            self.stop(answer.row.stop, f"the API said: {message}")

    def closing(self, finish_reason: str) -> None:
        """Note that Scrapy closes the spider, and why; from now on no call goes out."""
        if self.finish_reason is not None:
            return  # a Ctrl-C while it closes already
        self.finish_reason = finish_reason
        if finish_reason == "start_error":
            self.crashed = True
        elif self.stop_reason is None:
            self.stop_reason, self.stop_detail = early_end(finish_reason)
        self._send_no_more()

    def _send_no_more(self) -> None:
        self.gate.close()
        self.retries.close()

    @property
    def replays_on(self) -> bool:
        """Whether what the archive holds is still to be written, although the run stops."""
        return self.stop_reason is None or STOPS[self.stop_reason].replays

    def settle_outcomes(self) -> None:
        """Write the outcomes that are still owed, when no more pages will come."""
        self.ledger.finish(self.stop_reason, self.not_begun)

    def abandon(self) -> None:
        """End a run that was not left to end by itself: Ctrl-C came twice or very early, a crash.

        One that has paid for nothing leaves all that the job's last run wrote as it is.
        """
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
        if self.config.call_price:
            values[stats.CALL_COST] = round(self.calls * self.config.call_price, 6)
        if new := self.counted(stats.PRODUCT_NEW):
            values[stats.CALL_PER_NEW_PRODUCT] = round(self.archive.journal.calls / new, 4)
        for name, value in values.items():
            self.stats.set_value(name, value)

    @property
    def calls(self) -> int:
        """Calls of this run that count."""
        return self.gate.sent - self.gate.struck

    def facts(self) -> dict[str, Any]:
        """Return what the run came to, for job.json."""
        facts: dict[str, Any] = {
            "queries": {"all": len(self.queries), **dict(sorted(self.ledger.by_status.items()))},
            "budget": self.config.budget,
            "calls": self.archive.journal.calls,
            "calls_of_last_run": self.calls,
            "stop_reason": self.stop_reason,
        }
        if self.config.call_price:
            facts["cost"] = round(self.archive.journal.calls * self.config.call_price, 6)
        return facts

    @property
    def exit_status(self) -> int:
        """The process's exit status, as far as this run decides it."""
        if self.crashed:
            return EXIT_CRASHED
        if self.stop_reason == "settings":
            return EXIT_USAGE
        if self.stop_reason is not None or not self.ended:
            return EXIT_STOPPED
        if self.ledger.failures / len(self.queries) > self.config.failed_ok:
            return EXIT_FAILED
        return EXIT_OK

    def storage_failed(self, exc: StorageError) -> None:
        """Stop, since a file of the job can't be read or written."""
        logger.error("%s", exc)
        self.stop("storage", str(exc))

    def _budget_spent(self) -> None:
        made = plural(self.archive.journal.calls, "call")
        self.stop(
            "budget", f"{made} made in all runs, and TMAPI_BUDGET allows {self.config.budget:,}"
        )

    def is_paid(self, query: Query) -> bool:
        """Say whether an earlier run has paid for a query's first page."""
        return self.archive.has_page(query.seed.seed_id, query.query_id)

    def _history(self, query_id: str) -> History:
        try:
            return self.archive.journal.history(query_id)
        except StorageError as exc:
            self.storage_failed(exc)
            return History()

    def _write_outcome(self, outcome: Outcome) -> None:
        self.job.files[OUTCOMES].write(to_line(outcome))
        self.count(stats.QUERY.format(status=outcome.status))
        self.images.ended(outcome.seed_id)


def early_end(finish_reason: str) -> tuple[str | None, str | None]:
    """Return why a crawl that Scrapy closes has stopped early, and a detail; None if it has not.

    >>> early_end("finished"), early_end("closespider_timeout")
    ((None, None), ('deadline', 'closespider_timeout'))
    """
    if finish_reason in _IDLE:
        return None, None
    reason = "deadline" if finish_reason == _DEADLINE else "interrupted"
    return reason, finish_reason if finish_reason != "shutdown" else None


def run_of(crawler: Crawler) -> Run:
    """Return the run that a crawl of this package's spider is."""
    run: Run = crawler.spider.run  # type: ignore[union-attr]
    return run
