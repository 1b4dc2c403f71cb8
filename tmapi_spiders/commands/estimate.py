"""Say how many queries a crawl has, and the least and most calls, without sending anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from scrapy.utils.conf import arglist_to_dict

from tmapi_spiders import resume
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.config import Config
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.estimate import Estimate
from tmapi_spiders.phrases import plural

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

EXIT_OK = 0
EXIT_USAGE = 2
EXIT_STORAGE = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of the crawl."""
    parser.add_argument("job", nargs="?", help="an existing job, whose arguments are taken over")
    parser.add_argument(
        "-a",
        dest="spargs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of the crawl (may be repeated)",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Print the estimate; returns the exit status."""
    problems: list[str] = []
    config = None
    try:
        given = arglist_to_dict(options.spargs)
    except ValueError:
        return _refuse("-a: accepted: NAME=VALUE.")
    if options.job is not None:
        given["job"] = options.job
    try:
        config = Config.from_settings(settings, needs_token=False)
        given = resume.with_stored_arguments(given, config.output_dir)
    except UsageProblems as exc:
        problems += exc.problems
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STORAGE)
    try:
        arguments, queries = Arguments.parse(given)
    except UsageProblems as exc:
        problems += resume.without_seeds_problem(exc.problems, given if problems else {})
    if problems or config is None:
        return _refuse(*problems)
    folder = config.output_dir / arguments.job if arguments.job else None
    try:
        estimate = Estimate.of_job(config, arguments, queries, folder)
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STORAGE)
    name = arguments.job or "a new job"
    print(f"{name}: {plural(len(queries), 'query', 'queries')} ({queries.describe()})")
    print("\n".join(estimate.lines()))
    return EXIT_OK


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        print(f"estimate: {problem}", file=sys.stderr)
    return status
