"""Keeps a job's thumbnails, so that each picture is fetched only once."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from tmapi_spiders.errors import StorageError
from tmapi_spiders.gallery.svg import NotPlain, plain_drawing
from tmapi_spiders.gallery.thumbnails import SVG, WEBP, Thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["ThumbnailStore"]

FILE_NAME: Final = "thumbnails.sqlite"


class ThumbnailStore:
    """``thumbnails.sqlite`` in a job's folder. Use it in a ``with`` statement.

    It may be deleted at any time; pictures are then fetched again.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        with self._failing():
            self._database = sqlite3.connect(self._path, isolation_level=None)
            try:
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS thumbnails "
                    "(picture TEXT PRIMARY KEY, media_type TEXT, data BLOB) WITHOUT ROWID"
                )
            except sqlite3.Error:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def get(self, picture: str) -> Thumbnail | None:
        """Return the thumbnail of a picture, if it is kept."""
        with self._failing():
            row = self._database.execute(
                "SELECT media_type, data FROM thumbnails WHERE picture = ?", (picture,)
            ).fetchone()
        return _shown(Thumbnail(*row)) if row else None

    def put(self, thumbnails: Mapping[str, Thumbnail]) -> None:
        """Keep thumbnails by their pictures' addresses: all or, on an error, none."""
        if not thumbnails:
            return
        with self._failing(), self._database:
            self._database.execute("BEGIN")
            self._database.executemany(
                "INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?)",
                [(picture, it.media_type, it.data) for picture, it in thumbnails.items()],
            )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn SQLite's errors into this package's.

        :raises StorageError: if the file can't be used
        """
        try:
            yield
        except sqlite3.Error as exc:
            raise StorageError(
                f"{self._path}: it can't be used ({exc}). It only holds thumbnails: make "
                "room for it, or delete it, and they are fetched again."
            ) from exc


def _shown(kept: Thumbnail) -> Thumbnail | None:
    """Return a thumbnail if it may be shown: earlier versions kept any SVG."""
    if kept.media_type == SVG:
        with suppress(NotPlain):
            return Thumbnail(SVG, plain_drawing(kept.data))
    return kept if kept.media_type == WEBP else None
