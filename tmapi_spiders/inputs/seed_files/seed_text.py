"""Reads the rows of a text file: a plain list, a table, or JSON lines."""

from __future__ import annotations

import re
from functools import partial
from itertools import chain
from typing import IO, TYPE_CHECKING

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.seed_files.seed_header import HEADER_ROWS
from tmapi_spiders.inputs.seed_files.seed_row import SeedRow
from tmapi_spiders.inputs.seed_files.seed_table import delimiter_of, is_image, json_rows, table_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tmapi_spiders.inputs.seed_files.seed_columns import Columns, Layout

__all__ = ["REMEDY", "text_rows"]

#: Ends a message about a seeds file.
REMEDY = (
    "Accepted: a text file with one image per line, a table (CSV, TSV, XLSX, JSON lines) with a "
    "column image, or images separated by commas."
)
_SAVE_AS = (
    "Save it as UTF-8: in Excel, Save As, “CSV UTF-8 (Comma delimited)”; in LibreOffice, Save As, "
    "Text CSV, “Edit filter settings”, Character set UTF-8; in an editor, encoding UTF-8"
)
_LONGEST_HEADER = 20

#: Bytes: longer than any row. A list with an old Mac's line ends is one line: 100,000 images.
_LONGEST_LINE = 10_000_000

#: Bytes: ten million images; stops input that has no end.
_LARGEST_FILE = 1_000_000_000

_DELIMITED = re.compile(r"[,;\t|]")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

#: A first line in which a program or a person names the encoding.
_ENCODING = re.compile(r"utf-?8(?:-?(?:sig|bom))?", re.IGNORECASE)

#: DOS's end-of-file character.
_DOS_END = b"\x1a"


def text_rows(
    file: IO[bytes],
    path: Path,
    given: str,
    layout: Layout,
    on_columns: Callable[[Columns, int], None],
) -> Iterator[SeedRow]:
    """Yield the rows of a text file, whose kind the first lines show.

    :param given: the argument
    :param layout: how the user describes a table
    :param on_columns: called with a table's columns and the header's line as soon as they are known
    :raises UsageProblems: if it can't be read
    """
    lines = _lines(file, given)
    begun, above = _first_lines(lines, 1)
    first = above[0] if above else ""
    is_csv = path.suffix.lower() in {".csv", ".tsv"}
    if first.startswith("{") or path.suffix.lower() in {".jsonl", ".ndjson"}:
        yield from json_rows(chain(begun, lines), str(path), layout, on_columns)
        return
    if first.startswith("["):
        raise UsageProblems(
            f"seeds={given}: JSON has to be one object per line ({{…}}), without [ ]."
        )
    if first.startswith("<"):
        raise UsageProblems(
            f"seeds={given}: it is a web page or XML, which some programs call .xls. Open it "
            f"in Excel or LibreOffice, and save it as .xlsx or “CSV UTF-8”. {REMEDY}"
        )
    delimiter = None
    if not first.startswith("#") or is_csv or layout.columns:
        delimiter = delimiter_of(first, layout)
        if delimiter is None and not is_image(first):
            more, others = _first_lines(lines, HEADER_ROWS - 1)
            begun, above = begun + more, above + others
            found = (delimiter_of(line, layout) for line in above)
            delimiter = next((one for one in found if one is not None), None)
    every = chain(begun, lines)
    if delimiter is None:
        # A table without an image column must be reported as such, not read as a list.
        wide = [line for line in above if line is first or not is_image(line)]
        is_table = is_csv and not first.startswith("#") and any(map(_DELIMITED.search, wide))
        if is_table or (layout.columns and above):
            delimiter = _most_frequent("".join(wide))
    if delimiter is None:
        yield from _plain_rows(every, path)
    else:
        yield from table_rows(every, str(path), given, delimiter, layout, on_columns)


def _first_lines(lines: Iterator[str], count: int) -> tuple[list[str], list[str]]:
    """Read *count* lines that are not empty; return all lines read, and those without line ends.

    A line goes on in the next ones while a quoted cell is open.
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


def _most_frequent(line: str) -> str:
    return max(",;\t|", key=line.count)


def _plain_rows(lines: Iterator[str], path: Path) -> Iterator[SeedRow]:
    """Yield the rows of a plain list: one image per line, # for comments."""
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
            raw = raw.rstrip(_DOS_END)  # noqa: PLW2901 - the original is not needed
        if b"\0" in raw or (number == 1 and raw.startswith(_UTF_16)):
            raise UsageProblems(
                f"seeds={given}, line {number}: it is not a text file, or one in UTF-16 (“Unicode "
                f"Text”). {_SAVE_AS}. {REMEDY}"
            )
        if len(raw) > _LONGEST_LINE or size > _LARGEST_FILE:
            what = "the line" if len(raw) > _LONGEST_LINE else "the file up to it"
            raise UsageProblems(
                f"seeds={given}, line {number}: {what} is too long. Accepted: lines of up to "
                f"{_LONGEST_LINE:,} bytes, {_LARGEST_FILE:,} in all; put each image on its own "
                f"line, and split the file into several jobs. {REMEDY}"
            )
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            yield "\n" if number == 1 and _ENCODING.fullmatch(line.strip()) else line
        except UnicodeDecodeError as exc:
            raise UsageProblems(
                f"seeds={given}, line {number}: it is not UTF-8. {_SAVE_AS}. {REMEDY}"
            ) from exc
