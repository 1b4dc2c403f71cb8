"""``scrapy runspider``: Scrapy's own, except that our spiders check before they crawl."""

from __future__ import annotations

from scrapy.commands import runspider

from tmapi_spiders.commands.paid_crawl import PaidCrawl

__all__ = ["Command"]


class Command(PaidCrawl, runspider.Command):
    """Runs a spider of a file; this package's own exit with 0, 2, 3 or 4."""

    def begun_by(self, spider: str, args: list[str]) -> list[str]:  # noqa: ARG002 - for crawl
        """Return the command that resumes a job, without its arguments."""
        return ["scrapy", "runspider", *args]
