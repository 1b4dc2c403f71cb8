"""The path that a user names for a table, a page or changes, and whether it may be written."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tmapi_spiders.errors import UsageProblems, did_you_mean
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.system.output_path import path_exists

if TYPE_CHECKING:
    from collections.abc import Collection

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["problems_of", "refuse_job_files", "to_path"]


def to_path(given: str, option: str = "-o") -> Path:
    """Return the path that a user gave.

    :param option: the option that it was given with
    :raises UsageProblems: if it can't be a path
    """
    try:
        path = Path(given).expanduser().absolute()
        path_exists(path)
    except (OSError, RuntimeError, ValueError) as exc:  # too long, a closed folder, ~nobody, NUL
        raise UsageProblems(f"{option} {given!r}: it can't be the name of a file ({exc}).") from exc
    return path


def problems_of(given: str, path: Path, suffixes: Collection[str], option: str = "-o") -> list[str]:
    """Return why a path can't be written, one message a reason.

    Its suffix has to fit what is written, so that no other file is replaced by mistake.

    >>> problems_of("x.txt", Path("/tmp/x.txt"), [".html"])
    ['-o x.txt: accepted: a name that ends in .html.']
    """
    if not given.strip() or "\0" in given or path.is_dir():
        return [f"{option} {given!r}: accepted: the name of a file; this isn't one."]
    if path.exists() and not path.is_file():
        return [f"{option} {given}: it exists, and isn't a file; choose another name."]
    problems = []
    if not path.parent.is_dir():
        problems.append(f"{option} {given}: there is no folder {path.parent}; make it first.")
    if path.suffix.lower() not in suffixes:
        *most, last = suffixes
        accepted = f"{', '.join(most)} or {last}" if most else last
        meant = did_you_mean(path.suffix.lower(), suffixes)
        problems.append(f"{option} {given}: accepted: a name that ends in {accepted}.{meant}")
    return problems


def refuse_job_files(path: Path, *jobs: JobFiles, option: str = "-o") -> None:
    """Refuse to replace a job's own file, or the seeds file that one of *jobs* was crawled from.

    :raises UsageProblems: if it is
    """
    if path.name in {PRODUCTS, SIGHTINGS, OUTCOMES} and read_job_json(path.parent):
        raise UsageProblems(f"{option} {path}: it is a file of a job. Choose another name.")
    for files in jobs:
        arguments = files.facts.get("arguments")
        seeds = arguments.get("seeds") if isinstance(arguments, dict) else None
        with suppress(OSError, RuntimeError, TypeError, ValueError):  # not a file: images, say
            theirs = Path(str(files.facts.get("directory") or "")) / Path(str(seeds)).expanduser()
            if theirs.is_file() and path.exists() and theirs.samefile(path):
                raise UsageProblems(
                    f"{option} {path}: it is the list that the job {files.name} was crawled from, "
                    "and would be replaced. Choose another name."
                )
