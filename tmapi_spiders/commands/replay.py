"""Queue a job's dead letters again and, with --failed, its failed queries."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tmapi_spiders.commands.exit_status import say
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.distributed.access import checked_server, worker_command
from tmapi_spiders.distributed.reopen import reopen
from tmapi_spiders.distributed.scheduler import is_shared
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.local.local_job import LocalJob
from tmapi_spiders.wording import dead_letters, plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from redis import Redis
    from scrapy.settings import BaseSettings

_NONE_HERE = (
    "it has no dead letter. To call what failed again, and read the rest again without a call:"
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
    """Queue them; return the exit status."""
    name: str = options.job
    if not is_shared(settings) and (here := LocalJob.find(name, settings)) is not None:
        kept = dead_letters(here.dead_letters) if here.dead_letters else _NONE_HERE
        print(f"{name}: {kept}\n    {here.command}")
        return EXIT_OK

    with checked_server(settings, name, partial(say, "replay")) as (server, _):
        print("\n".join(_queue(server, settings, name, failed=options.failed)))
    return EXIT_OK


def _queue(server: Redis, settings: BaseSettings, name: str, *, failed: bool) -> Iterator[str]:
    """Queue what is to be replayed; yield what is printed of it."""
    job = SharedJob.load(server, name, partial(kind_for, settings))
    found = reopen(server, job, failed=failed)
    if not (found.queries or found.others or found.pages):
        yield f"{name}: there is nothing to replay"
        if not failed:
            again = with_profile(f"scrapy tmapi replay {name} --failed")
            yield f"  To replay queries that failed without a dead letter: {again}"
        return
    letters = (
        f"{plural(found.queries, 'query', 'queries')} with a dead letter, which is read again at "
        "no cost"
    )
    if found.pages:
        letters += f", {plural(found.pages, 'page')} for the items that a pipeline failed on"
    yield (
        f"{name}: {letters}, and {plural(found.others, 'other')} that ended by an error are in the "
        "queue again"
    )
    workers = worker_command(settings, job.kind.name, name)
    yield f"  To work on them, start workers: {workers}"
