"""``scrapy runspider``: Scrapy's own, but that this package's spiders check before they crawl."""

from __future__ import annotations

from scrapy.commands import runspider

from tmapi_spiders.commands.paid_crawl import PaidCrawl

__all__ = ["Command"]


class Command(PaidCrawl, runspider.Command):
    """Runs a spider of a file; exit statuses 0, 2, 3 and 4 for this package's own."""

    def begun_by(self, spider: str, args: list[str]) -> list[str]:  # noqa: ARG002 - for crawl
        """Return the words of the command that goes on with a job, before its arguments."""
        return ["scrapy", "runspider", *args]
