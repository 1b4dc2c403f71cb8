"""A file that rows are appended to, and that continues where it ended, however it ended."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from tmapi_spiders.errors import StorageError
from tmapi_spiders.system.atomic_file import open_to_append

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["RowFile", "digest"]

_CHUNK = 1024 * 1024


def digest(row: bytes) -> str:
    """Return what tells one row from another, of a row as it is on Redis.

    >>> digest(b"{}") == digest(b"{} ")
    False
    """
    return hashlib.sha256(_line(row)).hexdigest()


def _line(row: bytes) -> bytes:
    """Return a row as a line: even one that others wrote, with a line break in it, stays one."""
    return row.replace(b"\n", b" ") + b"\n"


class RowFile:
    """A JSON-lines file, to which rows are appended; a torn last line is cut off at the start.

    :raises StorageError: if it can't be read or written
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.last = ""
        """Digest of the last line; "" if there is none."""
        self._hash = hashlib.sha256()
        self._size = 0
        try:
            self._file = open_to_append(path)
            self._read()
            self.cut()
        except OSError as exc:
            raise self._problem(exc) from exc

    @property
    def sha256(self) -> str:
        """Hex digest of the file's content."""
        return self._hash.hexdigest()

    def append(self, rows: Sequence[bytes]) -> None:
        """Write rows, and make sure that they are on the disk.

        :raises StorageError: if that fails; the file ends with the last row it had before
        """
        data = b"".join(map(_line, rows))
        if not data:
            return
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as exc:
            with suppress(OSError):
                self.cut()
            raise self._problem(exc) from exc
        self._take(data)
        self.last = digest(rows[-1])

    def cut(self) -> None:
        """Cut off an incomplete line, and lines that were not taken."""
        self._file.truncate(self._size)
        self._file.seek(self._size)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self) -> None:
        """Count the lines that are there, and hash them."""
        torn = last = b""
        while chunk := self._file.read(_CHUNK):
            whole, newline, torn = (torn + chunk).rpartition(b"\n")
            if newline:
                last = whole.rpartition(b"\n")[2]
                self._take(whole + newline)
        if self.lines:
            self.last = digest(last)

    def _take(self, data: bytes) -> None:
        self._size += len(data)
        self.lines += data.count(b"\n")
        self._hash.update(data)

    def _problem(self, exc: OSError) -> StorageError:
        return StorageError(
            f"{self.path}: it can't be written ({exc.strerror or exc}). Make room, or repair what "
            "is wrong, and run the same command again: it continues where it stopped."
        )
