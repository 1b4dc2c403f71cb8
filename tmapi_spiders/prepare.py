"""Preparing a run: everything is checked and opened before anything is sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tmapi_spiders import resume
from tmapi_spiders.archive import ARCHIVE, Archive
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.config import Config
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.job import Job
from tmapi_spiders.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings

__all__ = ["prepare_run"]


def prepare_run(
    settings: BaseSettings,
    given: Mapping[str, Any],
    arguments_model: type[Arguments] = Arguments,
    spider: str = "image_search",
) -> Run:
    """Check settings and arguments, take hold of the job and open its archive; send nothing.

    :param given: the spider's arguments as ``-a`` gives them
    :param spider: the spider's name
    :raises UsageProblems: with all that is wrong
    :raises StorageError: if the job's folder or archive can't be used
    """
    # scrapyd gives each crawl a "_job" of its own.
    given = {name: value for name, value in given.items() if not name.startswith("_")}
    problems: list[str] = []
    try:
        config = Config.from_settings(settings)
        given = resume.with_stored_arguments(given, config.output_dir)
    except UsageProblems as exc:
        problems += exc.problems
    try:
        arguments, queries = arguments_model.parse(given)
    except UsageProblems as exc:
        problems += resume.without_seeds_problem(exc.problems, given if problems else {})
    if problems:
        raise UsageProblems(*problems)
    while True:
        job = Job(arguments.job_name(), config.output_dir, config.source, given)
        if job.open(new=arguments.job is None):
            break
        time.sleep(0.1)  # new names are by the second
    try:
        archive = Archive.open(job.folder / ARCHIVE, config.source, must_exist=job.has_run)
    except BaseException:
        job.release()
        raise

    def command(budget: int | None) -> str:
        # Once job.json is written, it has the rest.
        whole = {name: value for name, value in given.items() if name != "series"}
        needed = {} if job.arguments_stored else whole
        return resume.command(spider, settings, needed | {"job": job.name}, budget)

    run = Run(config, arguments, queries, job, archive=archive, command=command)
    try:
        run.conversions.check()
    except BaseException:
        archive.close()
        job.release()
        raise
    return run
