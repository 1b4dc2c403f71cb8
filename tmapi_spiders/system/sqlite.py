"""Errors of SQLite files, which hold what was paid for, as errors of this package."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tmapi_spiders.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["damaged", "failing_as_storage"]


def damaged(path: Path, what: object) -> StorageError:
    """Return the error for a damaged file."""
    return StorageError(
        f"{path}: it is damaged ({what}). It holds what was paid for: put a copy back, or try "
        f"`sqlite3 {path.name} .recover`; without it, everything in it is paid for again."
    )


@contextmanager
def failing_as_storage(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into StorageError.

    :raises StorageError: if the file can't be read or written
    """
    try:
        yield
    except sqlite3.OperationalError as exc:
        raise StorageError(f"{path}: it can't be used ({exc}).") from exc
    except sqlite3.DatabaseError as exc:
        raise damaged(path, exc) from exc
