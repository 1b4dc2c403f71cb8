"""What ``scrapy crawl`` and ``scrapy runspider`` do for this package's spiders.

They check everything before the crawl begins, and their exit status says how it ended. In Scrapy's
own commands an error raised by a spider's constructor is a traceback and exit status 1.
"""

from __future__ import annotations

import gc
import signal
from typing import TYPE_CHECKING

from scrapy.commands import BaseRunSpiderCommand

from tmapi_spiders.backends import prepare, print_summary
from tmapi_spiders.commands.exit_status import Interrupted, exit_status_of, messages_of
from tmapi_spiders.config.project import check_profile
from tmapi_spiders.crawl.compatibility import check_compatibility
from tmapi_spiders.crawl.refusal import report_refusal
from tmapi_spiders.crawl.requirements import check_addon, check_spider
from tmapi_spiders.errors import TmapiError
from tmapi_spiders.inputs.spider_kind import SpiderKind
from tmapi_spiders.spiders.image_search import ImageSearchSpider
from tmapi_spiders.system.signals import ENDING, forward_hang_ups
from tmapi_spiders.system.streams import mute_broken_streams, replace_closed_streams

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

    from tmapi_spiders.crawl.run import Run

__all__ = ["PaidCrawl"]

#: New objects after which Python looks for garbage cycles. A page makes thousands of objects and
#: hardly any cycles: at Python's default of 700 the search takes a sixth of a crawl's CPU time.
_NEW_OBJECTS = 10_000

_INTERRUPTED = "interrupted while reading the seeds. Give the same command again."


class _Refused(Exception):
    """The crawl was refused, and the user knows why."""


class PaidCrawl(BaseRunSpiderCommand):
    """Runs a spider as Scrapy's command does; this package's own exit with 0, 2, 3 or 4."""

    _run: Run | None = None
    _spargs: dict[str, object]

    def begun_by(self, spider: str, args: list[str]) -> list[str]:
        """Return the command that resumes a job, without its arguments."""
        return ["scrapy", "crawl", spider, *args[1:]]

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Process the options; Scrapy logs meanwhile, and crashes if standard error is closed."""
        replace_closed_streams()
        super().process_options(args, opts)
        # Scrapy's own command passes these to the spider once _create_crawler has returned.
        self._args, self._spargs = args, opts.spargs

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check, crawl, and set the exit status."""
        try:
            super().run(args, opts)  # type: ignore[safe-super]  # of Scrapy's command
        except _Refused:
            return
        except KeyboardInterrupt:
            if self._run is None:
                raise
            self._run.stop("interrupted")
        if self._run is not None:
            self._end(self._run)

    def _create_crawler(self, spidercls: type[Spider] | str) -> Crawler:
        crawler = super()._create_crawler(spidercls)
        if issubclass(crawler.spidercls, ImageSearchSpider):
            try:
                self._run = self._prepare(crawler)
            except TmapiError as exc:
                status = exit_status_of(exc)
                self._refuse(crawler.spidercls.name, messages_of(exc), status, crawler.settings)
                raise _Refused from exc
            _look_for_cycles_less_often()
            self._spargs.clear()
            self._spargs["run"] = self._run
        return crawler

    def _prepare(self, crawler: Crawler) -> Run:
        """Make the run of a crawl; from here on the process serves only this crawl.

        :raises UsageProblems: if arguments, settings or the project won't do
        :raises StorageError: if the job can't be read or written
        :raises Interrupted: if a signal comes first
        """
        # Until Scrapy handles signals itself, SIGTERM and SIGHUP act like Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        forward_hang_ups()
        spider, settings = crawler.spidercls, crawler.settings
        try:
            check_profile()
            check_compatibility()
            check_addon(settings)
            check_spider(spider, ImageSearchSpider, _spiders_named(spider.name))
            begun_by = self.begun_by(spider.name, self._args)
            return prepare(settings, self._spargs, SpiderKind.of(spider), begun_by)
        except KeyboardInterrupt:
            raise Interrupted(_INTERRUPTED) from None

    def _refuse(
        self, spider: str, problems: Sequence[str], status: int, settings: BaseSettings
    ) -> None:
        """Say why there is no crawl, and set the exit status."""
        report_refusal(spider, problems, settings)
        self.exitcode = status

    def _end(self, run: Run) -> None:
        """Print the summary, and set the exit status."""
        assert self.crawler_process is not None
        run.hide()
        # The summary takes a moment, and says how the crawl ended: a late signal must not cut it.
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        if self.crawler_process.bootstrap_failed:
            run.crash()
        run.abandon()
        print_summary(run)
        mute_broken_streams()
        self.exitcode = run.exit_status


def _look_for_cycles_less_often() -> None:
    """Raise the garbage collector's threshold, unless it has been raised or switched off."""
    young, *others = gc.get_threshold()
    if 0 < young < _NEW_OBJECTS:
        gc.set_threshold(_NEW_OBJECTS, *others)


def _spiders_named(name: str) -> Iterator[type]:
    """Yield all spiders of this package's kind that have a name: there should be just one."""
    classes = [ImageSearchSpider]
    while classes:
        spider_class = classes.pop()
        classes += spider_class.__subclasses__()
        if spider_class.name == name:
            yield spider_class
