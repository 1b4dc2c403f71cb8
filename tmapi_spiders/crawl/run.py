"""A run, one process's work on a job: what the crawl's components share."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders import stats
from tmapi_spiders.api.answers import NoPage
from tmapi_spiders.fields.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.statscollectors import StatsCollector

    from tmapi_spiders.api.answers import Answer
    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.crawl.display import Display
    from tmapi_spiders.crawl.figures import Figures
    from tmapi_spiders.crawl.interfaces import Flow, Gate, Ledger, Requests, Retries
    from tmapi_spiders.errors import StorageError
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
    "OpenSpider",
    "Run",
    "early_end",
    "run_of",
]

logger = logging.getLogger(__name__)

#: Scrapy's ``finish_reason`` of a crawl that ``CLOSESPIDER_TIMEOUT`` ended.
_DEADLINE = "closespider_timeout"

#: Scrapy's reasons for closing a spider that has nothing left to do, or that failed to start.
_IDLE = {"finished", "start_error"}

EXIT_OK = 0
EXIT_CRASHED = 1
EXIT_USAGE = 2
EXIT_FAILED = 3
EXIT_STOPPED = 4
EXIT_CHANGED = 5


@attrs.frozen
class OpenSpider:
    """What a run uses of Scrapy once the spider is open."""

    requests: Requests
    """The spider."""
    engine: ExecutionEngine
    stats: StatsCollector
    close: Callable[[str], None]
    """Closes the spider, given a reason."""
    base_url: str
    """Where calls go: ``TMAPI_BASE_URL``, or the run's own sandbox."""


