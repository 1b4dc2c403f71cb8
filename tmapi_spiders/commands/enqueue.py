"""Put a job's seeds on Redis for workers to crawl."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tmapi_spiders.commands.exit_status import say, stoppable
from tmapi_spiders.commands.spider_arguments import add_spider_arguments, given_arguments
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.distributed.access import checked_server, worker_command
from tmapi_spiders.distributed.join import enqueue
from tmapi_spiders.distributed.shared_job import SharedJob, facts_of
from tmapi_spiders.inputs.plan import describe_added, remarks
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.config.settings import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of the crawl."""
    parser.add_argument("job", help="the job's name; seeds are added to an existing job")
    add_spider_arguments(parser)


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Put the seeds on Redis; return the exit status."""
    with (
        stoppable("interrupted. Give the same command again: no seed is put in twice."),
        checked_server(
            settings, options.job, partial(say, "enqueue"), needs_token=True, adds=True
        ) as (server, config),
    ):
        print(_enqueue(server, settings, config, options))
    return EXIT_OK


def _enqueue(
    server: Redis, settings: BaseSettings, config: Config, options: argparse.Namespace
) -> str:
    given = given_arguments(options)
    name = given["job"]
    facts = facts_of(server, name)
    kind = kind_for(settings, facts, options.spider)
    kind.check(name, facts)
    workers = worker_command(settings, kind.name, name)
    if "seeds" not in given:
        job = SharedJob.load(server, name, lambda _: kind)
        job.check_arguments(given)
        job.check_settings(config, settings, update=True)
        job.update_settings(server, config, settings)
        return f"{name}: its settings are changed; start workers: {workers}"
    _, queries = kind.arguments_model.parse(given, streamed=True, rates=config.rates)
    job, fed = enqueue(server, settings, config, given, queries, kind=kind, update=True)
    lines = [f"{name}: {describe_added(queries, fed.queries, fed.seeds)}"]
    lines[0] += f"; start workers: {workers}"
    if fed.differing:
        are = "is" if fed.differing == 1 else "are"
        lines.append(
            f"  warning: {plural(fed.differing, 'seed')} {are} in the job already, with another "
            "row; what the job has stays as it was"
        )
    lines += remarks(queries, job.arguments, config.rates, job.dedupe, by_workers=True)
    return "\n".join(lines)
