"""A run: one process's work on a job. What the crawl's components share hangs on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tmapi_spiders import stats
from tmapi_spiders.api.answers import NoPage
from tmapi_spiders.fields.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.api.answers import Answer
    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.crawl.display import Display
    from tmapi_spiders.crawl.figures import Figures
    from tmapi_spiders.crawl.interfaces import Flow, Gate, Ledger, Requests, Retries
    from tmapi_spiders.fields.unreadable import Unread
    from tmapi_spiders.inputs.arguments import Arguments
    from tmapi_spiders.items import Sighting

__all__ = [
    "EXIT_CHANGED",
    "EXIT_CRASHED",
    "EXIT_FAILED",
    "EXIT_OK",
    "EXIT_STOPPED",
    "EXIT_USAGE",
    "Run",
    "early_end",
    "run_of",
]

#: Scrapy's ``finish_reason`` of a crawl that ``CLOSESPIDER_TIMEOUT`` ended.
_DEADLINE = "closespider_timeout"

#: Scrapy closes a spider by itself when there is nothing left to do.
_IDLE = {"finished", "start_error"}

EXIT_OK = 0
EXIT_CRASHED = 1
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_STOPPED = 4
EXIT_CHANGED = 5


class Run(ABC):
    """One process's work on a job: alone on it, or as one worker of many."""

    gate: Gate
    retries: Retries
    ledger: Ledger
    flow: Flow
    requests: Requests
    """The spider, once there is one."""

    def __init__(self, config: Config, arguments: Arguments, job_name: str) -> None:
        self.config = config
        self.job_name = job_name
        self.arguments = arguments
        """The job's."""
        self.base_url = config.base_url.geturl()
        """Where calls go; a sandbox of this run's own says where when it starts."""
        self.stop_reason: str | None = None
        """Why the run stops early, one of :data:`~tmapi_spiders.crawl.stops.STOPS`; else None."""
        self.stop_detail: str | None = None
        self.finish_reason: str | None = None
        """Scrapy's, once it closes the spider."""
        self.crashed = False
        self.ended = False
        self.reported = False
        """Whether the summary was shown."""
        self.remarks: list[str] = []
        """What the summary is to tell besides."""
        self.unreadable = Unreadable(config.token)
        """Of the pages that this run has read."""
        self.stats: StatsCollector | None = None
        """Scrapy's; None until the run starts."""
        self._close_spider: Callable[[str], None] | None = None
        self.display: Display | None = None
        """What shows :meth:`figures` on a terminal, while it does."""

    def start(
        self,
        stats_collector: StatsCollector,
        close_spider: Callable[[str], None],
        engine: ExecutionEngine,  # noqa: ARG002 - for those that have requests of their own
    ) -> None:
        """Begin.

        :param close_spider: closes the spider, given the run's reason to stop
        """
        self.stats = stats_collector
        self._close_spider = close_spider

    def count(self, stat: str, by: int = 1) -> None:
        """Add to one of the stats of :mod:`tmapi_spiders.stats`."""
        if self.stats is not None:
            self.stats.inc_value(stat, by)

    def counted(self, stat: str) -> int:
        """Return what :meth:`count` added up."""
        return int(self.stats.get_value(stat, 0)) if self.stats is not None else 0

    @property
    @abstractmethod
    def max_concurrency(self) -> int:
        """The most calls that this process may have in flight."""

    @property
    def calls(self) -> int:
        """Calls of this run that count."""
        return self.gate.sent - self.gate.struck

    @abstractmethod
    def write_sighting(self, sighting: Sighting) -> None:
        """Have a line of the job's sightings written."""

    def note_unread(self, query_id: str, unread: Unread, item_id: int | None) -> str:  # noqa: ARG002 - for workers
        """Note a value that could not be read; return it as an example.

        :param query_id: whose page it stood on
        :param item_id: of the item that it was in, if that could be read
        """
        self.count(stats.VALUE_UNREADABLE.format(field=unread.field))
        return self.unreadable.note(unread, item_id)

    def stop(self, reason: str, detail: str | None = None) -> None:
        """Let no more calls out, and close the spider once what is paid for is written."""
        if self.stop_reason is None:
            self.stop_reason, self.stop_detail = reason, detail
        self._send_no_more()
        if self._close_spider is not None:
            self._close_spider(self.stop_reason)

    def stop_job(self, reason: str, detail: str) -> None:
        """Stop, whoever else works on the job included."""
        self.stop(reason, detail)

    def heed(self, answer: Answer) -> None:
        """Stop if an answer says that no call will be answered any more."""
        if isinstance(answer, NoPage) and answer.row.stop is not None:
            self.stop_job(answer.row.stop, f"the API said: {answer.message}")

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

    @abstractmethod
    def _send_no_more(self) -> None:
        """Let no more calls out."""

    @property
    def replays_on(self) -> bool:
        """Whether what is paid for is still to be written, although the run stops."""
        return True

    @abstractmethod
    def abandon(self) -> None:
        """End a run that did not end by itself: Ctrl-C came twice or very early, or a crash."""

    @abstractmethod
    def figures(self) -> Figures:
        """Return how far the job is."""

    def hide(self) -> None:
        """Show it no more."""
        if self.display is not None:
            self.display.stop()
            self.display = None

    @property
    @abstractmethod
    def share_failed(self) -> float:
        """The share of the job's queries that failed, or ended partial by an error."""

    @property
    def exit_status(self) -> int:
        """The process's exit status, as far as this run decides it."""
        if self.crashed:
            return EXIT_CRASHED
        if self.stop_reason == "settings":
            return EXIT_USAGE
        if self.stop_reason is not None or not self.ended:
            return EXIT_STOPPED
        return EXIT_FAILED if self.share_failed > self.config.failed_ok else EXIT_OK


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
