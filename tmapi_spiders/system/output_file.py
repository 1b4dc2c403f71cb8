"""An output file: made anew beside its name, never through a link, and put in its place once whole.

One rule for all that this project writes: what lies where the new file is to be made (left over
from a run that was killed, or planted) is removed, not opened; a link under the name itself is
replaced, and what it leads to stays as it was.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "create",
    "is_there",
    "open_own",
    "part_path",
    "put_in_place",
    "told_of_folder",
    "told_of_link",
]


def part_path(path: Path) -> Path:
    """Return where a file is written before it is whole.

    >>> from pathlib import Path
    >>> part_path(Path("products.jsonl")).name
    'products.jsonl.part'
    """
    return path.with_name(f"{path.name}.part")


def is_there(path: Path) -> bool:
    """Say whether there is anything of a name; ``Path.exists`` hides, from Python 3.14 on, why not.

    :raises OSError: if nothing can have that name, or the folder may not be looked into
    :raises ValueError: if it has a NUL in it
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def create(path: Path, buffering: int = -1) -> IO[bytes]:
    """Make a file that nobody else has; what lies there is removed, and no link is followed.

    :param buffering: as in :func:`open`
    :raises OSError: if it can't be made
    """
    path.unlink(missing_ok=True)
    return _opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, "wb", buffering)


def open_own(path: Path) -> IO[bytes]:
    """Open a file that is gone on with, or make it, unbuffered; a link is not followed.

    :raises OSError: if it can't be opened, or is a link
    """
    return _opened(path, os.O_RDWR | os.O_CREAT, "r+b", 0)


def put_in_place(file: IO[bytes], part: Path, path: Path) -> None:
    """Close a file that :func:`create` has made, and give it the name it is for.

    :raises OSError: if that fails, or somebody else has put another file there meanwhile
    """
    with file:
        file.flush()
        os.fsync(file.fileno())
        if not os.path.samestat(os.fstat(file.fileno()), os.lstat(part)):
            raise OSError(f"somebody else writes {part.name}, too")
    part.replace(path)


def told_of_link(path: Path) -> str | None:
    """Return what a user has to know of a name that is a link; None if it is none.

    It is asked before the file is written.
    """
    if not path.is_symlink():
        return None
    there = ""
    with suppress(OSError):
        there = f" to {path.readlink()}"
    return f"{path} is a link{there}: the link is replaced, and what it leads to stays as it was"


def told_of_folder(folder: Path) -> str:
    """Return a job's folder as it is told: where a link of the user's own leads, too.

    >>> from pathlib import Path
    >>> told_of_folder(Path("/nowhere/monday"))
    '/nowhere/monday'
    """
    if folder.is_symlink() or folder.parent.is_symlink():
        return f"{folder} (a link leads to {folder.resolve()})"
    return str(folder)


def _opened(path: Path, flags: int, mode: str, buffering: int) -> IO[bytes]:
    number = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return os.fdopen(number, mode, buffering=buffering)
