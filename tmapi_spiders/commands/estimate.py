"""Say how many queries a crawl has, and the least and most calls, without sending anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tmapi_spiders.commands.spider_arguments import add_spider_arguments, given_arguments
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.estimate import Estimate
from tmapi_spiders.phrases import plural
from tmapi_spiders.prepare import read_given
from tmapi_spiders.run import EXIT_OK, EXIT_STOPPED, EXIT_USAGE

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of the crawl."""
    parser.add_argument("job", nargs="?", help="an existing job, whose arguments are taken over")
    add_spider_arguments(parser)


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Print the estimate; returns the exit status."""
    try:
        given = given_arguments(options)
        config, _, arguments, queries = read_given(settings, given, needs_token=False)
        folder = config.output_dir / arguments.job if arguments.job else None
        estimate = Estimate.of_job(config, arguments, queries, folder)
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STOPPED)
    name = arguments.job or "a new job"
    print(f"{name}: {plural(len(queries), 'query', 'queries')} ({queries.describe()})")
    print("\n".join(estimate.lines()))
    return EXIT_OK


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        print(f"estimate: {problem}", file=sys.stderr)
    return status
