"""Reads the rows of a seeds file, of whatever kind it is."""

from __future__ import annotations

import glob
import re
import sys
from concurrent.futures import Future
from contextlib import suppress
from io import SEEK_END, BytesIO
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.errors import UsageProblems, shortened
from tmapi_spiders.inputs.seed import looks_like_image
from tmapi_spiders.inputs.seed_files.seed_columns import IMAGE, Layout, listed
from tmapi_spiders.inputs.seed_files.seed_header import image_argument
from tmapi_spiders.inputs.seed_files.seed_text import REMEDY, text_rows
from tmapi_spiders.inputs.seed_files.seed_workbook import workbook_rows
from tmapi_spiders.wording import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from tmapi_spiders.inputs.seed_files.seed_columns import Columns
    from tmapi_spiders.inputs.seed_files.seed_row import SeedRow

__all__ = ["STDIN", "Origin", "SeedFile", "is_file"]

#: Stands for standard input, as in other programs.
STDIN = "-"

_STDIN_PATH = "/dev/stdin"


#: Bytes: a table of a million rows. What it unpacks to has a limit in seed_workbook.py.
_LARGEST_WORKBOOK = 256_000_000

#: Seconds to wait for a program to open a named pipe for writing.
_FIFO_SECONDS = 10
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|bmp|tiff?|heic|avif)$", re.IGNORECASE)

#: Rows that are searched for a second column of addresses.
_LOOKED_AT = 20


_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"


def is_file(given: str) -> bool:
    """Return whether this names a file that can be read repeatedly."""
    try:
        return given != STDIN and Path(given).is_file()
    except (OSError, ValueError):
        return False


@attrs.frozen
class Origin:
    """Where seeds come from, for messages."""

    file: str
    """The file as given."""
    columns: Columns | None = None
    """None for a plain list."""
    row: int = 0
    """The row of the header."""
    sheet: str = ""
    remark: str = ""

    def describe(self) -> str:
        """Return the origin as text.

        >>> Origin("seeds.txt").describe()
        'from seeds.txt'
        >>> from tmapi_spiders.inputs.seed_files.seed_columns import Columns
        >>> columns = Columns.of(["Nr", "Bild"], Layout({"image": "Bild"}))
        >>> Origin("a.xlsx", columns, 3, "Lamps").describe()
        'from a.xlsx, sheet “Lamps” (header in row 3; image: “Bild”)'
        """
        words = f"from {'standard input' if self.file == STDIN else printable(self.file)}"
        if self.sheet:
            words += f", sheet “{printable(self.sheet)}”"
        if self.columns is not None:
            noun = "row" if self.sheet else "line"
            words += f" (header in {noun} {self.row}; {self.columns.describe()})"
        return words


