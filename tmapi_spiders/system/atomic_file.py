"""Atomic writes: a file is made next to its name, and renamed once it is whole.

Everything this project writes goes through here, so that one rule holds: whatever lies where the
new file is made (left over from a killed run, or planted) is removed, never opened; a link under
the name itself is replaced, and its target stays as it was. Until the rename, the last file is
untouched. SQLite's databases are the exception.

- :func:`atomic_write`: a file written in one go;
- :class:`AtomicFile`: a file that stays open for long, and is published or discarded later;
- :func:`open_to_append`: a file that is continued where it ended, and never renamed.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from tmapi_spiders.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

__all__ = ["AtomicFile", "atomic_write", "make_scratch_folder", "open_to_append", "part_path"]

_REMEDY = (
    " Nothing was changed under that name; make room, or choose another one, and run the same "
    "command again."
)


def part_path(path: Path) -> Path:
    """Return where a file is written until it is whole.

    >>> from pathlib import Path
    >>> part_path(Path("products.jsonl")).name
    'products.jsonl.part'
    """
    return path.with_name(f"{path.name}.part")


class AtomicFile:
    """A file that appears under its name when it is published, or not at all.

    As a context manager it is published at the end, or discarded if anything was raised.

    :param buffering: as for :func:`open`
    :raises OSError: if the file can't be created, written or renamed
    """

    def __init__(self, path: Path, buffering: int = -1) -> None:
        self.path = path
        self.part = part_path(path)
        self.part.unlink(missing_ok=True)
        _remove_scratch_folder(path)
        self.file = _open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, "wb", buffering)
        """What to write to."""
        self._stat = os.fstat(self.file.fileno())

    def publish(self) -> None:
        """Close the file and give it its name; its content is on the disk before.

        :raises OSError: also if another process has put a file in its place meanwhile
        """
        with self.file:
            self.file.flush()
            os.fsync(self.file.fileno())
            if not self._is_in_place():
                raise OSError(f"another process writes {self.part.name}, too")
        self.part.replace(self.path)

    def discard(self) -> None:
        """Remove what was written; after :meth:`publish`, do nothing."""
        with suppress(OSError):  # what is still buffered may find no room
            self.file.close()
        if self._is_in_place():
            self.part.unlink()
        _remove_scratch_folder(self.path)

    def __enter__(self) -> IO[bytes]:
        return self.file

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.publish()
        finally:
            with suppress(OSError):
                self.discard()

    def _is_in_place(self) -> bool:
        """Return whether the part file is still this one."""
        try:
            return os.path.samestat(self._stat, os.lstat(self.part))
        except FileNotFoundError:
            return False


@contextmanager
def atomic_write(path: Path, remedy: str = _REMEDY) -> Iterator[IO[bytes]]:
    """Yield a file to write to, which replaces *path* unless something is raised.

    Nothing else stays behind, neither of this run nor of an earlier one that was killed.

    :param remedy: what a user can do if it fails, for the message
    :raises StorageError: if it can't be written; what was there before is unchanged
    """
    try:
        with AtomicFile(path) as file:
            yield file
    except OSError as exc:
        why = exc.strerror or exc
        raise StorageError(f"{path}: it can't be written ({why}).{remedy}") from exc


def make_scratch_folder(path: Path) -> Path:
    """Make a folder for temporary files next to a file that is being written.

    It is removed with the end of :func:`atomic_write`.

    :raises OSError: if it can't be made
    """
    folder = _scratch_folder(path)
    folder.mkdir()
    return folder


def open_to_append(path: Path) -> IO[bytes]:
    """Open a file for reading and writing, unbuffered; make it if it is missing.

    :raises OSError: if it can't be opened, or is a link
    """
    return _open(path, os.O_RDWR | os.O_CREAT, "r+b", 0)


def _scratch_folder(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.d")


def _remove_scratch_folder(path: Path) -> None:
    """Remove the folder of temporary files; if it is a link, only the link."""
    folder = _scratch_folder(path)
    with suppress(OSError):  # also if its name would be too long
        if folder.is_symlink():
            folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _open(path: Path, flags: int, mode: str, buffering: int) -> IO[bytes]:
    number = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    return os.fdopen(number, mode, buffering=buffering)
