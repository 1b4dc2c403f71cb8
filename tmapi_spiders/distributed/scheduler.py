"""scrapy-redis's scheduler, with leases instead of a queue of requests.

Stock scrapy-redis removes a request from Redis when it passes it to the engine, and does not know
what becomes of it. Here a task stays on Redis, leased, until its results are committed; the worker
asks for leases as it has room, and passes each to the engine as a request.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from scrapy.core import scheduler
from scrapy.dupefilters import RFPDupeFilter
from scrapy.utils.misc import load_object
from scrapy_redis.scheduler import Scheduler

from tmapi_spiders.api.calls import call_of
from tmapi_spiders.distributed.worker import Worker, worker_of
from tmapi_spiders.errors import UsageProblems

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

__all__ = ["LeaseScheduler", "check_scheduler", "is_shared"]

logger = logging.getLogger(__name__)

#: Most requests of the project's own that wait for a permit concurrently; fewer than the downloader
#: slots that the add-on adds to those for calls in flight.
MOST_WAITING = 4


def is_shared(settings: BaseSettings) -> bool:
    """Return whether the ``SCHEDULER`` of these settings makes the crawl a worker's."""
    found = load_object(settings["SCHEDULER"])
    return isinstance(found, type) and issubclass(found, LeaseScheduler)


def check_scheduler(settings: BaseSettings) -> None:
    """Refuse scrapy-redis's own scheduler: it loses a worker's requests when the worker dies.

    :raises UsageProblems: saying what to set instead
    """
    found = load_object(settings["SCHEDULER"])
    is_stock = isinstance(found, type) and issubclass(found, Scheduler)
    if is_stock and not issubclass(found, LeaseScheduler):
        ours = f"{LeaseScheduler.__module__}.{LeaseScheduler.__qualname__}"
        raise UsageProblems(
            f"SCHEDULER={settings['SCHEDULER']}: a worker that dies would lose pages that were "
            f'paid for. For workers: SCHEDULER = "{ours}"; for a crawl in one process '
            'leave it out, or: SCHEDULER = "scrapy.core.scheduler.Scheduler".'
        )


class LeaseScheduler(Scheduler):  # type: ignore[misc]  # scrapy-redis has no types
    """Passes the requests of leased tasks to the engine (``SCHEDULER``)."""

    def __init__(self, crawler: Crawler) -> None:
        # For the base class: nothing here is a queue on Redis, and nothing is ever flushed.
        super().__init__(server=None, persist=True)
        self._crawler = crawler
        self._requests: deque[Request] = deque()
        self._others: deque[Request] = deque()
        """The project's own requests."""
        # Scrapy's filter: scrapy-redis's would remember a project's requests beyond the job.
        self._duplicates = RFPDupeFilter.from_crawler(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self | scheduler.Scheduler:
        """Create the scheduler; the worker exists since the crawl was prepared.

        Any other spider, including that of ``scrapy fetch`` and ``shell``, gets Scrapy's own.
        """
        if not isinstance(getattr(crawler.spider, "run", None), Worker):
            return scheduler.Scheduler.from_crawler(crawler)
        made = cls(crawler)
        made.stats = crawler.stats
        return made

    def open(self, spider: Spider) -> None:
        """Open the duplicate filter."""
        self.spider = spider
        self._duplicates.open()

    def close(self, reason: str) -> None:
        """Close the duplicate filter; what was not begun was given back."""
        self._duplicates.close(reason)

    def __len__(self) -> int:
        """Return how many requests wait for the engine."""
        return len(self._requests) + len(self._others)

    def enqueue_request(self, request: Request) -> bool:
        """Accept a leased task's request, or one of the project's own if it is not a duplicate."""
        if not request.dont_filter and self._duplicates.request_seen(request):
            self._duplicates.log(request, self.spider)
            return False
        if call_of(request) is None:
            self._others.append(request)
            worker_of(self._crawler).expect_others()
        else:
            self._requests.append(request)
        return True

    def next_request(self, *_: Any) -> Request | None:
        """Return the next request, a leased task's first, since that already holds a permit.

        Others are held back so that enough downloader slots stay free for all leases.
        """
        if self._requests:
            return self._requests.popleft()
        if self._others and worker_of(self._crawler).gate.waiting < MOST_WAITING:
            return self._others.popleft()
        return None

    def has_pending_requests(self) -> bool:
        """Return whether to keep the spider open: the worker holds leases, or may get some."""
        if self._requests or self._others:
            return True
        worker = worker_of(self._crawler)
        worker.notice_idle()  # the engine asks when neither downloader nor scraper has work
        return worker.is_busy
