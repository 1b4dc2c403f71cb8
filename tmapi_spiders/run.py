"""A run: one process's work on one job. What the crawl's components share hangs on it."""

from __future__ import annotations

import logging
import os
import shlex
import time
from typing import TYPE_CHECKING, Any

from tmapi_spiders import stats
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.config import Config
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.gate import Gate
from tmapi_spiders.items import Outcome, Sightings
from tmapi_spiders.job import OUTCOMES, PRODUCTS, SIGHTINGS, Job
from tmapi_spiders.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scrapy.settings import BaseSettings
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.queries import Queries, Query

__all__ = ["EXIT_CRASHED", "EXIT_FAILED", "EXIT_OK", "EXIT_STOPPED", "EXIT_USAGE", "Run"]

logger = logging.getLogger(__name__)

EXIT_OK = 0
EXIT_CRASHED = 1
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_STOPPED = 4


class Run:
    """One process's work on one job. :meth:`prepare` is the way to make one."""

    def __init__(self, config: Config, arguments: Arguments, queries: Queries, job: Job) -> None:
        self.config = config
        self.arguments = arguments
        self.queries = queries
        self.not_begun: Iterator[Query] = iter(queries)
        """The queries that nobody has taken up yet."""
        self.job = job
        self.gate = Gate(config.max_concurrency)
        self.ledger = Ledger(job.name, self.write)
        self.base_url = config.base_url.geturl()
        """Where calls go; a sandbox of this run's own says where when it starts."""
        self.stop_reason: str | None = None
        """Why the run is stopping early: interrupted, deadline, storage; None if it is not."""
        self.stop_detail: str | None = None
        self.crashed = False
        self.ended = False
        self.idle = False
        """Whether there is nothing left to do."""
        self.stats: StatsCollector | None = None
        self._write: Callable[[Any], None] | None = None
        self._close_spider: Callable[[str], None] | None = None
        self.reported = False
        """Whether the summary was shown."""

    @classmethod
    def prepare(
        cls,
        settings: BaseSettings,
        given: Mapping[str, Any],
        arguments_model: type[Arguments] = Arguments,
    ) -> Run:
        """Check settings and arguments, and take hold of the job; nothing is sent.

        :param given: the spider's arguments as ``-a`` gives them
        :raises UsageProblems: with all that is wrong
        :raises StorageError: if the job's folder can't be used
        """
        problems: list[str] = []
        try:
            config = Config.from_settings(settings)
        except UsageProblems as exc:
            problems += exc.problems
        try:
            arguments, queries = arguments_model.parse(given)
        except UsageProblems as exc:
            problems += exc.problems
        if problems:
            raise UsageProblems(*problems)
        name = arguments.job_name()
        while arguments.job is None and (config.output_dir / name).exists():
            time.sleep(0.1)  # a new name is by the second, and must not replace another job's files
            name = arguments.job_name()
        job = Job(name, config.output_dir, config.source, given)
        job.open()
        return cls(config, arguments, queries, job)

    def start(
        self,
        stats_collector: StatsCollector,
        write: Callable[[Any], None],
        close_spider: Callable[[str], None],
    ) -> None:
        """Begin the job's files.

        :param write: puts outcomes and sightings into their feeds
        :param close_spider: closes the spider, given the run's reason to stop
        """
        self.stats = stats_collector
        self._write = write
        self._close_spider = close_spider
        for name in (PRODUCTS, SIGHTINGS, OUTCOMES):
            self.job.create(name, self._storage_failed)
        try:
            self.job.start()
        except StorageError as exc:
            self._storage_failed(exc)

    def count(self, stat: str, by: int = 1) -> None:
        """Add to one of the stats of :mod:`tmapi_spiders.stats`."""
        assert self.stats is not None
        self.stats.inc_value(stat, by)

    def write(self, item: Sightings | Outcome) -> None:
        """Write what is no product, and so takes no pipeline."""
        assert self._write is not None
        self._write(item)
        if isinstance(item, Outcome):
            self.count(stats.QUERY.format(status=item.status))

    def stop(self, reason: str, detail: str | None = None) -> None:
        """Let no more calls out, and close the spider; calls in flight are finished."""
        if self.stop_reason is None:
            self.stop_reason, self.stop_detail = reason, detail
        self.gate.close()
        if self._close_spider is not None:
            self._close_spider(self.stop_reason)

    def settle_outcomes(self, *, interrupted: bool) -> None:
        """Write the outcomes that are still owed, when no more pages will come.

        :param interrupted: whether somebody told Scrapy to shut down
        """
        if self.stop_reason is None and (interrupted or not self.idle):
            self.stop_reason = "interrupted"
        self.ledger.finish(self.stop_reason, self.not_begun)

    def abandon(self) -> None:
        """End a run that was not left to end by itself: Ctrl-C came twice."""
        if self.ended or self.stats is None:
            return
        self.settle_outcomes(interrupted=True)
        for file in self.job.files.values():
            file.publish(complete=False)
        self.end()

    def end(self) -> None:
        """Say in job.json how it ended, and let the job go."""
        self.ended = True
        if self.stats is not None:
            self.stats.set_value(stats.MOST_IN_FLIGHT, self.gate.most_in_flight)
        try:
            self.job.end(self.exit_status, **self.facts())
        except StorageError as exc:
            self._storage_failed(exc)
        self.job.release()

    def facts(self) -> dict[str, Any]:
        """Return what the run came to, for job.json."""
        facts: dict[str, Any] = {
            "queries": {"all": len(self.queries), **dict(sorted(self.ledger.by_status.items()))},
            "calls": self.gate.calls,
            "stop_reason": self.stop_reason,
        }
        if self.config.call_price:
            facts["cost"] = round(self.gate.calls * self.config.call_price, 6)
        return facts

    @property
    def exit_status(self) -> int:
        """The process's exit status, as far as this run decides it."""
        if self.crashed:
            return EXIT_CRASHED
        if self.stop_reason is not None or not self.ended:
            return EXIT_STOPPED
        if self.ledger.failures > self.config.failed_ok * len(self.queries):
            return EXIT_FAILED
        return EXIT_OK

    @property
    def command(self) -> str:
        """The command that runs this job again."""
        arguments = {**self.job.arguments, "job": self.job.name}
        arguments.pop("series", None)
        words = ["scrapy", "crawl", "image_search"]
        for name, value in arguments.items():
            words += ["-a", f"{name}={value}"]
        project = os.environ.get("SCRAPY_PROJECT")
        return (f"SCRAPY_PROJECT={shlex.quote(project)} " if project else "") + shlex.join(words)

    def _storage_failed(self, exc: StorageError) -> None:
        logger.error("%s", exc)
        self.stop("storage", str(exc))
