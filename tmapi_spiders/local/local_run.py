"""A run that works on a job by itself, in the job's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.crawl.concurrency_limit import ConcurrencyLimit
from tmapi_spiders.crawl.figures import Figures, pages_to_come
from tmapi_spiders.crawl.outage import Outage
from tmapi_spiders.crawl.retry_policy import RetryPolicy
from tmapi_spiders.crawl.run import Run, run_of
from tmapi_spiders.crawl.stops import STOPS
from tmapi_spiders.errors import StorageError
from tmapi_spiders.formats import to_line
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.journal import CallHistory
from tmapi_spiders.local.flow import LocalFlow
from tmapi_spiders.local.gate import LocalGate
from tmapi_spiders.local.ledger import LocalLedger
from tmapi_spiders.local.retries import LocalRetries

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy import Request
    from scrapy.crawler import Crawler

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.crawl.run import OpenSpider
    from tmapi_spiders.inputs.arguments import Arguments
    from tmapi_spiders.inputs.queries import Queries
    from tmapi_spiders.items import Outcome, Sighting
    from tmapi_spiders.jobs.archive import Archive
    from tmapi_spiders.jobs.conversions import Conversions
    from tmapi_spiders.jobs.job import Job

__all__ = ["LocalRun", "local_run_of"]


class LocalRun(Run):
    """The work of the one process that works on a job.

    :func:`~tmapi_spiders.local.preparation.prepare_run` makes one.
    """

    gate: LocalGate
    retries: LocalRetries
    ledger: LocalLedger
    flow: LocalFlow

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
        self.job = job
        self.archive = archive
        archive.on_error = self.storage_failed
        self.conversions = conversions
        self.command = command
        """Returns the command that resumes this job, given another budget or None."""
        self.gate = LocalGate(
            ConcurrencyLimit(config.max_concurrency, config.retry_delay),
            archive.journal,
            self,
            budget=config.budget,
            outage=Outage(config.outage_calls, config.retry_delay),
        )
        policy = RetryPolicy(config.retry_times, config.retry_delay)
        self.retries = LocalRetries(policy, self._crawl)
        self.ledger = LocalLedger(job.name, self._write_outcome, self._history)
        self.flow = LocalFlow(
            self,
            queries,
            archive=archive,
            conversions=conversions,
            gate=self.gate,
            ledger=self.ledger,
        )
        self.undone = False
        """Whether the job was left as its last run had left it."""

    @override
    def start(self, spider: OpenSpider) -> None:
        super().start(spider)
        self._begin_files()
        try:
            self.job.start(budget=self.config.budget)
        except StorageError as exc:
            self.storage_failed(exc)

    @property
    @override
    def max_concurrency(self) -> int:
        return self.config.max_concurrency

    def _crawl(self, request: Request) -> None:
        self.spider.engine.crawl(request)

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

    def write_missing_outcomes(self) -> None:
        """Write the outcomes that are still missing, when no more pages will come."""
        self.ledger.finish(self.stop_reason, self.flow.queue)

    @override
    def abandon(self) -> None:
        # A run that has paid for nothing leaves what the job's last run wrote as it is.
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
                self._release()
            return
        if not self.job.files:
            self._begin_files()
        if self.crashed:
            self.stop_reason, self.stop_detail = "error", "a crash; the log has its traceback"
        self.closing("shutdown")
        self.write_missing_outcomes()
        self.end(whole=False)

    def end(self, *, whole: bool = True) -> None:
        """Put the files in place, write to job.json how the run ended, and release the job.

        :param whole: whether the spider closed in order, with all paid answers written
        """
        self.ended = True
        for file in self.job.files.values():
            file.publish(complete=whole and self.replays_on and not self.crashed)
        lost = self.counted(stats.PRODUCT_NEW) - self.job.files[PRODUCTS].lines
        if lost > 0 and self.stop_reason is None:
            self.stop("storage", f"{lost} products could not be written; the log says why")
        self._write_stats()
        try:
            self.job.end(self.exit_status, **self.facts())
        except StorageError as exc:
            self.storage_failed(exc)
        finally:
            self._release()

    def _release(self) -> None:
        try:
            self.archive.close()
            self.conversions.close()
        except StorageError as exc:
            self.storage_failed(exc)
        finally:
            self.job.release()

    def _write_stats(self) -> None:
        values: dict[str, float] = {
            stats.MOST_IN_FLIGHT: self.gate.most_in_flight,
            stats.PERMIT_HIGHEST: self.gate.limit.highest,
            stats.PERMIT_NOW: self.gate.limit.allowed,
            stats.CALL_ALL_RUNS: self.archive.journal.calls,
        }
        if self.ledger.dead_letters:
            values[stats.ANSWER_DEAD] = self.ledger.dead_letters
        if self.config.call_price:
            values[stats.CALL_COST] = round(self.calls * self.config.call_price, 6)
        if new := self.counted(stats.PRODUCT_NEW):
            values[stats.CALL_PER_NEW_PRODUCT] = round(self.archive.journal.calls / new, 4)
        self._set_stats(values)

    def facts(self) -> dict[str, Any]:
        """Return what job.json says about the run once it has ended."""
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
            pages_to_come=pages_to_come(
                self.ledger, pages, ended, others, self.flow.queue.pages_left
            ),
            products=self.counted(stats.PRODUCT_NEW),
            duplicates=self.counted(stats.PRODUCT_DUPLICATE),
            calls=self.archive.journal.calls,
            budget=self.config.budget,
            in_flight=self.gate.in_flight,
            allowed=self.gate.allowed,
            waiting=len(self.retries),
            converting=self.flow.queue.converting,
        )

    @property
    @override
    def share_failed(self) -> float:
        return self.ledger.failures / len(self.queries)

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
        self.flow.query_ended(outcome)


def local_run_of(crawler: Crawler) -> LocalRun:
    """Return the run of a crawl that works on a job by itself."""
    run = run_of(crawler)
    assert isinstance(run, LocalRun)
    return run
