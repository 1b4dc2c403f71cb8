"""Reads files of a job's folder: only regular files of limited size, nothing that never ends."""

from __future__ import annotations

import os
import stat
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_plain", "read_whole"]


def open_plain(path: Path) -> IO[bytes]:
    """Open a regular file for reading; refuse a pipe, a device, a folder or a link to one.

    :raises OSError: if it can't be opened, or is not a regular file
    """
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError("it is a pipe, a folder or a device, not a file")
    return os.fdopen(number, "rb")


def read_whole(path: Path, largest: int) -> bytes:
    """Return the content of a regular file.

    :param largest: most bytes that it may have
    :raises OSError: if it can't be read, is not a regular file, or is larger
    """
    with open_plain(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(f"more than {largest:,} bytes")
    return content
