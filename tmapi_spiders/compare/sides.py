"""Chooses the two jobs to compare, and checks that they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.compare.history import LOOK_BACK
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.job_names import ahead_of_clock, series_of
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.job_files import JobFiles
from tmapi_spiders.jobs.series import find_job, jobs_in_series, require_series

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Sides", "choose_sides"]

_ANYWAY = "To compare it anyway: --incomplete-ok"


@attrs.frozen
class Sides:
    """An old job and a new one."""

    old: JobFiles | None
    """None if the new one is the first of its series, a baseline."""
    new: JobFiles
    warnings: tuple[str, ...] = ()
    earlier: tuple[JobFiles, ...] = ()
    """The jobs before the new one, the newest first and the old one among them; in a series, those
    that can be compared."""


def choose_sides(given: Sequence[str], output_dir: Path, *, incomplete_ok: bool) -> Sides:
    """Return the jobs that the user named, checked.

    :param given: an old job and a new one, each as in
        :func:`~tmapi_spiders.jobs.series.find_job`; or one series, for its last two jobs
    :param incomplete_ok: accept jobs that were stopped early or lack their outcomes
    :raises UsageProblems: with all problems
    :raises StorageError: if a job.json can't be read
    """
    warnings: list[str] = []
    if len(given) == 1:
        old, new, warnings = _last_two(given[0], output_dir)
    else:
        old, new = (JobFiles.open(one, output_dir, needs_facts=False) for one in given)
    problems: list[str] = []
    for side in filter(None, (old, new)):
        if ahead := ahead_of_clock(side.folder.name):
            warnings.append(ahead)
        found = _problem_of(side)
        if not found:
            continue
        if incomplete_ok:
            warnings.append(f"{side.name}: {found}")
        else:
            problems.append(f"{side.name}: {found}. {_ANYWAY}")
    if old is not None:
        problems += _mismatches(old, new)
        series = series_of(old.name)
        if series and series == series_of(new.name) and old.name > new.name:
            warnings.append(f"{old.name} is the newer one: give the old job first")
    if problems:
        raise UsageProblems(*problems)
    earlier = () if old is None else _earlier(old, new, output_dir)
    return Sides(old, new, tuple(warnings), earlier)


def _earlier(old: JobFiles, new: JobFiles, output_dir: Path) -> tuple[JobFiles, ...]:
    """Return the jobs whose readings to compare with: the old one, and others of its series."""
    first, last = old.folder.name, new.folder.name
    series = series_of(last)
    places = {side.folder.resolve().parent for side in (old, new)}
    is_series = series is not None and series == series_of(first) and first < last
    if not is_series or places != {output_dir.resolve()}:
        return (old,)
    others = [
        JobFiles(job.name, job.folder, job.facts)
        for job in jobs_in_series(series or "", output_dir)
        if job.name < last and job.name != first
    ]
    found = [
        old,
        *(job for job in others if not _problem_of(job) and not _mismatches(job, new)),
    ]
    found.sort(key=lambda job: job.folder.name, reverse=True)
    return tuple(found[: found.index(old) + 1 + LOOK_BACK])


def _last_two(series: str, output_dir: Path) -> tuple[JobFiles | None, JobFiles, list[str]]:
    """Return the last two jobs of a series, and warnings about their order.

    The old one is None if the series has one job.
    """
    if "/" in series or "~" in series:
        raise UsageProblems(f"{series}: accepted: an old job and a new one, or a series' name.")
    if not jobs_in_series(series, output_dir):
        job = find_job(series, output_dir).name
        whole = f"its series: {series_of(job)}" if series_of(job) else "a series (-a series=NAME)"
        raise UsageProblems(
            f"{job}: it is a job, not a series. Accepted: an old job and a new one "
            f"(scrapy tmapi compare OLD {job}), or {whole}, whose last two are compared."
        )
    jobs = require_series(series, output_dir)
    files = [JobFiles.open(job.name, output_dir, needs_facts=False) for job in jobs[:2]]
    newest = max(jobs, key=lambda job: (job.began, job.name))
    warnings = []
    if newest.name != jobs[0].name:
        warnings.append(
            f"{newest.name} ran after {jobs[0].name}, which is the newer by name: it was "
            "continued, or the clock was set back. Name both jobs to compare others"
        )
    return (files[1] if len(files) > 1 else None), files[0], warnings


def _problem_of(side: JobFiles) -> str:
    """Return why a job is incomplete; "" if it is not."""
    facts = side.facts
    if not facts:
        return f"{side.folder} has no job.json, which would say how it ended"
    if facts.get("running"):
        return "it is running, or was killed; continue it first"
    if not (side.folder / OUTCOMES).is_file():
        return "it has no outcomes.jsonl, which would say how its queries ended"
    if missing := [name for name in (PRODUCTS, SIGHTINGS) if not (side.folder / name).is_file()]:
        return f"it has no {' and no '.join(missing)}"
    if facts.get("stop_reason"):
        return f"it was stopped early ({facts['stop_reason']}), so some queries were not made"
    return ""


def _mismatches(old: JobFiles, new: JobFiles) -> list[str]:
    sources: list[Any] = [side.facts.get("source") for side in (old, new)]
    if old.facts and new.facts and sources[0] != sources[1]:
        which = f"{old.name} is of {sources[0]}, {new.name} of {sources[1]}"
        return [f"{which}: jobs of two sources can't be compared."]
    if old.folder.resolve() == new.folder.resolve():
        return [f"{old.name}: it is the same job twice. Accepted: an old job and a new one."]
    return []
