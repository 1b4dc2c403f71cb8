"""Series on the disk: which jobs there are, and which one a user means."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from tmapi_spiders.errors import StorageError, UsageProblems, did_you_mean, shortened
from tmapi_spiders.inputs.job_names import is_job_name, series_of
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.jobs.resume import in_project
from tmapi_spiders.system.input_file import read_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FoundJob", "all_jobs", "find_job", "jobs_of", "series_jobs", "told_last"]

_BACK = re.compile(r"(?P<series>[A-Za-z0-9_-]{1,64})~(?P<back>[0-9]{1,6})")
_SHOWN = 10

#: Bytes of a file that names two jobs.
_LARGEST_TOLD = 4096


@attrs.frozen
class FoundJob:
    """A job in the folder of all jobs."""

    name: str
    folder: Path
    facts: Mapping[str, Any]
    """What job.json says."""
    problem: str = ""
    """Why job.json can't be read; "" if it can."""

    @property
    def began(self) -> str:
        """When its last run began: UTC, ISO 8601; "" if that is not known."""
        return str(self.facts.get("started_at") or "")

    @property
    def ended(self) -> str:
        """When its last run ended: UTC, ISO 8601; "" if it has not, or that is not known."""
        return str(self.facts.get("finished_at") or "")

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the job in a folder; None if there is none."""
        try:
            facts = read_job_json(folder)
        except StorageError as exc:
            return cls(folder.name, folder, {}, str(exc))
        return cls(folder.name, folder, facts) if facts else None


def all_jobs(output_dir: Path) -> list[FoundJob]:
    """Return all jobs, in the order of when they began, the newest first; last those damaged."""
    try:
        folders = [path for path in output_dir.iterdir() if is_job_name(path.name)]
    except OSError:
        return []
    found = filter(None, map(FoundJob.read, folders))
    return sorted(found, key=lambda job: (job.began, job.name), reverse=True)


def jobs_of(series: str, output_dir: Path) -> list[FoundJob]:
    """Return the jobs of a series, the newest first; there may be none.

    Their names tell the order: when one last ran does not. One whose job.json is missing or damaged
    counts, too: who asks for the newest must not get the one before it unawares.
    """
    try:
        folders = [path for path in output_dir.iterdir() if series_of(path.name) == series]
    except OSError:
        return []
    jobs = [
        FoundJob.read(path) or FoundJob(path.name, path, {}) for path in folders if path.is_dir()
    ]
    return sorted(jobs, key=lambda job: job.name, reverse=True)


def told_last(series: str, output_dir: Path) -> list[str]:
    """Return the jobs whose changes were told last, as docs/examples/watch.sh notes them."""
    try:
        told = read_whole(output_dir / f"{series}.told", _LARGEST_TOLD)
        return told.decode("utf-8").split()
    except (OSError, ValueError):
        return []


def series_jobs(series: str, output_dir: Path) -> list[FoundJob]:
    """Return the jobs of a series, the newest first.

    :raises UsageProblems: if there are none
    """
    jobs = jobs_of(series, output_dir)
    if not jobs:
        find_job(series, output_dir)  # says what there is
        of = series_of(series)
        remedy = (
            f"Its series is {of}." if of else "A series is begun by a crawl with -a series=NAME."
        )
        raise UsageProblems(f"{series}: it is a job, and no series. {remedy}")
    return jobs


def find_job(given: str, output_dir: Path) -> Path:
    """Return the folder of the job that a user means.

    :param given: a job's name; a series' name (its newest job) or ``SERIES~N`` (the N-th before
        that); or a folder, which has a slash in it
    :param output_dir: the folder of all jobs
    :raises UsageProblems: if there is none
    """
    if "/" in given and "\0" not in given:
        with suppress(RuntimeError):  # of nobody's home
            return Path(given).expanduser()
        return Path(given)
    back = _BACK.fullmatch(given)
    if not back and not is_job_name(given):
        raise UsageProblems(
            f"{shortened(given)}: accepted: a job's name (letters, digits, _ and -), a series' "
            "name (its newest job), SERIES~1 (the one before), or a job's folder."
        )
    folder = output_dir / given
    if not back and (read_job_json(folder) or (series_of(given) and folder.is_dir())):
        return folder
    series, number = (back["series"], int(back["back"])) if back else (given, 0)
    jobs = jobs_of(series, output_dir)
    if number < len(jobs):
        return jobs[number].folder
    if jobs:
        raise UsageProblems(
            f"{given}: the series has {len(jobs)} jobs: {series} is the newest, "
            f"{series}~{len(jobs) - 1} the oldest."
            if len(jobs) > 1
            else f"{given}: the series has one job: {series}."
        )
    raise UsageProblems(
        f"{given}: there is no such job in {output_dir}. {_there_are(given, output_dir)} A job on "
        "Redis is written there first: " + in_project(f"scrapy tmapi export {series}")
    )


def _there_are(given: str, output_dir: Path) -> str:
    """Say which jobs and series there are."""
    if others := jobs_of(series_of(given) or "", output_dir):
        there_are = "is 1 job" if len(others) == 1 else f"are {len(others)} jobs"
        return f"Of its series there {there_are}, the newest is {others[0].name}."
    jobs = all_jobs(output_dir)
    if not jobs:
        return "There is none there at all; TMAPI_OUTPUT_DIR says where to look."
    names = list(dict.fromkeys(series_of(job.name) or job.name for job in jobs))
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"There are: {', '.join(names[:_SHOWN])}{more}.{did_you_mean(given, names)}"
