"""Count the queries of a crawl, and its fewest and most calls; sends nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tmapi_spiders.commands.spider_arguments import add_spider_arguments, given_arguments
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.job_names import is_job_name
from tmapi_spiders.inputs.plan import describe_crawl, remarks
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.local.estimate import Estimate
from tmapi_spiders.local.preparation import read_given

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of the crawl."""
    parser.add_argument("job", nargs="?", help="an existing job, whose arguments are used")
    add_spider_arguments(parser)


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Print the estimate; return the exit status."""
    given = given_arguments(options)
    kind = kind_for(settings, _facts_of(given, settings), options.spider)
    config, _, arguments, queries = read_given(settings, given, kind, needs_token=False)
    folder = config.output_dir / arguments.job if arguments.job else None
    estimate = Estimate.of_job(config, arguments, queries, folder)
    name = arguments.job or "a new job"
    print(f"{name}: {describe_crawl(queries)}")
    print("\n".join(estimate.lines()))
    for line in remarks(queries, arguments, config.rates, config.dedupe):
        print(line)
    return EXIT_OK


def _facts_of(given: Mapping[str, str], settings: BaseSettings) -> dict[str, Any]:
    """Return what job.json says of the job; {} if there is none."""
    if not is_job_name(name := given.get("job")):
        return {}
    with suppress(UsageProblems):  # raised again by the next step, with every other problem
        config = Config.from_settings(settings, needs_token=False)
        return read_job_json(config.output_dir / name)
    return {}
