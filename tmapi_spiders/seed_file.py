"""A seeds file: which kind it is, and its rows."""

from __future__ import annotations

import glob
import re
import sys
from concurrent.futures import Future
from functools import partial
from io import SEEK_END, BytesIO
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING

import attrs

from tmapi_spiders.errors import UsageProblems, shortened
from tmapi_spiders.phrases import plural
from tmapi_spiders.printable import printable
from tmapi_spiders.seed_columns import IMAGE, MOST_ABOVE, Layout, listed, naming
from tmapi_spiders.seed_row import SeedRow
from tmapi_spiders.seed_tables import delimiter_of, is_image, json_rows, table_rows
from tmapi_spiders.seed_workbook import workbook_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

    from tmapi_spiders.seed_columns import Columns

__all__ = ["STDIN", "Origin", "SeedFile", "is_file"]

#: What stands for standard input, as for other programs.
STDIN = "-"

_STDIN_PATH = "/dev/stdin"

_REMEDY = (
    "Accepted: a text file with one image a line, a table (CSV, TSV, XLSX, JSON lines) with a "
    "column image, or images separated by commas."
)
_SAVE_AS = (
    "Save it as UTF-8: in Excel, Save As, “CSV UTF-8 (Comma delimited)”; in LibreOffice, Save As, "
    "Text CSV, “Edit filter settings”, Character set UTF-8; in an editor, encoding UTF-8"
)
_LONGEST_HEADER = 20

#: Bytes: longer than any row; and a list of an old Mac's, all of which is one, has 100,000 images.
_LONGEST_LINE = 10_000_000

#: Bytes: ten million images, or whatever has no end.
_LARGEST_FILE = 1_000_000_000

#: Bytes: a table of a million rows; it is unpacked to more, see there.
_LARGEST_WORKBOOK = 256_000_000

#: Seconds in which a named pipe is to be opened by whoever writes into it.
_FIFO_SECONDS = 10
_DELIMITED = re.compile(r"[,;\t|]")
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|bmp|tiff?|heic|avif)$", re.IGNORECASE)
_COMMENT = re.compile(r"(?:^|\s)#.*$")

#: Rows that are looked at for a second column of addresses.
_LOOKED_AT = 20

#: What a program, or a person, puts into a first line to say how the file is written.
_ENCODING = re.compile(r"utf-?8(?:-?(?:sig|bom))?", re.IGNORECASE)

#: The end of a file, as DOS had it.
_DOS_END = b"\x1a"

_ADDRESS = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)

_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def is_file(given: str) -> bool:
    """Say whether this names a file that can be read again and again."""
    try:
        return given != STDIN and Path(given).is_file()
    except (OSError, ValueError):
        return False


