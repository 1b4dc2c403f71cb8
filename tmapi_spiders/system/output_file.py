"""Writes output files: under a temporary name, never through a link, renamed once complete.

Every file that this project writes follows one rule: whatever lies at the temporary name (left over
from a killed run, or planted) is removed, not opened; a link at the final name is replaced, and its
target stays as it was.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "create",
    "folder_and_target",
    "is_there",
    "link_warning",
    "open_own",
    "part_path",
    "put_in_place",
]


def part_path(path: Path) -> Path:
    """Return the temporary path of a file that is not complete yet.

    >>> from pathlib import Path
    >>> part_path(Path("products.jsonl")).name
    'products.jsonl.part'
    """
    return path.with_name(f"{path.name}.part")


def is_there(path: Path) -> bool:
    """Return whether a path exists; from Python 3.14 on ``Path.exists`` hides the errors below.

    :raises OSError: if nothing can have that name, or the folder can't be searched
    :raises ValueError: if the path contains a NUL
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def create(path: Path, buffering: int = -1) -> IO[bytes]:
    """Create a file; remove whatever has its name, and follow no link.

    :param buffering: as in :func:`open`
    :raises OSError: if it can't be created
    """
    path.unlink(missing_ok=True)
    return _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, "wb", buffering)


def open_own(path: Path) -> IO[bytes]:
    """Open a file to continue writing it, unbuffered, or create it; follow no link.

    :raises OSError: if it can't be opened, or is a link
    """
    return _opened(path, os.O_RDWR | os.O_CREAT, "r+b", 0)


def put_in_place(file: IO[bytes], part: Path, path: Path) -> None:
    """Close a file made by :func:`create`, and rename it to its final name.

    :raises OSError: if that fails, or another process has replaced the file meanwhile
    """
    with file:
        file.flush()
        os.fsync(file.fileno())
        if not os.path.samestat(os.fstat(file.fileno()), os.lstat(part)):
            raise OSError(f"another process writes {part.name}, too")
    part.replace(path)


def link_warning(path: Path) -> str | None:
    """Return a warning if a path is a link, else None.

    Call it before the file is written.
    """
    if not path.is_symlink():
        return None
    target = ""
    with suppress(OSError):
        target = f" to {path.readlink()}"
    return f"{path} is a link{target}: the link is replaced, and what it leads to stays as it was"


def folder_and_target(folder: Path) -> str:
    """Return a job's folder for a message, with the link's target if it is the user's own link.

    >>> from pathlib import Path
    >>> folder_and_target(Path("/nowhere/monday"))
    '/nowhere/monday'
    """
    if folder.is_symlink() or folder.parent.is_symlink():
        return f"{folder} (a link leads to {folder.resolve()})"
    return str(folder)


def _opened(path: Path, flags: int, mode: str, buffering: int) -> IO[bytes]:
    number = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return os.fdopen(number, mode, buffering=buffering)
