"""An input file in a job's folder: a plain file, or none; nothing that could be read for ever."""

from __future__ import annotations

import os
import stat
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_plain", "read_whole"]


def open_plain(path: Path) -> IO[bytes]:
    """Open a file to read it; a pipe, a device or a link to one is none.

    :raises OSError: if it can't be opened, or is no file
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe waits for a writer
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError("it is no file, but a pipe, a folder or a device")
    return os.fdopen(number, "rb")


def read_whole(path: Path, largest: int) -> bytes:
    """Return all of a file.

    :param largest: bytes that it may have
    :raises OSError: if it can't be read, is no file, or larger
    """
    with open_plain(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(f"more than {largest:,} bytes")
    return content
