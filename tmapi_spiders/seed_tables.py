"""Tables of seeds: CSV, TSV and XLSX with a header, and JSON lines."""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import re
import warnings
from typing import IO, TYPE_CHECKING, Any

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.seed_row import IMAGE_COLUMNS, SeedRow, check_columns, row_of, well_known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["delimiter_of", "json_rows", "table_rows", "workbook_rows"]

_TABLE = (
    f"Accepted: a header with a column {', '.join(IMAGE_COLUMNS[:-1])} or {IMAGE_COLUMNS[-1]} that "
    "has the image; id and search_… have a meaning too, all others are carried through."
)
_DELIMITERS = (",", ";", "\t", "|")
_ENDS = " \r\n"

#: A first line that Excel reads, and understands: which delimiter follows.
_SEP = re.compile(r"sep=(.)", re.IGNORECASE)

_IMAGE = re.compile(r"\s*[\"']?(?:https?:|//|/search/)")

_NO_READER = (
    "an XLSX file is read with openpyxl, which is not installed: pip install "
    "'tmapi-spiders[xlsx]', or save it as “CSV UTF-8”."
)


def delimiter_of(header: str) -> str | None:
    r"""Return what separates the columns of a table, given its first line; None: it is no header.

    >>> delimiter_of("SKU;Image;price"), delimiter_of("url\tid"), delimiter_of("//a.b/c.jpg;7")
    (';', '\t', None)
    """
    if found := _SEP.fullmatch(header.strip(_ENDS)):
        return found[1]
    if _IMAGE.match(header):
        return None
    best, most = None, 0
    for delimiter in _DELIMITERS:
        columns = _cells(header, delimiter)
        if any(well_known(column) in IMAGE_COLUMNS for column in columns) and len(columns) > most:
            best, most = delimiter, len(columns)
    return best


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def table_rows(lines: Iterable[str], path: str, given: str, delimiter: str) -> Iterator[SeedRow]:
    """Yield the rows of a CSV file.

    :param lines: with their ends; the header is the first that is not empty
    :param path: for messages
    :param given: the argument
    :raises UsageProblems: if its header or its quotes are wrong
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    before = 0
    try:
        for cells in reader:
            number, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                if not _SEP.fullmatch(delimiter.join(cells).strip(_ENDS)):
                    columns = _header(cells, f"seeds={given}, line {number}")
                continue
            where = f"{path}, line {number}"
            if any(cell.strip() for cell in cells[len(columns) :]):
                problem = (
                    f"it has {len(cells)} cells, and the header {len(columns)}; put a cell that "
                    f"has {delimiter!r} in it in quotes"
                )
                yield SeedRow(number, where, problem=problem)
                continue
            # Excel leaves out delimiters behind which there is nothing.
            padded = [*cells, *[""] * (len(columns) - len(cells))]
            if (row := row_of(number, where, _named(columns, padded))) is not None:
                yield row
    except csv.Error as exc:
        raise UsageProblems(
            f"seeds={given}, line {before + 1}: it can't be read as CSV ({exc}): a quote that is "
            "not closed, or the line ends of an old Mac. Save the file anew as “CSV UTF-8”."
        ) from exc


def _header(cells: Sequence[Any], where: str) -> list[str]:
    """Return the names of the columns; of those without one, what Excel would call them.

    :raises UsageProblems: with all that is wrong with them
    """
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if problems := check_columns(name for name in names if name):
        raise UsageProblems(*[f"{where}: {problem}. {_TABLE}" for problem in problems])
    names += [""] * (len(cells) - len(names))
    return [well_known(name) or name for name in names]


def _named(columns: list[str], cells: Sequence[Any]) -> dict[str, Any]:
    """Return the cells by column; what is in a column without a name goes by its number."""
    values = {}
    for number, (column, cell) in enumerate(zip(columns, cells, strict=False), 1):
        if column:
            values[column] = cell
        elif _shows(cell):
            values[f"column_{number}" + "_" * (f"column_{number}" in columns)] = cell
    return values


def json_rows(lines: Iterable[str], path: str) -> Iterator[SeedRow]:
    """Yield the rows of a file of JSON lines.

    :param path: for messages
    """
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        try:
            content = json.loads(
                line, parse_constant=_refuse, parse_float=_to_float, object_pairs_hook=_to_object
            )
        except (ValueError, RecursionError) as exc:
            yield SeedRow(number, where, problem=f"it is no JSON ({exc}); one object a line")
            continue
        if not isinstance(content, dict):
            yield SeedRow(number, where, problem="it is no JSON object; accepted: one a line")
            continue
        if problems := check_columns(content):
            yield SeedRow(number, where, problem="; ".join(problems))
            continue
        values = {well_known(name) or name: value for name, value in content.items()}
        if (row := row_of(number, where, values)) is not None:
            yield row


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _to_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def workbook_rows(file: IO[bytes], path: str, given: str) -> Iterator[SeedRow]:
    """Yield the rows of the first sheet of an XLSX file that has a column for the image.

    :param path: for messages
    :param given: the argument
    :raises UsageProblems: if it can't be read, or has no such sheet
    """
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageProblems(f"seeds={given}: {_NO_READER}") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of features of the file that have no meaning here
        try:
            book = load_workbook(file, read_only=True, data_only=True)
        except Exception as exc:
            raise _unreadable(given, exc) from exc
        try:
            yield from _sheet_rows(book, path, given)
        finally:
            book.close()


def _unreadable(given: str, exc: Exception) -> UsageProblems:
    # openpyxl raises whatever zip, XML and its own parsers do.
    return UsageProblems(
        f"seeds={given}: it can't be read as XLSX ({type(exc).__name__}: {exc}). Save it as .xlsx "
        "or as “CSV UTF-8” (Excel: Save As; other programs: Export)."
    )


def _sheet_rows(book: Any, path: str, given: str) -> Iterator[SeedRow]:
    headers = []
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # programs that are not Excel write wrong ones
            rows = enumerate(sheet.iter_rows(values_only=True), 1)
            first = next((row for row in rows if any(map(_shows, row[1]))), None)
            if first is None:
                continue
            number, cells = first
            where = f"seeds={given}, sheet {sheet.title!r}, row {number}"
            headers.append((where, cells))
            if any(well_known(str(cell)) in IMAGE_COLUMNS for cell in cells):
                yield from _cell_rows(rows, _header(cells, where), path)
                return
    except UsageProblems:
        raise
    except Exception as exc:
        raise _unreadable(given, exc) from exc
    if headers:
        where, cells = headers[0]
        _header(cells, where)


def _cell_rows(
    rows: Iterable[tuple[int, Sequence[Any]]], columns: list[str], path: str
) -> Iterator[SeedRow]:
    for number, cells in rows:
        width = max(len(cells), len(columns))
        padded = [_plain(cell) for cell in cells] + [None] * (width - len(cells))
        names = columns + [""] * (width - len(columns))
        row = row_of(number, f"{path}, row {number}", _named(names, padded))
        if row is not None:
            yield row


def _shows(cell: Any) -> bool:
    return cell is not None and bool(str(cell).strip())


def _plain(cell: Any) -> Any:
    """Return a cell's value as JSON has it: times as ISO 8601.

    >>> _plain(dt.datetime(2026, 11, 25)), _plain(dt.datetime(2026, 11, 25, 8, 30)), _plain(7)
    ('2026-11-25', '2026-11-25T08:30:00', 7)
    """
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return cell if cell is None or isinstance(cell, str | int | float | bool) else str(cell)
