"""What ``scrapy crawl`` and ``scrapy runspider`` do for this package's spiders.

They check before they crawl, and say by their exit status how it ended. An error raised in a
spider's constructor is a traceback and exit status 1 there.
"""

from __future__ import annotations

import gc
import signal
from typing import TYPE_CHECKING

from scrapy.commands import BaseRunSpiderCommand

from tmapi_spiders.backends import prepare, tell
from tmapi_spiders.config.project import check_profile
from tmapi_spiders.crawl.compatibility import check_compatibility
from tmapi_spiders.crawl.refusal import tell_refusal
from tmapi_spiders.crawl.requirements import check_addon, check_spider
from tmapi_spiders.crawl.run import EXIT_STOPPED, EXIT_USAGE
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.spider_kind import SpiderKind
from tmapi_spiders.spiders.image_search import ImageSearchSpider
from tmapi_spiders.system.signals import ENDING, heed_hang_ups
from tmapi_spiders.system.streams import hold_closed_streams, mute_broken_streams

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scrapy import Spider
    from scrapy.crawler import Crawler

    from tmapi_spiders.crawl.run import Run

__all__ = ["PaidCrawl"]

#: New objects after which Python looks for cycles among them. A page makes thousands, and no cycles
#: to speak of: at Python's own 700 the looking takes a sixth of a crawl's CPU time.
_NEW_OBJECTS = 10_000

_INTERRUPTED = "interrupted while reading the seeds. Give the same command again."


class _Refused(Exception):
    """The crawl was refused, and that was told."""


class PaidCrawl(BaseRunSpiderCommand):
    """Runs a spider by Scrapy's own command; exit statuses 0, 2, 3 and 4 for this package's own."""

    _run: Run | None = None
    _spargs: dict[str, object]

    def begun_by(self, spider: str, args: list[str]) -> list[str]:
        """Return the words of the command that goes on with a job, before its arguments."""
        return ["scrapy", "crawl", spider, *args[1:]]

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Take over the options, before Scrapy logs: it crashes without a standard error."""
        hold_closed_streams()
        super().process_options(args, opts)
        # Scrapy's own command hands these to the spider, once _create_crawler has returned.
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
            self._run = self._prepare(crawler)
            self._spargs.clear()
            self._spargs["run"] = self._run
        return crawler

    def _prepare(self, crawler: Crawler) -> Run:
        """Make the run of a crawl; from then on this process is there for it alone.

        :raises _Refused: if it can't begin
        """
        # Until Scrapy minds signals itself, SIGTERM is to be heard like Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        heed_hang_ups()
        spider, settings = crawler.spidercls, crawler.settings
        problems: tuple[str, ...]
        try:
            check_profile()
            check_compatibility()
            check_addon(settings)
            check_spider(spider, ImageSearchSpider, _called(spider.name))
            begun_by = self.begun_by(spider.name, self._args)
            run = prepare(settings, self._spargs, SpiderKind.of(spider), begun_by)
        except UsageProblems as exc:
            self.exitcode, problems = EXIT_USAGE, exc.problems
        except StorageError as exc:
            self.exitcode, problems = EXIT_STOPPED, (str(exc),)
        except KeyboardInterrupt:
            self.exitcode, problems = EXIT_STOPPED, (_INTERRUPTED,)
        else:
            _look_for_cycles_less_often()
            return run
        tell_refusal(spider.name, problems, settings)
        raise _Refused

    def _end(self, run: Run) -> None:
        """Say what came of it, and set the exit status."""
        assert self.crawler_process is not None
        run.hide()
        # The rest takes a moment, and says how it ended: a late signal must not end it otherwise.
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        if self.crawler_process.bootstrap_failed:
            run.crash()
        run.abandon()
        tell(run)
        mute_broken_streams()
        self.exitcode = run.exit_status


def _look_for_cycles_less_often() -> None:
    """Tune the process, which is there for this crawl alone; somebody's own tuning stays."""
    young, *others = gc.get_threshold()
    if 0 < young < _NEW_OBJECTS:
        gc.set_threshold(_NEW_OBJECTS, *others)


def _called(name: str) -> Iterator[type]:
    """Yield all spiders of this package's kind that have a name: there should be one."""
    classes = [ImageSearchSpider]
    while classes:
        spider_class = classes.pop()
        classes += spider_class.__subclasses__()
        if spider_class.name == name:
            yield spider_class
