"""``scrapy crawl``: Scrapy's own, but that this package's spiders check before they crawl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import crawl

from tmapi_spiders.commands.paid_crawl import PaidCrawl
from tmapi_spiders.config.project import no_such_spider
from tmapi_spiders.crawl.refusal import tell_refusal
from tmapi_spiders.crawl.run import EXIT_USAGE
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH

if TYPE_CHECKING:
    import argparse

__all__ = ["Command"]


class Command(PaidCrawl, crawl.Command):
    """Runs a spider of the project; exit statuses 0, 2, 3 and 4 for this package's own."""

    def long_desc(self) -> str:
        """Return what ``scrapy crawl -h`` shows."""
        names = ", ".join(Arguments.model_fields)
        return f"{self.short_desc()}. {IMAGE_SEARCH} takes with -a: {names} (docs/reference.md)."

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Refuse a spider that there is not; run any other."""
        process = self.crawler_process
        assert process is not None
        known = process.spider_loader.list()
        if len(args) == 1 and args[0] not in known:
            problems = no_such_spider(args[0], known, IMAGE_SEARCH)
            tell_refusal(args[0], problems, process.settings)
            self.exitcode = EXIT_USAGE
            return
        super().run(args, opts)
