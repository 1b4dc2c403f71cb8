"""A seeds file: which kind it is, and its rows."""

from __future__ import annotations

import re
import sys
from concurrent.futures import Future
from functools import partial
from io import SEEK_END, BytesIO
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING

from tmapi_spiders.errors import UsageProblems, shortened
from tmapi_spiders.seed_row import SeedRow
from tmapi_spiders.seed_tables import delimiter_of, json_rows, table_rows
from tmapi_spiders.seed_workbook import workbook_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader

__all__ = ["STDIN", "is_file", "read_rows"]

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
_COMMENT = re.compile(r"(?:^|\s)#.*$")

_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


#: What stands for standard input, as for other programs.
STDIN = "-"


def is_file(given: str) -> bool:
    """Say whether this names a file that can be read again and again."""
    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        return False


def read_rows(given: str) -> Iterator[SeedRow]:
    """Yield the rows of a seeds file, in its order; those that nothing can be made of included.

    :raises UsageProblems: if it can't be read
    """
    if given == STDIN and sys.stdin is not None and sys.stdin.isatty():
        raise UsageProblems(
            f"seeds={STDIN}: it is standard input, which is a terminal here. Have another program "
            f"write the seeds into it (… | scrapy … -a seeds={STDIN}), or give a file. {_REMEDY}"
        )
    path, given = Path(_STDIN_PATH if given == STDIN else given), shortened(given)
    try:
        path = path.expanduser()
        if path.is_dir():
            raise UsageProblems(f"seeds={given}: it is a folder. {_REMEDY}")
        with _open(path, given) as file:
            start = file.peek(16)
            _refuse_others(given, start)
            if start.startswith(_ZIP):
                whole = file if file.seekable() else BytesIO(file.read(_LARGEST_WORKBOOK + 1))
                size = whole.seek(0, SEEK_END)
                if size > _LARGEST_WORKBOOK:
                    raise UsageProblems(
                        f"seeds={given}: it is a workbook of {size:,} bytes, or more. Accepted: up "
                        f"to {_LARGEST_WORKBOOK:,}; save its sheet as “CSV UTF-8”. {_REMEDY}"
                    )
                whole.seek(0)
                yield from workbook_rows(whole, str(path), given)
            else:
                yield from _text_rows(file, path, given)
    except FileNotFoundError:
        raise UsageProblems(
            f"seeds={given}: no such file (looked for {path.absolute()}). {_REMEDY}"
        ) from None
    except (OSError, ValueError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise UsageProblems(f"seeds={given}: it can't be read ({reason}). {_REMEDY}") from exc


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


def _text_rows(file: IO[bytes], path: Path, given: str) -> Iterator[SeedRow]:
    """Yield the rows of a text file: its first line that is not empty tells its kind."""
    lines, begun, first = _lines(file, given), [], ""
    for line in lines:
        begun.append(line)
        first += line
        # A quoted cell may go on in the next lines.
        is_long = len(begun) > _LONGEST_HEADER or len(first) > _LONGEST_LINE
        if first.strip() and (first.count('"') % 2 == 0 or is_long):
            break
    first = first.strip(" \r\n")
    every = chain(begun, lines)
    suffix = path.suffix.lower()
    is_csv = suffix in {".csv", ".tsv"}
    if first.startswith("{") or suffix in {".jsonl", ".ndjson"}:
        yield from json_rows(every, str(path))
    elif first.startswith("["):
        raise UsageProblems(f"seeds={given}: JSON is read one object a line ({{…}}), without [ ].")
    elif first.startswith("#") and not (is_csv and delimiter_of(first)):
        yield from _plain_rows(every, path)
    elif delimiter := delimiter_of(first):
        yield from table_rows(every, str(path), given, delimiter)
    elif is_csv and re.search(r"[,;\t|]", first):
        yield from table_rows(every, str(path), given, _most_frequent(first))
    else:
        yield from _plain_rows(every, path)


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
            yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
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
