"""Destination: the file that a user wants something written to."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tmapi_spiders.errors import StorageError, UsageProblems, did_you_mean
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.system.output_file import create, is_there, part_path, put_in_place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["keep_off_jobs", "part_of", "problems_of", "scratch_of", "to_path"]


def to_path(given: str, option: str = "-o") -> Path:
    """Return what a user gave as a path.

    :param option: what it was given by
    :raises UsageProblems: if it can't be one
    """
    try:
        path = Path(given).expanduser().absolute()
        is_there(path)
    except (OSError, RuntimeError, ValueError) as exc:  # too long, a closed folder, ~nobody, NUL
        raise UsageProblems(f"{option} {given!r}: it can't be the name of a file ({exc}).") from exc
    return path


def problems_of(given: str, path: Path, suffixes: Collection[str], option: str = "-o") -> list[str]:
    """Return why nothing can be written there.

    A name has to end as what is written does, so that no other file is replaced by mistake.

    >>> problems_of("x.txt", Path("/tmp/x.txt"), [".html"])
    ['-o x.txt: accepted: a name that ends in .html.']
    """
    if not given.strip() or "\0" in given or path.is_dir():
        return [f"{option} {given!r}: accepted: the name of a file; this is none."]
    if path.exists() and not path.is_file():
        return [f"{option} {given}: it is there, and no file; choose another name."]
    problems = []
    if not path.parent.is_dir():
        problems.append(f"{option} {given}: there is no folder {path.parent}; make it first.")
    if path.suffix.lower() not in suffixes:
        *most, last = suffixes
        accepted = f"{', '.join(most)} or {last}" if most else last
        meant = did_you_mean(path.suffix.lower(), suffixes)
        problems.append(f"{option} {given}: accepted: a name that ends in {accepted}.{meant}")
    return problems


def keep_off_jobs(path: Path, *jobs: JobFiles, option: str = "-o") -> None:
    """Make sure that no file of a job is replaced, nor the user's own list that it is crawled from.

    :raises UsageProblems: if that is what is to be written
    """
    if path.name in {PRODUCTS, SIGHTINGS, OUTCOMES} and read_job_json(path.parent):
        raise UsageProblems(f"{option} {path}: it is a file of a job. Choose another name.")
    for files in jobs:
        arguments = files.facts.get("arguments")
        seeds = arguments.get("seeds") if isinstance(arguments, dict) else None
        with suppress(OSError, RuntimeError, TypeError, ValueError):  # no file at all: images, say
            theirs = Path(str(files.facts.get("directory") or "")) / Path(str(seeds)).expanduser()
            if theirs.is_file() and path.exists() and theirs.samefile(path):
                raise UsageProblems(
                    f"{option} {path}: it is the list that the job {files.name} was crawled from, "
                    "and would be replaced. Choose another name."
                )


@contextmanager
def part_of(path: Path) -> Iterator[IO[bytes]]:
    """Give a new file beside *path* to write to; it takes its place if nothing is raised.

    Whenever it ends, and whatever one before it that was killed has left, nothing stays.

    :raises StorageError: if it can't be written; what was there is left as it was
    """
    part = part_path(path)
    try:
        _clear(path)
        with create(part) as file:
            yield file
            put_in_place(file, part, path)
    except OSError as exc:
        raise StorageError(
            f"{path}: it can't be written ({exc.strerror or exc}). Nothing was changed under that "
            "name; make room, or choose another one, and run the same command again."
        ) from exc
    finally:
        with suppress(OSError):
            _clear(path)


def scratch_of(path: Path) -> Path:
    """Return the name of the folder beside a file that is written, for temporary files."""
    return path.with_name(f"{path.name}.part.d")


def _clear(path: Path) -> None:
    """Remove what a run that was killed has left beside a file; of a link, the link alone."""
    part_path(path).unlink(missing_ok=True)
    scratch = scratch_of(path)
    if scratch.is_symlink():
        scratch.unlink()
    shutil.rmtree(scratch, ignore_errors=True)