class Run(ABC):
    """One process's work on a job: on its own, or as one worker of many.

    It is made before Scrapy's crawl begins, so that a job that can't run is refused with exit
    status 2. What only an open spider has, it gets at :meth:`start`, in one piece.
    """

    gate: Gate
    retries: Retries
    ledger: Ledger
    flow: Flow

    def __init__(self, config: Config, arguments: Arguments, job_name: str) -> None:
        self.config = config
        self.job_name = job_name
        self.arguments = arguments
        """The job's arguments."""
        self.stop_reason: str | None = None
        """Why the run stops early, a key of :data:`~tmapi_spiders.crawl.stops.STOPS`; else None."""
        self.stop_detail: str | None = None
        self.finish_reason: str | None = None
        """Scrapy's, once it closes the spider."""
        self.crashed = False
        self.ended = False
        self.remarks: list[str] = []
        """Further lines for the summary."""
        self.unreadable = Unreadable(config.token)
        """Unreadable values on the pages that this run has read."""
        self._spider: OpenSpider | None = None
        self._display: Display | None = None
        self._is_reported = False

    def start(self, spider: OpenSpider) -> None:
        """Begin, now that the spider is open."""
        self._spider = spider

    @property
    def spider(self) -> OpenSpider:
        """What the run uses of Scrapy.

        :raises RuntimeError: before :meth:`start`
        """
        if self._spider is None:
            raise RuntimeError("the run has not started: the spider is not open yet")
        return self._spider

    @property
    def base_url(self) -> str:
        """Where calls go."""
        return self.spider.base_url

    def count(self, stat: str, by: int = 1) -> None:
        """Add to one of the stats of :mod:`tmapi_spiders.stats`."""
        if self._spider is not None:
            self._spider.stats.inc_value(stat, by)

    def counted(self, stat: str) -> int:
        """Return the sum of what :meth:`count` added."""
        return int(self._spider.stats.get_value(stat, 0)) if self._spider is not None else 0

    def _set_stats(self, values: Mapping[str, float]) -> None:
        if self._spider is not None:
            for name, value in values.items():
                self._spider.stats.set_value(name, value)

    @property
    @abstractmethod
    def max_concurrency(self) -> int:
        """The most calls that this process may have in flight."""

    @property
    def calls(self) -> int:
        """Calls of this run that count towards the budget."""
        return self.gate.sent - self.gate.struck

    @abstractmethod
    def write_sighting(self, sighting: Sighting) -> None:
        """Write a line of the job's sightings."""

    def note_unread(self, query_id: str, unread: Unread, item_id: int | None) -> str:  # noqa: ARG002 - for workers
        """Note a value that could not be read; return it as an example.

        :param query_id: the query whose page it was on
        :param item_id: the id of its item, if that could be read
        """
        self.count(stats.VALUE_UNREADABLE.format(field=unread.field))
        return self.unreadable.note(unread, item_id)

    def stop(self, reason: str, detail: str | None = None) -> None:
        """Send no more calls, and close the spider once all paid answers are written.

        Of several reasons the first one stays.
        """
        if self.stop_reason is None:
            self.stop_reason, self.stop_detail = reason, detail
        self._send_no_more()
        self._close_spider(self.stop_reason)

    def stop_job(self, reason: str, detail: str) -> None:
        """Stop, and with this run all others of the job."""
        self.stop(reason, detail)

    def storage_failed(self, exc: StorageError) -> None:
        """Stop since a file of the job can't be read or written."""
        logger.error("%s", exc)
        self.stop("storage", str(exc))

    def heed(self, answer: Answer) -> None:
        """Stop if an answer says that no further call will be answered."""
        if isinstance(answer, NoPage) and answer.row.stop is not None:
            self.stop_job(answer.row.stop, f"the API said: {answer.message}")

    def crash(self) -> None:
        """Note that the process crashed."""
        self.crashed = True

    def closing(self, finish_reason: str) -> None:
        """Note that Scrapy closes the spider, and why; from now on no call is sent."""
        if self.finish_reason is not None:
            return  # a Ctrl-C while it is closing already
        self.finish_reason = finish_reason
        if finish_reason == "start_error":
            self.crash()
        elif self.stop_reason is None:
            self.stop_reason, self.stop_detail = early_end(finish_reason)
        self._send_no_more()

    def _close_spider(self, reason: str) -> None:
        if self._spider is not None:
            self._spider.close(reason)

    @abstractmethod
    def _send_no_more(self) -> None:
        """Send no more calls."""

    @property
    def replays_on(self) -> bool:
        """Whether paid answers are still to be written, although the run stops."""
        return True

    @abstractmethod
    def abandon(self) -> None:
        """End a run that did not end by itself: a second or very early Ctrl-C, or a crash."""

    @abstractmethod
    def figures(self) -> Figures:
        """Return the numbers that show how far the job is."""

    def show(self, display: Display) -> None:
        """Remember the display that shows :meth:`figures`, until :meth:`hide`."""
        self._display = display

    def hide(self) -> None:
        """Take the display off the terminal, if there is one."""
        if self._display is not None:
            self._display.stop()
            self._display = None

    def begin_report(self) -> bool:
        """Return whether the summary is still to be shown: True the first time only."""
        is_first, self._is_reported = not self._is_reported, True
        return is_first

    @property
    @abstractmethod
    def share_failed(self) -> float:
        """The share of the job's queries that failed, or ended partial with an error."""

    @property
    def exit_status(self) -> int:
        """The exit status of the process, unless something else than the run decides it."""
        if self.crashed:
            return EXIT_CRASHED
        if self.stop_reason == "settings":
            return EXIT_USAGE
        if self.stop_reason is not None or not self.ended:
            return EXIT_STOPPED
        return EXIT_FAILED if self.share_failed > self.config.failed_ok else EXIT_OK


def early_end(finish_reason: str) -> tuple[str | None, str | None]:
    """Return why a crawl that Scrapy closes stopped early, and a detail; None if it did not.

    >>> early_end("finished"), early_end("closespider_timeout")
    ((None, None), ('deadline', 'closespider_timeout'))
    """
    if finish_reason in _IDLE:
        return None, None
    reason = "deadline" if finish_reason == _DEADLINE else "interrupted"
    return reason, finish_reason if finish_reason != "shutdown" else None


def run_of(crawler: Crawler) -> Run:
    """Return the run of a crawl of one of this package's spiders."""
    run: Run = crawler.spider.run  # type: ignore[union-attr]
    return run
