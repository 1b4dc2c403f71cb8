"""Finds jobs and series on the disk, and the one that a user means."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from tmapi_spiders.errors import StorageError, UsageProblems, did_you_mean, shortened
from tmapi_spiders.inputs.job_names import is_job_name, series_of
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.system.input_file import read_limited
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FoundJob", "all_jobs", "find_job", "jobs_in_series", "last_reported", "require_series"]

_BACK = re.compile(r"(?P<series>[A-Za-z0-9_-]{1,64})~(?P<back>[0-9]{1,6})")
_SHOWN = 10
"""Names listed in a message."""

_LARGEST_TOLD = 4096
"""Bytes of a file that names two jobs."""


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
        """When its last run began: UTC, ISO 8601; "" if not known."""
        return str(self.facts.get("started_at") or "")

    @property
    def ended(self) -> str:
        """When its last run ended: UTC, ISO 8601; "" if it has not, or is not known."""
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
    """Return all jobs by when they began, the newest first, and damaged ones last."""
    try:
        folders = [path for path in output_dir.iterdir() if is_job_name(path.name)]
    except OSError:
        return []
    found = filter(None, map(FoundJob.read, folders))
    return sorted(found, key=lambda job: (job.began, job.name), reverse=True)


def jobs_in_series(series: str, output_dir: Path) -> list[FoundJob]:
    """Return the jobs of a series, the newest first; there may be none.

    They are ordered by name, since an old job may have been run again lately. A job whose job.json
    is missing or damaged is included, or a user who asks for the newest would unknowingly get the
    one before.
    """
    try:
        folders = [path for path in output_dir.iterdir() if series_of(path.name) == series]
    except OSError:
        return []
    jobs = [
        FoundJob.read(path) or FoundJob(path.name, path, {}) for path in folders if path.is_dir()
    ]
    return sorted(jobs, key=lambda job: job.name, reverse=True)


def last_reported(series: str, output_dir: Path) -> list[str]:
    """Return the jobs whose changes were reported last, as docs/examples/watch.sh notes them."""
    try:
        told = read_limited(output_dir / f"{series}.told", _LARGEST_TOLD)
        return told.decode("utf-8").split()
    except (OSError, ValueError):
        return []


def require_series(series: str, output_dir: Path) -> list[FoundJob]:
    """Return the jobs of a series, the newest first.

    :raises UsageProblems: if there are none
    """
    jobs = jobs_in_series(series, output_dir)
    if not jobs:
        find_job(series, output_dir)  # says what there is
        of = series_of(series)
        remedy = f"Its series is {of}." if of else "A crawl with -a series=NAME begins a series."
        raise UsageProblems(f"{series}: it is a job, not a series. {remedy}")
    return jobs


def find_job(given: str, output_dir: Path) -> Path:
    """Return the folder of the job that a user means.

    :param given: a job's name; a series' name (its newest job) or ``SERIES~N`` (the N-th before
        that); or a folder, if it contains a slash
    :param output_dir: the folder of all jobs
    :raises UsageProblems: if there is none
    """
    if "/" in given and "\0" not in given:
        with suppress(RuntimeError):  # ~nobody: there is no such home
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
    jobs = jobs_in_series(series, output_dir)
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
        "Redis is written there first: " + with_profile(f"scrapy tmapi export {series}")
    )


def _there_are(given: str, output_dir: Path) -> str:
    """Return which jobs and series there are, for a message."""
    if others := jobs_in_series(series_of(given) or "", output_dir):
        return f"Its series has {plural(len(others), 'job')}; the newest is {others[0].name}."
    jobs = all_jobs(output_dir)
    if not jobs:
        return "There are none at all; TMAPI_OUTPUT_DIR says where to look."
    names = list(dict.fromkeys(series_of(job.name) or job.name for job in jobs))
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"There are: {', '.join(names[:_SHOWN])}{more}.{did_you_mean(given, names)}"
