"""``scrapy crawl``: Scrapy's own, except that this package's spiders check before they crawl."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.commands import crawl

from tmapi_spiders.commands.paid_crawl import PaidCrawl
from tmapi_spiders.config.project import no_such_spider
from tmapi_spiders.crawl.run import EXIT_USAGE
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH

if TYPE_CHECKING:
    import argparse

__all__ = ["Command"]


class Command(PaidCrawl, crawl.Command):
    """Runs a spider of the project; this package's own exit with 0, 2, 3 or 4."""

    def long_desc(self) -> str:
        """Return what ``scrapy crawl -h`` shows."""
        names = ", ".join(Arguments.model_fields)
        return f"{self.short_desc()}. {IMAGE_SEARCH} takes with -a: {names} (docs/reference.md)."

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Refuse a spider that doesn't exist; run any other."""
        process = self.crawler_process
        assert process is not None
        known = process.spider_loader.list()
        if len(args) == 1 and args[0] not in known:
            problems = no_such_spider(args[0], known, IMAGE_SEARCH)
            self._refuse(args[0], problems, EXIT_USAGE, process.settings)
            return
        super().run(args, opts)
