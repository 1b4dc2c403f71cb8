"""Delete old jobs of a series, after asking; the newest stay."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tmapi_spiders.commands.exit_status import say, stoppable
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_OK, EXIT_USAGE
from tmapi_spiders.errors import StorageError, UsageProblems, shortened
from tmapi_spiders.inputs.argument_values import count
from tmapi_spiders.inputs.job_names import ahead_of_clock, series_of
from tmapi_spiders.jobs.job import LOCK
from tmapi_spiders.jobs.series import last_reported, require_series
from tmapi_spiders.wording import plural, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection
    from pathlib import Path

    from scrapy.settings import BaseSettings

    from tmapi_spiders.jobs.series import FoundJob

_DELETED = ".deleted"

#: Characters of a problem, which may quote job.json.
_LONGEST_PROBLEM = 400

#: Reads a number of jobs or days.
_read_number = count(1, 99_999)

#: The orders by which one job is newer than another.
_MEASURES = (attrgetter("name"), attrgetter("began"), attrgetter("ended"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their values are checked by `run`."""
    parser.add_argument("series", help="the series' name")
    parser.add_argument("--keep", metavar="N", help="keep the newest N jobs")
    parser.add_argument(
        "--older-than", metavar="DAYS", help="delete only jobs that began more than DAYS days ago"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Delete the jobs once the user agrees; return the exit status."""
    with stoppable("interrupted; the rest is as it was."):
        try:
            return _prune(options, settings)
        except OSError as exc:
            raise StorageError(str(exc)) from exc


def _prune(options: argparse.Namespace, settings: BaseSettings) -> int:
    config = Config.from_settings(settings, needs_token=False)
    keep, days = _numbers(options)
    jobs = require_series(options.series, config.output_dir)
    problems = [*(job.problem for job in jobs), ahead_of_clock(jobs[0].name)]
    say("prune", *(printable(problem, _LONGEST_PROBLEM) for problem in problems if problem))
    old = _old(jobs, keep, days, last_reported(options.series, config.output_dir))
    if not old:
        print(f"{options.series}: nothing to delete: {plural(len(jobs), 'job')} kept.")
        return EXIT_OK
    if not options.yes and not _agreed(options.series, old, len(jobs) - len(old)):
        print(f"{options.series}: nothing was deleted.")
        return EXIT_USAGE
    _clear(options.series, config.output_dir)
    busy = [job.name for job in old if not _delete(job)]
    for name in busy:
        say("prune", f"{name}: it is running, or a link, and is kept.")
    deleted = len(old) - len(busy)
    left = len(jobs) - deleted
    print(f"{options.series}: {plural(deleted, 'job')} deleted, {plural(left, 'job')} kept.")
    return EXIT_OK


def _numbers(options: argparse.Namespace) -> tuple[int, int | None]:
    """Return the fewest jobs to keep, and the days of ``--older-than``.

    :raises UsageProblems: with all that is wrong
    """
    given = {"--keep": options.keep, "--older-than": options.older_than}
    problems = []
    numbers: dict[str, int] = {}
    for name, value in given.items():
        try:
            if value is not None:
                numbers[name] = _read_number(value)
        except ValueError as exc:
            problems.append(f"{name} {shortened(value)}: {exc}")
    if options.keep is None and options.older_than is None:
        problems.append("which jobs? Give --keep N, or --older-than DAYS, or both.")
    if problems:
        raise UsageProblems(*problems)
    return numbers.get("--keep", 1), numbers.get("--older-than")


def _old(
    jobs: list[FoundJob], keep: int, days: int | None, told: Collection[str]
) -> list[FoundJob]:
    """Return the jobs to delete, oldest first.

    A job is old only if it is old by its name, by when it began and by when it ended. These
    disagree where the clock was set back or a job was continued.

    :param keep: number of ended jobs to keep, along with the unended ones among them
    :param told: the jobs whose changes were delivered last: the next comparison is with them
    """
    kept = set(told)
    for measure in _MEASURES:
        order = sorted(jobs, key=lambda job: (measure(job), job.name), reverse=True)
        ended = [number for number, job in enumerate(order) if job.ended]
        newest = order[: ended[keep - 1] + 1] if len(ended) >= keep else order
        kept |= {job.name for job in newest}
    old = [job for job in jobs if job.name not in kept]
    if days is not None:
        before = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y%m%dT%H%M%SZ")
        old = [job for job in old if job.name.rpartition("-")[2] < before]
    return old[::-1]


def _agreed(series: str, old: list[FoundJob], kept: int) -> bool:
    if not sys.stdin.isatty():
        raise UsageProblems(
            f"{series}: there is no terminal to ask on. To delete the jobs without asking: --yes"
        )
    print(f"{series}: to be deleted, with the answers paid for (archive.sqlite):")
    for job in old:
        print(f"  {job.folder}")
    try:
        answer = input(f"{plural(kept, 'job')} will be kept. Delete these? [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in {"y", "yes"}


def _clear(series: str, output_dir: Path) -> None:
    """Delete what interrupted deletions have left."""
    for path in output_dir.glob(f".*{_DELETED}"):
        if series_of(path.name.removesuffix(_DELETED)[1:]) == series:
            shutil.rmtree(path)


def _delete(job: FoundJob) -> bool:
    """Delete a job's folder; return False if a process is using it, or it is a link.

    The folder is renamed first: an interrupted deletion leaves no half of a job behind.
    """
    if job.folder.is_symlink():
        return False
    lock = FileLock(job.folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    try:
        gone = job.folder.with_name(f".{job.name}{_DELETED}")
        if gone.exists():
            shutil.rmtree(gone)
        job.folder.rename(gone)
    finally:
        lock.release()
    shutil.rmtree(gone)
    return True
