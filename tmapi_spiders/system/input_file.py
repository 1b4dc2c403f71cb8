"""Reading files that others may have put there: regular files only, which end."""

from __future__ import annotations

import os
import stat
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["open_regular", "read_limited"]


def open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading; a pipe, a device, a folder or a link to one is refused.

    :raises OSError: if it can't be opened, or isn't a regular file
    """
    # O_NONBLOCK, since opening a pipe waits for a writer.
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError("it is a pipe, a folder or a device, not a file")
    return os.fdopen(number, "rb")


def read_limited(path: Path, largest: int) -> bytes:
    """Return a file's content.

    :param largest: bytes it may have
    :raises OSError: if it can't be read, isn't a regular file, or is larger
    """
    with open_regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(f"it is larger than {largest:,} bytes")
    return content
