"""Have a job's dead letters, and what failed besides, worked on once more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tmapi_spiders.distributed.asking import ask
from tmapi_spiders.distributed.reopening import reopen
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.phrases import plural
from tmapi_spiders.run import EXIT_OK
from tmapi_spiders.spider_kind import kind_for

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="the job's name")
    parser.add_argument(
        "--failed",
        action="store_true",
        help="also the queries that failed, or ended partial by an error: they cost calls again",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Put them into the queue; returns the exit status."""
    name: str = options.job

    def act(server: Redis, config: Config) -> int:  # noqa: ARG001
        job = SharedJob.load(server, name, partial(kind_for, settings))
        replayed, others = reopen(server, job, failed=options.failed)
        print(
            f"{name}: {plural(replayed, 'query', 'queries')} with a dead letter, which is read "
            f"again at no cost, and {plural(others, 'other')} that ended by an error are in the "
            "queue again"
        )
        if replayed or others:
            print(
                "  To have them worked on, start workers: "
                f"scrapy crawl {job.kind.name} -a job={name}"
            )
        elif not options.failed:
            print(f"  What failed without a dead letter: scrapy tmapi replay {name} --failed")
        return EXIT_OK

    return ask("replay", settings, name, act)
