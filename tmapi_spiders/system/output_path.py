"""What a user should know about a path before something is written to it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["folder_text", "link_warning", "path_exists"]


def path_exists(path: Path) -> bool:
    """Return whether a path exists, and raise where ``Path.exists`` hides why that is unknown.

    (From Python 3.14 on, it returns False for every error.)

    :raises OSError: if nothing can have that name, or the folder can't be searched
    :raises ValueError: if it contains a NUL
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def link_warning(path: Path) -> str | None:
    """Return the warning that a file to be written is a link; None if it isn't one.

    Ask before writing: afterwards, the link is gone.
    """
    if not path.is_symlink():
        return None
    target = ""
    with suppress(OSError):
        target = f" to {path.readlink()}"
    return f"{path} is a link{target}: the link is replaced, and what it leads to stays as it was"


def folder_text(folder: Path) -> str:
    """Return a job's folder for a message, with the target if the user's own link leads there.

    >>> from pathlib import Path
    >>> folder_text(Path("/nowhere/monday"))
    '/nowhere/monday'
    """
    if folder.is_symlink() or folder.parent.is_symlink():
        return f"{folder} (a link leads to {folder.resolve()})"
    return str(folder)
