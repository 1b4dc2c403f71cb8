"""Spidermon's extension, changed to judge a job only when its figures are final."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy import signals
from spidermon.contrib.scrapy.extensions import Spidermon
from typing_extensions import override

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Spider
    from scrapy.crawler import Crawler

__all__ = ["JobSpidermon"]


class JobSpidermon(Spidermon):
    """Runs the suites of ``SPIDERMON_SPIDER_CLOSE_MONITORS`` once the job's files are written.

    Spidermon itself runs them at Scrapy's signal ``spider_closed``, which is too early: it also
    closes the feeds, so products.jsonl is not in place and the last figures are not known.
    """

    @classmethod
    @override
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension: Self = super().from_crawler(crawler)
        # Connected after this package's extension, which ends the run at the same signal.
        crawler.signals.connect(extension.feed_exporter_closed, signals.feed_exporter_closed)
        return extension

    @override
    def spider_closed(self, spider: Spider) -> None:
        """Do nothing yet."""

    def feed_exporter_closed(self) -> None:
        """Run the suites."""
        super().spider_closed(self.crawler.spider)

    def run_suites(self) -> None:
        """Run the suites on a job that has ended, without a crawl."""
        self._run_suites(self.crawler.spider, self.spider_closed_suites)
