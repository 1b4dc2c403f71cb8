"""``scrapy crawl``: Scrapy's own, but that this package's spider checks before it crawls.

An error raised in a spider's constructor is a traceback and exit status 1 there. For any other
spider this command is Scrapy's own.
"""

from __future__ import annotations

import gc
import signal
import sys
from typing import TYPE_CHECKING

from scrapy.commands import crawl
from scrapy.utils.misc import load_object

from tmapi_spiders.addon import TmapiAddon
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.interrupts import ENDING, heed_hang_ups
from tmapi_spiders.requirements import check_spider
from tmapi_spiders.run import EXIT_STOPPED, EXIT_USAGE
from tmapi_spiders.spider_kind import SpiderKind
from tmapi_spiders.spiders.image_search import ImageSearchSpider
from tmapi_spiders.streams import hold_closed_streams, mute_broken_streams
from tmapi_spiders.ways import prepare, tell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scrapy.settings import BaseSettings

__all__ = ["Command"]

#: New objects after which Python looks for cycles among them. A page makes thousands, and no cycles
#: to speak of: at Python's own 700 the looking takes a sixth of a crawl's CPU time.
_NEW_OBJECTS = 10_000

_MISSING = (
    'this project has no such spider. Its settings need ADDONS = {"tmapi_spiders.addon.TmapiAddon":'
    " 500}; and SCRAPY_PROJECT, if set, must name a profile of its scrapy.cfg."
)


class Command(crawl.Command):
    """Runs a spider of the project; exit statuses 0, 2, 3 and 4 for this package's own."""

    def long_desc(self) -> str:
        """Return what ``scrapy crawl -h`` shows."""
        names = ", ".join(Arguments.model_fields)
        return f"{self.short_desc()}. {ImageSearchSpider.name} takes with -a: {names} (README.md)."

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Take over the options, before Scrapy logs: it crashes without a standard error."""
        hold_closed_streams()
        super().process_options(args, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Check, crawl, and set the exit status."""
        process = self.crawler_process
        assert process is not None
        if len(args) != 1 or args[0] not in process.spider_loader.list():
            if args == [ImageSearchSpider.name]:
                _complain(args[0], [_MISSING])
                self.exitcode = EXIT_USAGE
                return
            super().run(args, opts)
            return
        spider_class = process.spider_loader.load(args[0])
        if not issubclass(spider_class, ImageSearchSpider):
            super().run(args, opts)
            return
        # Until Scrapy minds signals itself, SIGTERM is to be heard like Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        heed_hang_ups()
        crawler = self._create_crawler(spider_class)
        try:
            _check_addon(crawler.settings)
            check_spider(spider_class, ImageSearchSpider, _called(args[0]))
            run = prepare(crawler.settings, opts.spargs, SpiderKind.of(spider_class))
        except UsageProblems as exc:
            _complain(args[0], exc.problems)
            self.exitcode = EXIT_USAGE
            return
        except StorageError as exc:
            _complain(args[0], [str(exc)])
            self.exitcode = EXIT_STOPPED
            return
        except KeyboardInterrupt:
            _complain(
                args[0], ["interrupted while reading the seeds. Give the same command again."]
            )
            self.exitcode = EXIT_STOPPED
            return
        _look_for_cycles_less_often()
        try:
            process.crawl(crawler, run=run)
            process.start()
        except KeyboardInterrupt:
            run.stop("interrupted")
        run.hide()
        # The rest takes a moment, and says how it ended: a late signal must not end it otherwise.
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)
        run.crashed |= process.bootstrap_failed
        run.abandon()
        tell(run)
        mute_broken_streams()
        self.exitcode = run.exit_status


def _look_for_cycles_less_often() -> None:
    """Tune the process, which is there for this crawl alone; somebody's own tuning stays."""
    young, *others = gc.get_threshold()
    if 0 < young < _NEW_OBJECTS:
        gc.set_threshold(_NEW_OBJECTS, *others)


def _check_addon(settings: BaseSettings) -> None:
    if not any(issubclass(load_object(addon), TmapiAddon) for addon in settings.getdict("ADDONS")):
        raise UsageProblems(
            'ADDONS: the add-on is missing: ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}'
        )


def _called(name: str) -> Iterator[type]:
    """Yield all spiders of this package's kind that have a name: there should be one."""
    classes = [ImageSearchSpider]
    while classes:
        spider_class = classes.pop()
        classes += spider_class.__subclasses__()
        if spider_class.name == name:
            yield spider_class


def _complain(spider: str, problems: tuple[str, ...] | list[str]) -> None:
    print(f"{spider}: nothing was sent.", file=sys.stderr)
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
