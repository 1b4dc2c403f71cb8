"""Prepares a run: checks and opens everything before anything is sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tmapi_spiders.config.settings import Config
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.job_names import is_job_name, series_of
from tmapi_spiders.inputs.python_values import as_text
from tmapi_spiders.inputs.seed_files.seed_file import STDIN
from tmapi_spiders.inputs.spider_kind import SpiderKind
from tmapi_spiders.jobs import resume
from tmapi_spiders.jobs.archive import ARCHIVE, Archive
from tmapi_spiders.jobs.conversions import Conversions
from tmapi_spiders.jobs.job import Job
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.jobs.series_lock import lock_series
from tmapi_spiders.local.local_run import LocalRun
from tmapi_spiders.system.file_limit import check_file_limit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy.settings import BaseSettings

    from tmapi_spiders.inputs.queries import Queries

__all__ = ["prepare_run", "read_given"]

_OUR_OWN = SpiderKind()

_SOME_IMAGE = "/search/placeholder.jpg"


def prepare_run(
    settings: BaseSettings,
    given: Mapping[str, Any],
    kind: SpiderKind = _OUR_OWN,
    begun_by: Sequence[str] | None = None,
) -> LocalRun:
    """Check settings and arguments, lock the job and open its archive; send nothing.

    :param given: the spider's arguments, as ``-a`` or a script gives them
    :param kind: the spider's
    :param begun_by: the command that continues the job, in words and without its arguments (by
        default ``scrapy crawl NAME``); empty for a script
    :raises UsageProblems: with all that is wrong
    :raises StorageError: if the job's folder or archive can't be used
    """
    config, given, arguments, queries = read_given(settings, given, kind)
    check_file_limit(config.max_concurrency)
    conversions = Conversions.of(config)
    conversions.check()
    series = arguments.series or series_of(arguments.job or "")
    lock = lock_series(series, config.output_dir)
    try:
        job = _open_job(config, arguments, given, kind)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    job.series_lock = lock
    try:
        archive = Archive.open(job.folder / ARCHIVE, config.source, must_exist=job.has_run)
    except BaseException:
        job.release()
        raise

    def command(budget: int | None) -> str:
        # Once job.json is written, it has the arguments, except seeds that can't be read again.
        whole = {name: value for name, value in given.items() if name != "series"}
        is_kept = job.arguments_stored and whole.get("seeds") != STDIN
        needed = {} if is_kept else whole
        words = ("scrapy", "crawl", kind.name) if begun_by is None else begun_by
        return resume.command(words, settings, needed | {"job": job.name}, budget)

    return LocalRun(
        config,
        arguments,
        queries,
        job,
        archive=archive,
        conversions=conversions,
        command=command,
    )


def _open_job(
    config: Config, arguments: Arguments, given: Mapping[str, Any], kind: SpiderKind
) -> Job:
    while True:
        job = Job(arguments.job_name(), config.output_dir, config.source, given, kind)
        if job.open(new=arguments.job is None):
            return job
        time.sleep(0.1)  # until the next second, which a new name is made of


def read_given(
    settings: BaseSettings,
    given: Mapping[str, Any],
    kind: SpiderKind = _OUR_OWN,
    *,
    needs_token: bool = True,
) -> tuple[Config, dict[str, Any], Arguments, Queries]:
    """Read settings and arguments, with those of an existing job if only its name is given.

    :param given: the spider's arguments, as ``-a`` or a script gives them
    :param kind: the spider's; that of an existing job must be the same
    :param needs_token: whether calls will be made
    :return: the configuration, the arguments as text (given or stored) and as read, the queries
    :raises UsageProblems: with all that is wrong
    :raises StorageError: if job.json can't be read
    """
    whole = as_text(given, Arguments.model_fields)
    problems: list[str] = []
    config = None
    try:
        config = Config.from_settings(settings, needs_token=needs_token)
        if is_job_name(name := whole.get("job")):
            kind.check(name, read_job_json(config.output_dir / name))
        whole = resume.with_stored_arguments(whole, config.output_dir)
    except UsageProblems as exc:
        problems += exc.problems
        # The seeds were to come from the job: check only the other arguments.
        if is_job_name(whole.get("job")) and "seeds" not in whole:
            without = {"columns", "sheet"}
            whole = {name: value for name, value in whole.items() if name not in without}
            whole["seeds"] = _SOME_IMAGE
    try:
        rates = config.rates if config is not None else None
        arguments, queries = kind.arguments_model.parse(whole, rates=rates)
    except UsageProblems as exc:
        problems += exc.problems
    if "keep_alive" in whole:
        problems.append("keep_alive: it is for workers (SCRAPY_PROJECT=distributed); leave it out.")
    if problems or config is None:
        raise UsageProblems(*problems)
    return config, whole, arguments, queries
