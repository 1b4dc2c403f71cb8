"""A job's folder: its lock, its files and job.json."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from tmapi_spiders import __version__
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.formats import not_before, to_document, utc_now
from tmapi_spiders.items import versions
from tmapi_spiders.jobs.job_json import JOB_JSON, read_job_json
from tmapi_spiders.system.output_file import create, part_path, put_in_place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tmapi_spiders.inputs.spider_kind import SpiderKind

__all__ = [
    "LOCK",
    "OUTCOMES",
    "PRODUCTS",
    "SIGHTINGS",
    "Job",
    "JobFile",
]

PRODUCTS = "products.jsonl"
SIGHTINGS = "sightings.jsonl"
OUTCOMES = "outcomes.jsonl"
LOCK = ".lock"

#: Of job.json; rises when a reader has to change.
SCHEMA = 1

_BUFFER_SIZE = 64 * 1024


class JobFile:
    """A JSON-lines file that appears under its name once it is whole.

    It is written beside its name (``….part``) and renamed at the end, so that a run that dies
    leaves the last one's file as it was. A write that fails (a full disk) cuts the file back to its
    last whole line and is told to *on_error* once; from then on nothing is written.
    """

    def __init__(self, path: Path, on_error: Callable[[StorageError], None]) -> None:
        self.path = path
        self.lines = 0
        self._part = part_path(path)
        self._on_error = on_error
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._size = 0
        self._failed = False
        self._file: IO[bytes] | None = None
        try:
            self._file = create(self._part, buffering=0)
        except OSError as exc:
            self._fail(exc)

    def write(self, data: bytes) -> int:
        """Take one or more whole lines."""
        self._buffer += data
        if len(self._buffer) >= _BUFFER_SIZE:
            self._flush()
        return len(data)

    def publish(self, *, complete: bool) -> None:
        """Write what is left and put the file in its place.

        :param complete: whether it holds all that the job has paid for; a file that may not
            replaces the last one too, but keeps it beside itself (``….last``)
        """
        if self._file is None or self._file.closed:
            return
        self._flush()
        last = self.path.with_name(self.path.name + ".last")
        try:
            if complete and not self._failed:
                last.unlink(missing_ok=True)
            elif self.path.exists() and not last.exists():
                self.path.replace(last)
            put_in_place(self._file, self._part, self.path)
        except OSError as exc:
            self._fail(exc)

    def discard(self) -> None:
        """Leave the last run's file as it is."""
        self._failed = True
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """Of all that was written, in hex."""
        return self._hash.hexdigest()

    def _flush(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        if self._file is None or self._failed:
            return
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as exc:
            del data[data.rfind(b"\n", 0, written) + 1 :]
            with suppress(OSError):  # a device such as /dev/full can't be cut
                self._file.truncate(self._size + len(data))
            self._fail(exc)
        self._size += len(data)
        self._hash.update(data)
        self.lines += data.count(b"\n")

    def _fail(self, exc: OSError) -> None:
        if not self._failed:
            self._failed = True
            why = exc.strerror or exc
            self._on_error(StorageError(f"{self._part}: it can't be written ({why})."))


class Job:
    """One job's folder, held by this process alone from :meth:`open` to :meth:`release`.

    :param output_dir: the folder of all jobs
    :param source: where the products come from; a job has one source for ever, since made-up
        products would else pass as real ones
    :param arguments: as the user gave them
    :param kind: the spider's, which a job has for ever too
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
        self.files: dict[str, JobFile] = {}
        self.last_finished_at: str | None = None
        """When the job ended before, if it did."""
        self.has_run = False
        """Whether it has run before, whether or not it ended."""
        self.last_budget = 0
        """The budget of its last run."""
        self.arguments_stored = False
        """Whether job.json has the arguments of this run."""
        self._lock = FileLock(self.folder / LOCK)
        self.series_lock: FileLock | None = None
        """Of :func:`~tmapi_spiders.jobs.series_lock.hold_series`; let go with the job."""
        self._started_at = utc_now()
        self.last_run: dict[str, Any] = {}
        """What job.json said before this one; {} of a new job."""
        self.facts: dict[str, Any] = {}
        """What job.json says, or would if it could be written."""

    def open(self, *, new: bool) -> bool:
        """Make the folder and take its lock; return False if it has to be *new* and is not.

        :raises UsageProblems: if another process runs this job, or it has another source or spider
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
        """Say in job.json that this process runs the job.

        :raises StorageError: if it can't be written
        """
        self._write_json(running=True, finished_at=None, exit_status=None, files={}, **facts)
        self.arguments_stored = True

    def end(self, exit_status: int, **facts: Any) -> None:
        """Say in job.json how the run ended, and what its files hold.

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
        """Leave the job as it was before this run.

        :raises StorageError: if job.json can't be written
        """
        for file in self.files.values():
            file.discard()
        if self.arguments_stored:
            self._write(self.last_run)

    def release(self) -> None:
        """Let other processes have the job."""
        self._lock.release()
        if self.series_lock is not None:
            self.series_lock.release()

    def create(self, name: str, on_error: Callable[[StorageError], None]) -> None:
        """Begin a new version of the file *name*; *on_error* hears of it if that can't be done."""
        self.files[name] = JobFile(self.folder / name, on_error)

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
        path = self.folder / JOB_JSON
        part = part_path(path)
        try:
            with create(part) as file:
                file.write(to_document(content))
                put_in_place(file, part, path)
        except OSError as exc:
            raise StorageError(f"{path}: it can't be written ({exc.strerror or exc}).") from exc
