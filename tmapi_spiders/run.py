"""A run: one process's work on one job. What the crawl's components share hangs on it."""

from __future__ import annotations

import logging
import os
import shlex
import time
from typing import TYPE_CHECKING, Any

from tmapi_spiders import stats
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.config import COMMAND_LINE, PREFIX, Config
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.gate import Gate
from tmapi_spiders.job import OUTCOMES, PRODUCTS, SIGHTINGS, Job
from tmapi_spiders.jsonl import to_line
from tmapi_spiders.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.items import Outcome, Sighting
    from tmapi_spiders.queries import Queries, Query

__all__ = ["EXIT_CRASHED", "EXIT_FAILED", "EXIT_OK", "EXIT_STOPPED", "EXIT_USAGE", "Run", "run_of"]

logger = logging.getLogger(__name__)

#: Scrapy's ``finish_reason`` of a crawl that ``CLOSESPIDER_TIMEOUT`` ended.
_DEADLINE = "closespider_timeout"

EXIT_OK = 0
EXIT_CRASHED = 1
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_STOPPED = 4


class Run:
    """One process's work on one job. :meth:`prepare` is the way to make one."""

    def __init__(
        self, config: Config, arguments: Arguments, queries: Queries, job: Job, command: str
    ) -> None:
        self.config = config
        self.arguments = arguments
        self.queries = queries
        self.not_begun: Iterator[Query] = iter(queries)
        """The queries that nobody has taken up yet."""
        self.job = job
        self.command = command
        """The command that runs this job again."""
        self.gate = Gate(config.max_concurrency)
        self.ledger = Ledger(job.name, self._write_outcome)
        self.base_url = config.base_url.geturl()
        """Where calls go; a sandbox of this run's own says where when it starts."""
        self.stop_reason: str | None = None
        """Why the run stops early: interrupted, deadline, storage, settings, error; else None."""
        self.stop_detail: str | None = None
        self.finish_reason: str | None = None
        """Scrapy's, once it closes the spider."""
        self.crashed = False
        self.ended = False
        self.stats: StatsCollector | None = None
        """Scrapy's; None until the run starts."""
        self._close_spider: Callable[[str], None] | None = None
        self.reported = False
        """Whether the summary was shown."""

    @classmethod
    def prepare(
        cls,
        settings: BaseSettings,
        given: Mapping[str, Any],
        arguments_model: type[Arguments] = Arguments,
        spider: str = "image_search",
    ) -> Run:
        """Check settings and arguments, and take hold of the job; nothing is sent.

        :param given: the spider's arguments as ``-a`` gives them
        :param spider: the spider's name
        :raises UsageProblems: with all that is wrong
        :raises StorageError: if the job's folder can't be used
        """
        # scrapyd gives each crawl a "_job" of its own.
        given = {name: value for name, value in given.items() if not name.startswith("_")}
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
        while True:
            job = Job(arguments.job_name(), config.output_dir, config.source, given)
            if job.open(new=arguments.job is None):
                break
            time.sleep(0.1)  # new names are by the second
        command = _command(spider, settings, given, job.name)
        return cls(config, arguments, queries, job, command)

    def start(self, stats_collector: StatsCollector, close_spider: Callable[[str], None]) -> None:
        """Begin the job's files.

        :param close_spider: closes the spider, given the run's reason to stop
        """
        self.stats = stats_collector
        self._close_spider = close_spider
        self._begin_files()
        try:
            self.job.start()
        except StorageError as exc:
            self._storage_failed(exc)

    def _begin_files(self) -> None:
        for name in (PRODUCTS, SIGHTINGS, OUTCOMES):
            self.job.create(name, self._storage_failed)

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
        """Let no more calls out, and close the spider; calls in flight are finished."""
        if self.stop_reason is None:
            self.stop_reason, self.stop_detail = reason, detail
        self.gate.close()
        if self._close_spider is not None:
            self._close_spider(self.stop_reason)

    def closing(self, finish_reason: str) -> None:
        """Note that Scrapy closes the spider, and why; from now on no call goes out."""
        self.gate.close()
        if self.finish_reason is not None:
            return  # a Ctrl-C while it closes already
        self.finish_reason = finish_reason
        if finish_reason == "start_error":
            self.crashed = True
        elif finish_reason != "finished" and self.stop_reason is None:
            self.stop_reason = "deadline" if finish_reason == _DEADLINE else "interrupted"

    def settle_outcomes(self) -> None:
        """Write the outcomes that are still owed, when no more pages will come."""
        self.ledger.finish(self.stop_reason, self.not_begun)

    def abandon(self) -> None:
        """End a run that was not left to end by itself: Ctrl-C came twice or very early, a crash.

        One that never began leaves the files of the job's last run alone.
        """
        if self.ended or (not self.job.files and self.job.last_finished_at is not None):
            return
        if not self.job.files:
            self._begin_files()
        if self.crashed:
            self.stop_reason, self.stop_detail = "error", "a crash; the log has its traceback"
        self.closing("shutdown")
        self.settle_outcomes()
        self.end()

    def end(self) -> None:
        """Put the files in their places, say in job.json how it ended, and let the job go."""
        self.ended = True
        if self.stats is not None:
            self.stats.set_value(stats.MOST_IN_FLIGHT, self.gate.most_in_flight)
        for file in self.job.files.values():
            file.publish(complete=self.stop_reason is None)
        lost = self.counted(stats.PRODUCT_NEW) - self.job.files[PRODUCTS].lines
        if lost > 0 and self.stop_reason is None:
            self.stop("storage", f"{lost} products could not be written; the log says why")
        try:
            self.job.end(self.exit_status, **self.facts())
        except StorageError as exc:
            self._storage_failed(exc)
        finally:
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
        if self.stop_reason == "settings":
            return EXIT_USAGE
        if self.stop_reason is not None or not self.ended:
            return EXIT_STOPPED
        if self.ledger.failures / len(self.queries) > self.config.failed_ok:
            return EXIT_FAILED
        return EXIT_OK

    def _write_outcome(self, outcome: Outcome) -> None:
        self.job.files[OUTCOMES].write(to_line(outcome))
        self.count(stats.QUERY.format(status=outcome.status))

    def _storage_failed(self, exc: StorageError) -> None:
        logger.error("%s", exc)
        self.stop("storage", str(exc))


def run_of(crawler: Crawler) -> Run:
    """Return the run that a crawl of this package's spider is."""
    run: Run = crawler.spider.run  # type: ignore[union-attr]
    return run


def _command(spider: str, settings: BaseSettings, arguments: dict[str, Any], job: str) -> str:
    """Return the command that runs a job again: with what was given on this one, but the token."""
    arguments.pop("series", None)
    words = ["scrapy", "crawl", spider]
    for name, value in (arguments | {"job": job}).items():
        words += ["-a", f"{name}={value}"]
    for name in sorted(settings):
        given = (settings.getpriority(name) or 0) >= COMMAND_LINE
        if given and name.startswith(PREFIX) and name != f"{PREFIX}TOKEN":
            words += ["-s", f"{name}={settings[name]}"]
    project = os.environ.get("SCRAPY_PROJECT")
    return (f"SCRAPY_PROJECT={shlex.quote(project)} " if project else "") + shlex.join(words)
