"""SQLite's errors as this package's: a file that is damaged, or can't be used."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tmapi_spiders.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["damage_error", "storage_errors"]


def damage_error(path: Path, what: object) -> StorageError:
    """Return the error for a file whose content is not what was written."""
    return StorageError(
        f"{path}: it is damaged ({what}). It holds paid answers: restore a copy, or try "
        f"`sqlite3 {path.name} .recover`; without it, everything in it is paid for again."
    )


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into this package's storage errors.

    :raises StorageError: if the file can't be read or written
    """
    try:
        yield
    except sqlite3.OperationalError as exc:
        raise StorageError(f"{path}: it can't be used ({exc}).") from exc
    except sqlite3.DatabaseError as exc:
        raise damage_error(path, exc) from exc
