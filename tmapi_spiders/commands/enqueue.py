"""Put a job's seeds on Redis, for workers to crawl."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from scrapy.utils.conf import arglist_to_dict

from tmapi_spiders.arguments import Arguments
from tmapi_spiders.distributed.asking import ask, load_job
from tmapi_spiders.distributed.joining import enqueue
from tmapi_spiders.phrases import plural
from tmapi_spiders.run import EXIT_OK, EXIT_USAGE

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.config import Config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of the crawl."""
    parser.add_argument("job", help="the job's name; an existing one is added to")
    parser.add_argument(
        "-a",
        dest="spargs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the crawl (may be repeated)",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Put the seeds in; returns the exit status."""
    try:
        given = arglist_to_dict(options.spargs)
    except ValueError:
        print("enqueue: -a: accepted: NAME=VALUE.", file=sys.stderr)
        return EXIT_USAGE
    given["job"] = options.job

    def act(server: Redis, config: Config) -> int:
        print(_enqueue(server, settings, config, given))
        return EXIT_OK

    return ask("enqueue", settings, options.job, act, needs_token=True)


def _enqueue(server: Redis, settings: BaseSettings, config: Config, given: dict[str, str]) -> str:
    name = given["job"]
    if "seeds" not in given:
        job = load_job(server, name)
        job.check_arguments(given)
        job.check_settings(config, settings, update=True)
        job.update_settings(server, config, settings)
        return f"{name}: its settings are changed; start workers: {_worker(name)}"
    _, queries = Arguments.parse(given, streamed=True)
    job, new = enqueue(server, settings, config, given, queries, update=True)
    each = len(job.combinations)
    return (
        f"{name}: {plural(new * each, 'query', 'queries')} put in ({plural(new, 'new seed')} of "
        f"{len(queries.seeds):,}); start workers: {_worker(name)}"
    )


def _worker(name: str) -> str:
    return f"SCRAPY_PROJECT=distributed scrapy crawl image_search -a job={name}"
