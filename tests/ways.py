"""The two ways to crawl, so that one test holds both: alone, or as a worker and an export."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from tests.support import Crawl, Crawler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

__all__ = ["Way"]


@attrs.frozen
class Way:
    """Makes crawlers of one way."""

    name: str
    output: Path
    server: RedisServer | None

    def __call__(self, url: str, project: Path | None = None) -> Crawler:
        """Return what crawls the API at *url*; its files are where a local crawl has them."""
        if self.server is None:
            crawler = Crawler(self.output, url)
        else:
            made = self.server.crawler(self.output, url)
            crawler = ExportingCrawler(made.output, made.url, variables=made.variables)
        return crawler if project is None else attrs.evolve(crawler, project=project)


@attrs.frozen
class ExportingCrawler(Crawler):
    """Starts one worker, and exports what has come of the job."""

    def __call__(self, *options: str, **arguments: Any) -> Crawl:
        done = super().__call__(*options, **arguments)
        job = str(arguments.get("job", "j"))
        exported = self.command("tmapi", "export", job)
        assert exported.exit_status == 0, done.log + exported.log
        return attrs.evolve(done, folder=self.output / job)
