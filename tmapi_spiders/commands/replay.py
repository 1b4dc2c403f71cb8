"""Have a job's dead letters, and what failed besides, worked on once more."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.distributed.access import ask
from tmapi_spiders.distributed.reopen import reopen
from tmapi_spiders.distributed.scheduler import is_shared
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.local.local_job import LocalJob
from tmapi_spiders.wording import dead_letters, plural

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.config.settings import Config


_NONE_HERE = (
    "it has no dead letter. What failed is asked again, and all else read again without a call, by:"
)


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
    if not is_shared(settings) and (here := LocalJob.find(name, settings)) is not None:
        kept = dead_letters(here.dead_letters) if here.dead_letters else _NONE_HERE
        print(f"{name}: {kept}\n    {here.command}")
        return EXIT_OK

    def act(server: Redis, config: Config) -> int:  # noqa: ARG001
        job = SharedJob.load(server, name, partial(kind_for, settings))
        found = reopen(server, job, failed=options.failed)
        letters = (
            f"{plural(found.queries, 'query', 'queries')} with a dead letter, which is read again "
            "at no cost"
        )
        if found.pages:
            letters += f", {plural(found.pages, 'page')} for the items that a pipeline failed on"
        print(
            f"{name}: {letters}, and {plural(found.others, 'other')} that ended by an error are in "
            "the queue again"
        )
        if found.queries or found.others or found.pages:
            print(
                "  To have them worked on, start workers: "
                f"scrapy crawl {job.kind.name} -a job={name}"
            )
        elif not options.failed:
            print(f"  What failed without a dead letter: scrapy tmapi replay {name} --failed")
        return EXIT_OK

    return ask("replay", settings, name, act)