class SeedFile:
    """A seeds file; iterating yields its rows.

    :param given: the argument
    :param layout: how the user describes its table
    """

    def __init__(self, given: str, layout: Layout) -> None:
        self._given = given
        self._layout = layout
        self.origin = Origin(given)
        """A table's columns are known from its first row on."""

    def __iter__(self) -> Iterator[SeedRow]:
        """Yield the rows in order, unusable ones included.

        :raises UsageProblems: if it can't be read
        """
        path, given = Path(self._given), shortened(self._given)
        if self._given == STDIN:
            path = Path(_STDIN_PATH)
            if sys.stdin is not None and sys.stdin.isatty():
                raise UsageProblems(
                    f"seeds={STDIN}: it is standard input, which is a terminal here. Pipe the "
                    f"seeds into it (… | scrapy … -a seeds={STDIN}), or give a file. {REMEDY}"
                )
        try:
            path = path.expanduser()
            if path.is_dir():
                raise UsageProblems(f"seeds={given}: {_folder_problem(path)}. {REMEDY}")
            with _open(path, given) as file:
                yield from self._checked(self._rows(file, path, given))
        except FileNotFoundError:
            raise UsageProblems(f"seeds={given}: {_missing_file_problem(path)}. {REMEDY}") from None
        except (OSError, ValueError, RuntimeError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise UsageProblems(f"seeds={given}: it can't be read ({reason}). {REMEDY}") from exc

    def _rows(self, file: BufferedReader, path: Path, given: str) -> Iterator[SeedRow]:
        start = file.peek(16)
        _refuse_others(given, start)
        if not start.startswith(_ZIP):
            if self._layout.sheet:
                raise UsageProblems(
                    f"sheet={shortened(self._layout.sheet)}: {given} is not a workbook "
                    "(.xlsx), so it has no sheets; leave it out."
                )
            yield from text_rows(file, path, given, self._layout, self._on_columns)
            return
        whole = file if file.seekable() else BytesIO(file.read(_LARGEST_WORKBOOK + 1))
        size = whole.seek(0, SEEK_END)
        if size > _LARGEST_WORKBOOK:
            raise UsageProblems(
                f"seeds={given}: it is a workbook of {size:,} bytes, or more. Accepted: up "
                f"to {_LARGEST_WORKBOOK:,}; save its sheet as “CSV UTF-8”. {REMEDY}"
            )
        whole.seek(0)
        yield from workbook_rows(whole, str(path), given, self._layout, self._on_columns)

    def _on_columns(self, columns: Columns, row: int, sheet: str = "", remark: str = "") -> None:
        self.origin = Origin(self._given, columns, row, sheet, remark)

    def _checked(self, rows: Iterator[SeedRow]) -> Iterator[SeedRow]:
        """Yield the rows; refuse a table if it is unclear which column has the image.

        :raises UsageProblems: if a column called ``url`` is not the only one with addresses
        """
        columns = None
        for number, row in enumerate(rows):
            if number == 0:
                columns = self.origin.columns
            if columns is not None and columns.is_guess and number < _LOOKED_AT:
                for name, value in row.data.items():
                    if isinstance(value, str) and looks_like_image(value):
                        names = columns.names_of[IMAGE], name
                        either = " or ".join(map(image_argument, names))
                        raise UsageProblems(
                            f"{row.where}: there are addresses in two columns, {listed(names)}. "
                            f"Say which one is the image: {either}."
                        )
            yield row


def _open(path: Path, given: str) -> BufferedReader:
    """Open the file; if it is a named pipe, wait a while for a program that writes into it.

    :raises UsageProblems: if none opens it
    """
    if not path.is_fifo():
        return path.open("rb")
    opened: Future[BufferedReader] = Future()

    def open_it() -> None:
        try:
            opened.set_result(path.open("rb"))
        except BaseException as exc:  # noqa: BLE001 - raised again by `result`
            opened.set_exception(exc)

    # Opening a pipe blocks for ever, and can't be interrupted.
    Thread(target=open_it, daemon=True).start()
    try:
        return opened.result(_FIFO_SECONDS)
    except TimeoutError:
        raise UsageProblems(
            f"seeds={given}: it is a named pipe, and no program opened it for writing within "
            f"{_FIFO_SECONDS} s. Start the program that writes first, or give a file. {REMEDY}"
        ) from None


def _refuse_others(given: str, start: bytes) -> None:
    if is_picture(start):
        raise UsageProblems(
            f"seeds={given}: it is a picture, and the API wants a URL: upload it to a web server, "
            f"and give its address. {REMEDY}"
        )
    if start.startswith(_OLD_OFFICE):
        raise UsageProblems(
            f"seeds={given}: it is an old or encrypted Excel file. Save it as .xlsx without a "
            f"password, or as “CSV UTF-8”. {REMEDY}"
        )


def _folder_problem(path: Path) -> str:
    """Return why a folder is refused."""
    pictures = 0
    with suppress(OSError):
        pictures = sum(bool(_PICTURE.search(one.name)) for one in path.iterdir())
    if pictures:
        return (
            f"it is a folder with {plural(pictures, 'picture')} in it. The API wants URLs: upload "
            "the pictures to a web server, and put their addresses into a file, one per line"
        )
    return "it is a folder"


def _missing_file_problem(path: Path) -> str:
    """Return why a file is refused that does not exist; it may be a pattern for several files."""
    if glob.has_magic(str(path)):
        return (
            "no such file; it looks like a pattern, and one file is wanted: put the addresses of "
            "the images into one file, one per line"
        )
    return f"no such file (looked for {path.absolute()})"


def is_picture(content: bytes) -> bool:
    """Return whether *content* begins like a JPEG, PNG, GIF, BMP, TIFF or WebP.

    >>> is_picture(b"\\xff\\xd8\\xff\\xe0"), is_picture(b"https://a.alicdn.com/x.jpg")
    (True, False)
    """
    return (
        content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*"))
        or (content[:2] == b"BM" and content[6:10] == bytes(4))
        or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")
    )
