"""The lock of a series: its jobs don't overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.job_names import UNNAMED
from tmapi_spiders.jobs.job import LOCK

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["hold_series"]


def hold_series(series: str | None, output_dir: Path) -> FileLock | None:
    """Let no other process run a job of a series, until the lock that is returned is released.

    :param series: None and :data:`~tmapi_spiders.inputs.job_names.UNNAMED`: nothing is held
    :raises UsageProblems: if a job of it runs now
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
            f"series={series}: a job of it is running now, and they don't overlap. Wait for it: "
            f"scrapy tmapi jobs {series}"
        ) from None
    except OSError as exc:
        raise StorageError(f"{output_dir}: it can't be used ({exc.strerror or exc}).") from exc
    return lock
