"""One of the JSON-lines files that a run of a job writes."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from tmapi_spiders.errors import StorageError
from tmapi_spiders.system.atomic_file import AtomicFile, part_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["OutputFile"]

_BUFFER_SIZE = 64 * 1024


class OutputFile:
    """A JSON-lines file that replaces the last run's when it is published.

    Until then it is ``….part``, so that a run that is killed leaves the last run's file whole. If a
    write fails (a full disk), the file is cut back to its last whole line, *on_error* is called
    once, and nothing more is written.
    """

    def __init__(self, path: Path, on_error: Callable[[StorageError], None]) -> None:
        self.path = path
        self.lines = 0
        self._on_error = on_error
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._size = 0
        self._failed = False
        self._atomic: AtomicFile | None = None
        try:
            self._atomic = AtomicFile(path, buffering=0)
        except OSError as exc:
            self._fail(exc)

    def write(self, data: bytes) -> int:
        """Take one or more whole lines."""
        self._buffer += data
        if len(self._buffer) >= _BUFFER_SIZE:
            self._flush()
        return len(data)

    def publish(self, *, complete: bool) -> None:
        """Write what is left and replace the last run's file; do nothing if that was done before.

        :param complete: whether the file holds everything the job has paid for; if it may not, the
            last run's file is kept next to it (``….last``)
        """
        if self._atomic is None or self._atomic.file.closed:
            return
        self._flush()
        last = self.path.with_name(self.path.name + ".last")
        try:
            if complete and not self._failed:
                last.unlink(missing_ok=True)
            elif self.path.exists() and not last.exists():
                self.path.replace(last)
            self._atomic.publish()
        except OSError as exc:
            self._fail(exc)

    def discard(self) -> None:
        """Leave the last run's file as it is."""
        self._failed = True
        if self._atomic is not None:
            self._atomic.discard()

    @property
    def sha256(self) -> str:
        """Hex digest of everything written."""
        return self._hash.hexdigest()

    def _flush(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        if self._atomic is None or self._failed:
            return
        file, written = self._atomic.file, 0
        try:
            while written < len(data):
                written += file.write(data[written:])
        except OSError as exc:
            del data[data.rfind(b"\n", 0, written) + 1 :]
            with suppress(OSError):  # a device such as /dev/full can't be truncated
                file.truncate(self._size + len(data))
            self._fail(exc)
        self._size += len(data)
        self._hash.update(data)
        self.lines += data.count(b"\n")

    def _fail(self, exc: OSError) -> None:
        if not self._failed:
            self._failed = True
            why = exc.strerror or exc
            self._on_error(StorageError(f"{part_path(self.path)}: it can't be written ({why})."))
