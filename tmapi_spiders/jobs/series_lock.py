"""The lock of a series, whose jobs don't overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.job_names import UNNAMED
from tmapi_spiders.jobs.job import LOCK

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lock_series"]


def lock_series(series: str | None, output_dir: Path) -> FileLock | None:
    """Keep other processes from running a job of a series; return the lock, to be released.

    :param series: None and :data:`~tmapi_spiders.inputs.job_names.UNNAMED` are not locked
    :raises UsageProblems: if a job of the series is running
    :raises StorageError: if the folder of all jobs can't be used
    """
    if series is None or series == UNNAMED:
        return None
    lock = FileLock(output_dir / f".{series}{LOCK}")
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise UsageProblems(
            f"series={series}: a job of it is running now, and they must not overlap. Wait for it: "
            f"scrapy tmapi jobs {series}"
        ) from None
    except OSError as exc:
        raise StorageError(f"{output_dir}: it can't be used ({exc.strerror or exc}).") from exc
    return lock
