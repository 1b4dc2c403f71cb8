"""The scheduler of a worker: scrapy-redis's, but that what Redis hands out are leases.

Stock scrapy-redis takes a request out of Redis when it hands it to the engine, and knows nothing of
what becomes of it. Here a task stays on Redis, leased, until what it brought is committed; the
worker asks for leases as there is room, and hands each to the engine as a request.
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

#: Requests of the project's own that wait for leave at a time; fewer than the places in the
#: downloader that the add-on adds to those of calls in flight.
MOST_WAITING = 4


def is_shared(settings: BaseSettings) -> bool:
    """Say whether a crawl with these settings is a worker's: its ``SCHEDULER`` says so."""
    found = load_object(settings["SCHEDULER"])
    return isinstance(found, type) and issubclass(found, LeaseScheduler)


def check_scheduler(settings: BaseSettings) -> None:
    """Refuse scrapy-redis's own scheduler: it loses what a worker has in hand when it dies.

    :raises UsageProblems: saying what to set instead
    """
    found = load_object(settings["SCHEDULER"])
    is_stock = isinstance(found, type) and issubclass(found, Scheduler)
    if is_stock and not issubclass(found, LeaseScheduler):
        ours = f"{LeaseScheduler.__module__}.{LeaseScheduler.__qualname__}"
        raise UsageProblems(
            f"SCHEDULER={settings['SCHEDULER']}: pages that were paid for would be lost with a "
            f'worker that dies. For workers: SCHEDULER = "{ours}"; for a crawl in one process '
            'leave it out, or: SCHEDULER = "scrapy.core.scheduler.Scheduler".'
        )


class LeaseScheduler(Scheduler):  # type: ignore[misc]  # scrapy-redis has no types
    """Hands the requests of leased tasks to the engine (``SCHEDULER``)."""

    def __init__(self, crawler: Crawler) -> None:
        # Of the base class: nothing here is a queue on Redis, and nothing is ever flushed.
        super().__init__(server=None, persist=True)
        self._crawler = crawler
        self._requests: deque[Request] = deque()
        self._others: deque[Request] = deque()
        """Those of the project's own."""
        # Scrapy's own: scrapy-redis's would remember what a project asks for longer than the job.
        self._duplicates = RFPDupeFilter.from_crawler(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self | scheduler.Scheduler:
        """Make the scheduler; the worker was made when the crawl was prepared.

        For any other spider, that of ``scrapy fetch`` or ``shell`` too, it is Scrapy's own.
        """
        if not isinstance(getattr(crawler.spider, "run", None), Worker):
            return scheduler.Scheduler.from_crawler(crawler)
        made = cls(crawler)
        made.stats = crawler.stats
        return made

    def open(self, spider: Spider) -> None:
        """Begin."""
        self.spider = spider
        self._duplicates.open()

    def close(self, reason: str) -> None:
        """End; what was not begun was given back."""
        self._duplicates.close(reason)

    def __len__(self) -> int:
        """Return how many requests of leased tasks wait for the engine."""
        return len(self._requests) + len(self._others)

    def enqueue_request(self, request: Request) -> bool:
        """Take a request: a leased task's, or one that the project makes, and not twice."""
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
        """Return the next request: a leased task's first, for that holds a permit already.

        Only so many others wait at the gate that all leases find a place in the downloader.
        """
        if self._requests:
            return self._requests.popleft()
        if self._others and worker_of(self._crawler).gate.waiting < MOST_WAITING:
            return self._others.popleft()
        return None

    def has_pending_requests(self) -> bool:
        """Say whether the spider is not to be closed: this worker holds leases, or may get some."""
        if self._requests or self._others:
            return True
        worker = worker_of(self._crawler)
        worker.notice_idle()  # the engine asks when neither downloader nor scraper has anything
        return worker.is_busy
