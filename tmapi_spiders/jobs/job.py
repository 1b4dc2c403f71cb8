"""A job's folder, its lock, and the files that a run writes into it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from tmapi_spiders import __version__
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.formats import not_before, to_document, utc_now
from tmapi_spiders.items import versions
from tmapi_spiders.jobs.job_json import JOB_JSON, read_job_json
from tmapi_spiders.jobs.output_file import OutputFile
from tmapi_spiders.system.atomic_file import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tmapi_spiders.inputs.spider_kind import SpiderKind

__all__ = [
    "LOCK",
    "OUTCOMES",
    "PRODUCTS",
    "SIGHTINGS",
    "Job",
]

PRODUCTS = "products.jsonl"
SIGHTINGS = "sightings.jsonl"
OUTCOMES = "outcomes.jsonl"
LOCK = ".lock"

#: The version of job.json's format; it rises when readers have to change.
SCHEMA = 1


class Job:
    """One job's folder, locked by this process from :meth:`open` to :meth:`release`.

    :param output_dir: the folder of all jobs
    :param source: where the products come from; a job's source never changes, or made-up products
        could pass for real ones
    :param arguments: as the user gave them
    :param kind: the spider's kind, which never changes either
    """

    def __init__(
        self,
        name: str,
        output_dir: Path,
        source: str,
        arguments: Mapping[str, Any],
        kind: SpiderKind,
    ) -> None:
        self.name = name
        self.folder = output_dir / name
        self.source = source
        self.arguments = dict(arguments)
        self._kind = kind
        self.files: dict[str, OutputFile] = {}
        self.last_finished_at: str | None = None
        """When an earlier run of the job ended; None if none did."""
        self.has_run = False
        """Whether the job has run before, ended or not."""
        self.last_budget = 0
        """The budget of the last run."""
        self.arguments_stored = False
        """Whether job.json has this run's arguments."""
        self._lock = FileLock(self.folder / LOCK)
        self.series_lock: FileLock | None = None
        """From :func:`~tmapi_spiders.jobs.series_lock.lock_series`; released together."""
        self._started_at = utc_now()
        self.last_run: dict[str, Any] = {}
        """What job.json said before this run; {} for a new job."""
        self.facts: dict[str, Any] = {}
        """What job.json says, or would if it could be written."""

    def open(self, *, new: bool) -> bool:
        """Make and lock the folder; return False if it exists although it has to be *new*.

        :raises UsageProblems: if another process runs this job, or its source or spider is another
        :raises StorageError: if the folder can't be used
        """
        try:
            try:
                self.folder.mkdir(parents=True)
            except FileExistsError:
                if new:
                    return False
                if not self.folder.is_dir():
                    raise
            self._lock.acquire(blocking=False)
        except Timeout:
            runner = self._last().get("process", {})
            raise UsageProblems(
                f"job={self.name}: it is running now (process {runner.get('pid', '?')} on "
                f"{runner.get('host', '?')}). Wait for it, or choose another job name."
            ) from None
        except OSError as exc:
            raise StorageError(f"{self.folder}: it can't be used ({exc.strerror or exc}).") from exc
        last = self._last()
        self.has_run = bool(last)
        self.last_run = last
        budget = last.get("budget")
        self.last_budget = budget if isinstance(budget, int) else 0
        self.last_finished_at = last.get("finished_at")
        try:
            self._kind.check(self.name, last)
        except UsageProblems:
            self.release()
            raise
        source = last.get("source", self.source)
        if source != self.source:
            self.release()
            raise UsageProblems(
                f"job={self.name}: its products come from {source}, and this crawl would ask "
                f"{self.source}. Choose another job name; products of two sources don't mix."
            )
        return True

    def start(self, **facts: Any) -> None:
        """Write to job.json that this process runs the job.

        :raises StorageError: if it can't be written
        """
        self._write_json(running=True, finished_at=None, exit_status=None, files={}, **facts)
        self.arguments_stored = True

    def end(self, exit_status: int, **facts: Any) -> None:
        """Write to job.json how the run ended, and what its files hold.

        :raises StorageError: if it can't be written
        """
        files = {
            name: {"lines": file.lines, "sha256": file.sha256}
            for name, file in sorted(self.files.items())
        }
        self._write_json(
            running=False,
            finished_at=not_before(facts.get("started_at") or self._started_at, utc_now()),
            exit_status=exit_status,
            files=files,
            **facts,
        )

    def undo(self) -> None:
        """Restore the job to what it was before this run.

        :raises StorageError: if job.json can't be written
        """
        for file in self.files.values():
            file.discard()
        if self.arguments_stored:
            self._write(self.last_run)

    def release(self) -> None:
        """Release the locks, so that other processes may run the job."""
        self._lock.release()
        if self.series_lock is not None:
            self.series_lock.release()

    def create(self, name: str, on_error: Callable[[StorageError], None]) -> None:
        """Begin a new version of the file *name*; *on_error* is called if it can't be written."""
        self.files[name] = OutputFile(self.folder / name, on_error)

    def _last(self) -> dict[str, Any]:
        return read_job_json(self.folder)

    def _write_json(self, **facts: Any) -> None:
        self.facts = {
            "schema": SCHEMA,
            "version": __version__,
            "readers": versions(),
            "job": self.name,
            "spider": self._kind.name,
            "endpoint": self._kind.endpoint,
            "arguments": self.arguments,
            "directory": str(Path.cwd()),
            "source": self.source,
            "made_up": self.source == "sandbox",
            "process": {"pid": os.getpid(), "host": socket.gethostname()},
            "started_at": self._started_at,
            **facts,
        }
        self._write(self.facts)

    def _write(self, content: dict[str, Any]) -> None:
        with atomic_write(self.folder / JOB_JSON, remedy="") as file:
            file.write(to_document(content))