@attrs.frozen
class Origin:
    """Where seeds come from, for people."""

    file: str
    """As it was given."""
    columns: Columns | None = None
    """None of a plain list."""
    row: int = 0
    """That the header is in."""
    sheet: str = ""
    remark: str = ""

    def describe(self) -> str:
        """Return it in words.

        >>> Origin("seeds.txt").describe()
        'from seeds.txt'
        >>> from tmapi_spiders.seed_columns import Columns
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
    """A seeds file, whose rows can be gone through.

    :param given: the argument
    :param layout: what the user says of its table
    """

    def __init__(self, given: str, layout: Layout) -> None:
        self._given = given
        self._layout = layout
        self.origin = Origin(given)
        """As far as it is known: a table's columns from its first row on."""

    def __iter__(self) -> Iterator[SeedRow]:
        """Yield the rows in their order; those that nothing can be made of included.

        :raises UsageProblems: if it can't be read
        """
        path, given = Path(self._given), shortened(self._given)
        if self._given == STDIN:
            path = Path(_STDIN_PATH)
            if sys.stdin is not None and sys.stdin.isatty():
                raise UsageProblems(
                    f"seeds={STDIN}: it is standard input, which is a terminal here. Have another "
                    f"program write the seeds into it (… | scrapy … -a seeds={STDIN}), or give a "
                    f"file. {_REMEDY}"
                )
        try:
            path = path.expanduser()
            if path.is_dir():
                raise UsageProblems(f"seeds={given}: {_told_of_folder(path)}. {_REMEDY}")
            with _open(path, given) as file:
                yield from self._checked(self._rows(file, path, given))
        except FileNotFoundError:
            raise UsageProblems(f"seeds={given}: {_told_of_none(path)}. {_REMEDY}") from None
        except (OSError, ValueError, RuntimeError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise UsageProblems(f"seeds={given}: it can't be read ({reason}). {_REMEDY}") from exc

    def _rows(self, file: BufferedReader, path: Path, given: str) -> Iterator[SeedRow]:
        start = file.peek(16)
        _refuse_others(given, start)
        if not start.startswith(_ZIP):
            if self._layout.sheet:
                raise UsageProblems(
                    f"sheet={shortened(self._layout.sheet)}: {given} is no workbook (.xlsx), and "
                    "has no sheets; leave it out."
                )
            yield from self._text_rows(file, path, given)
            return
        whole = file if file.seekable() else BytesIO(file.read(_LARGEST_WORKBOOK + 1))
        size = whole.seek(0, SEEK_END)
        if size > _LARGEST_WORKBOOK:
            raise UsageProblems(
                f"seeds={given}: it is a workbook of {size:,} bytes, or more. Accepted: up "
                f"to {_LARGEST_WORKBOOK:,}; save its sheet as “CSV UTF-8”. {_REMEDY}"
            )
        whole.seek(0)
        yield from workbook_rows(whole, str(path), given, self._layout, self._tell)

    def _tell(self, columns: Columns, row: int, sheet: str = "", remark: str = "") -> None:
        self.origin = Origin(self._given, columns, row, sheet, remark)

    def _checked(self, rows: Iterator[SeedRow]) -> Iterator[SeedRow]:
        """Yield the rows; refuse a table in which it is not certain which column is the image.

        :raises UsageProblems: if a column called ``url`` is not the only one with addresses
        """
        columns = None
        for number, row in enumerate(rows):
            if number == 0:
                columns = self.origin.columns
            if columns is not None and columns.is_guess and number < _LOOKED_AT:
                for name, value in row.data.items():
                    if isinstance(value, str) and _ADDRESS.match(value):
                        names = columns.names_of[IMAGE], name
                        either = " or ".join(map(naming, names))
                        raise UsageProblems(
                            f"{row.where}: there are addresses in two columns, {listed(names)}. "
                            f"Say which one is the image: {either}."
                        )
            yield row

    def _text_rows(self, file: IO[bytes], path: Path, given: str) -> Iterator[SeedRow]:
        """Yield the rows of a text file: its first lines tell its kind."""
        lines, layout = _lines(file, given), self._layout
        begun, above = _first_lines(lines, 1)
        first = above[0] if above else ""
        is_csv = path.suffix.lower() in {".csv", ".tsv"}
        if first.startswith("{") or path.suffix.lower() in {".jsonl", ".ndjson"}:
            yield from json_rows(chain(begun, lines), str(path), layout, self._tell)
            return
        if first.startswith("["):
            raise UsageProblems(
                f"seeds={given}: JSON is read one object a line ({{…}}), without [ ]."
            )
        if first.startswith("<"):
            raise UsageProblems(
                f"seeds={given}: it is a web page or XML, which some programs call .xls. Open it "
                f"in Excel or LibreOffice, and save it as .xlsx or “CSV UTF-8”. {_REMEDY}"
            )
        delimiter = None
        if not first.startswith("#") or is_csv or layout.columns:
            delimiter = delimiter_of(first, layout)
            if delimiter is None and not is_image(first):
                more, others = _first_lines(lines, MOST_ABOVE - 1)
                begun, above = begun + more, above + others
                found = (delimiter_of(line, layout) for line in above)
                delimiter = next((one for one in found if one is not None), None)
        every = chain(begun, lines)
        if delimiter is None:
            # A table without a column for the image is told as that.
            wide = [line for line in above if line is first or not is_image(line)]
            is_table = is_csv and not first.startswith("#") and any(map(_DELIMITED.search, wide))
            if is_table or (layout.columns and above):
                delimiter = _most_frequent("".join(wide))
        if delimiter is None:
            yield from _plain_rows(every, path)
        else:
            yield from table_rows(every, str(path), given, delimiter, layout, self._tell)


def _open(path: Path, given: str) -> BufferedReader:
    """Open the file; of a named pipe, wait a while for somebody who writes into it.

    :raises UsageProblems: if nobody does
    """
    if not path.is_fifo():
        return path.open("rb")
    opened: Future[BufferedReader] = Future()

    def open_it() -> None:
        try:
            opened.set_result(path.open("rb"))
        except BaseException as exc:  # noqa: BLE001 - it is raised where it is waited for
            opened.set_exception(exc)

    # Opening it can't be interrupted, and waits for ever.
    Thread(target=open_it, daemon=True).start()
    try:
        return opened.result(_FIFO_SECONDS)
    except TimeoutError:
        raise UsageProblems(
            f"seeds={given}: it is a named pipe, and nobody has opened it for writing within "
            f"{_FIFO_SECONDS} s. Start what writes into it first, or give a file. {_REMEDY}"
        ) from None


def _refuse_others(given: str, start: bytes) -> None:
    if is_picture(start):
        raise UsageProblems(
            f"seeds={given}: it is a picture, and the API wants a URL: put the picture on a web "
            f"server, and give its address. {_REMEDY}"
        )
    if start.startswith(_OLD_OFFICE):
        raise UsageProblems(
            f"seeds={given}: it is of an old or encrypted Excel. Save it as .xlsx without a "
            f"password, or as “CSV UTF-8”. {_REMEDY}"
        )


def _first_lines(lines: Iterator[str], count: int) -> tuple[list[str], list[str]]:
    """Take so many lines that are not empty; return all that were read, and those without ends.

    A quoted cell may go on in the next lines.
    """
    begun: list[str] = []
    found: list[str] = []
    line = ""
    parts = 0
    while len(found) < count:
        more = next(lines, None)
        if more is not None:
            begun.append(more)
            line, parts = line + more, parts + bool(line or more.strip())
        is_long = parts > _LONGEST_HEADER or len(line) > _LONGEST_LINE
        if line.strip() and (line.count('"') % 2 == 0 or is_long or more is None):
            found.append(line.strip(" \r\n"))
            line, parts = "", 0
        if more is None:
            break
    return begun, found


def _told_of_folder(path: Path) -> str:
    """Return what is said of a folder."""
    try:
        names = [one.name for one in path.iterdir()]
    except OSError:
        names = []
    if pictures := sum(bool(_PICTURE.search(name)) for name in names):
        return (
            f"it is a folder, with {plural(pictures, 'picture')} in it. The API wants URLs: put "
            "the pictures on a web server, and their addresses into a file, one a line"
        )
    return "it is a folder"


def _told_of_none(path: Path) -> str:
    """Return what is said of a file that is not there, which may be a pattern of many."""
    pattern = str(path)
    if glob.has_magic(pattern):
        found = len(glob.glob(pattern))  # noqa: PTH207 - Path.glob refuses absolute ones
        return (
            f"it is a pattern, which {plural(found, 'file')} fit{'s' if found == 1 else ''}, and "
            "one file is wanted: put the addresses of the images into one, one a line"
        )
    return f"no such file (looked for {path.absolute()})"


def _most_frequent(line: str) -> str:
    return max(",;\t|", key=line.count)


def _plain_rows(lines: Iterator[str], path: Path) -> Iterator[SeedRow]:
    """Yield the rows of a plain list: one image a line, # for comments."""
    number = 0
    for line in lines:
        for text in line.rstrip("\r\n").split("\r"):
            number += 1
            image = (_COMMENT.sub("", text) if "#" in text else text).strip()
            if image:
                yield SeedRow(number, f"{path}, line {number}", image, is_plain=True)


def _lines(file: IO[bytes], given: str) -> Iterator[str]:
    """Yield the lines of a text file, with their ends.

    :raises UsageProblems: if it is not UTF-8, or too long
    """
    size = 0
    for number, raw in enumerate(iter(partial(file.readline, _LONGEST_LINE + 1), b""), 1):
        size += len(raw)
        if raw.endswith(_DOS_END):
            raw = raw.rstrip(_DOS_END)  # noqa: PLW2901 - nothing of it is wanted
        if b"\0" in raw or (number == 1 and raw.startswith(_UTF_16)):
            raise UsageProblems(
                f"seeds={given}, line {number}: it is no text file, or one in UTF-16 (“Unicode "
                f"Text”). {_SAVE_AS}. {_REMEDY}"
            )
        if len(raw) > _LONGEST_LINE or size > _LARGEST_FILE:
            what = "the line" if len(raw) > _LONGEST_LINE else "the file up to it"
            raise UsageProblems(
                f"seeds={given}, line {number}: {what} is too long. Accepted: lines of up to "
                f"{_LONGEST_LINE:,} bytes, {_LARGEST_FILE:,} in all; give each image a line of its "
                f"own, and what is more in a second job. {_REMEDY}"
            )
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            yield "\n" if number == 1 and _ENCODING.fullmatch(line.strip()) else line
        except UnicodeDecodeError as exc:
            raise UsageProblems(
                f"seeds={given}, line {number}: it is not UTF-8. {_SAVE_AS}. {_REMEDY}"
            ) from exc


def is_picture(content: bytes) -> bool:
    """Say whether *content* begins like a JPEG, PNG, GIF, BMP, TIFF or WebP.

    >>> is_picture(b"\\xff\\xd8\\xff\\xe0"), is_picture(b"https://a.alicdn.com/x.jpg")
    (True, False)
    """
    return (
        content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*"))
        or (content[:2] == b"BM" and content[6:10] == bytes(4))
        or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")
    )
