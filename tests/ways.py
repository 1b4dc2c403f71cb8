"""The two ways to crawl, so that one test covers both: locally, or by a worker with an export.

A test in tests/crawl takes ``crawl``, or ``way`` if it is not about the sandbox, and runs both
ways. Exceptions are listed in tests/crawl/one_way.py, with the reason.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs

from tests.support import ROOT, Crawl, Crawler, in_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.forkserver import Process

__all__ = ["Way"]

#: Settings that belong to the job, so that its workers can't change them; ``enqueue`` can.
_OF_THE_JOB = ("TMAPI_BUDGET", "TMAPI_MAX_CONCURRENCY")


@attrs.frozen
class Way:
    """Makes crawlers for one of the ways."""

    name: str
    output: Path
    server: RedisServer | None

    @property
    def alone(self) -> bool:
        """Whether a crawl is local, with its job's archive and files."""
        return self.server is None

    @property
    def settings(self) -> str:
        """What a project's settings.py needs for this way."""
        scheduler = "tmapi_spiders.distributed.scheduler.LeaseScheduler"
        return "" if self.alone else f'SCHEDULER = "{scheduler}"\n'

    def __call__(self, url: str = "", project: Path = ROOT) -> Crawler:
        """Return what crawls the API at *url*; its files are where a local crawl puts them.

        :param project: whose settings have :attr:`settings`
        """
        crawler = Crawler(self.output, url, project)
        return self._of(crawler, **({"SCRAPY_PROJECT": "distributed"} if project == ROOT else {}))

    def in_project(self, folder: Path, url: str, module: str = "") -> Crawler:
        """Return crawls in a project whose settings and components are in *module*."""
        return self._of(in_project(folder, url, self.settings + module))

    def _of(self, crawler: Crawler, **variables: str) -> Crawler:
        if self.server is None:
            return crawler
        variables["REDIS_URL"] = self.server.url
        return ExportingCrawler(
            crawler.output, crawler.url, crawler.project, variables=variables, server=self.server
        )


@attrs.frozen(kw_only=True)
class ExportingCrawler(Crawler):
    """Starts one worker, and exports the job."""

    server: RedisServer

    def __call__(self, *options: str, **arguments: Any) -> Crawl:
        """Run it to its end.

        If the job exists already, its budget and limit are changed to those given.
        """
        if "series" not in arguments:
            arguments.setdefault("job", "j")
        job = str(arguments.get("job", "j"))
        env = arguments.get("env")
        pairs = pairwise(options)
        settings = [word for option, word in pairs if option == "-s"]
        changed = [word for word in settings if word.partition("=")[0] in _OF_THE_JOB]
        if changed and self.server.client.exists(f"image_search:{job}:job"):
            put = self.command("tmapi", "enqueue", job, *_given(changed), env=env)
            assert put.exit_status == 0, put.log
        process = self.start(*options, **arguments)
        return self._exported(self._end_of(process, job), job, *_given(settings), env=env)

    def finish(self, process: Process, job: str = "j") -> Crawl:
        """Wait for it to end."""
        return self._exported(self._end_of(process, job), job)

    def _exported(
        self, done: Crawl, job: str, *settings: str, env: dict[str, str] | None = None
    ) -> Crawl:
        """Export the job, unless its worker was refused, crashed or was killed."""
        if done.exit_status not in {0, 3, 4} or "nothing was sent" in done.log:
            return done
        exported = self.command("tmapi", "export", job, *settings, env=env)
        assert exported.exit_status == 0, done.log + exported.log
        assert "Traceback" not in exported.log
        return attrs.evolve(done, exported=exported.stdout + exported.log)


def _given(settings: list[str]) -> list[str]:
    """Return settings as command-line arguments."""
    return [word for setting in settings for word in ("-s", setting)]
