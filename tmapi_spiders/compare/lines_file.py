"""Writing: changes.jsonl, in its place once it is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from tmapi_spiders.errors import StorageError
from tmapi_spiders.formats import to_line
from tmapi_spiders.system.output_file import create, part_path, put_in_place

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from tmapi_spiders.compare.changes import Change

__all__ = ["LinesFile"]


class LinesFile:
    """A JSON-lines file of changes; one that is not finished leaves the old one as it was.

    :raises StorageError: if it can't be written
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._part = part_path(path)
        try:
            self._file = create(self._part)
        except OSError as exc:
            raise self._problem(exc) from exc

    def write(self, change: Change) -> None:
        """Write one line."""
        try:
            self._file.write(to_line(change))
        except OSError as exc:
            raise self._problem(exc) from exc
        self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                put_in_place(self._file, self._part, self.path)
            else:
                self._file.close()
        except OSError as error:
            raise self._problem(error) from error
        finally:
            self._part.unlink(missing_ok=True)

    def _problem(self, exc: OSError) -> StorageError:
        return StorageError(f"{self.path}: it can't be written ({exc.strerror or exc}).")
