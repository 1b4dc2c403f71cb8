"""Tables of seeds: CSV and TSV with a header, and JSON lines."""

from __future__ import annotations

import csv
import json
import math
import re
from typing import TYPE_CHECKING, Any

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.seed_row import IMAGE_COLUMNS, SeedRow, check_columns, row_of, well_known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["delimiter_of", "header_of", "json_rows", "named", "shows", "table_rows"]

_TABLE = (
    f"Accepted: a header with a column {', '.join(IMAGE_COLUMNS[:-1])} or {IMAGE_COLUMNS[-1]} that "
    "has the image; id and search_… have a meaning too, all others are carried through."
)
#: Of objects and lists in each other, in a row: it is written again with each product, by
#: libraries that give up at some hundred.
_DEEPEST = 100

_TOO_DEEP = (
    f"it is nested too deep; accepted: objects and lists in each other up to {_DEEPEST} deep"
)

_DELIMITERS = (",", ";", "\t", "|")
_ENDS = " \r\n"

#: A first line that Excel reads, and understands: which delimiter follows.
_SEP = re.compile(r"sep=(.)", re.IGNORECASE)

_IMAGE = re.compile(r"\s*[\"']?(?:https?:|//|/search/)")


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
                    columns = header_of(cells, f"seeds={given}, line {number}")
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
            if (row := row_of(number, where, named(columns, padded))) is not None:
                yield row
    except csv.Error as exc:
        raise UsageProblems(
            f"seeds={given}, line {before + 1}: it can't be read as CSV ({exc}): a quote that is "
            "not closed, or the line ends of an old Mac. Save the file anew as “CSV UTF-8”."
        ) from exc


def header_of(cells: Sequence[Any], where: str) -> list[str]:
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


def named(columns: list[str], cells: Sequence[Any]) -> dict[str, Any]:
    """Return the cells by column; what is in a column without a name goes by its number."""
    values = {}
    for number, (column, cell) in enumerate(zip(columns, cells, strict=False), 1):
        if column:
            values[column] = cell
        elif shows(cell):
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
        except RecursionError:
            yield SeedRow(number, where, problem=_TOO_DEEP)
            continue
        except ValueError as exc:
            yield SeedRow(number, where, problem=f"it is no JSON ({exc}); one object a line")
            continue
        if not isinstance(content, dict):
            yield SeedRow(number, where, problem="it is no JSON object; accepted: one a line")
            continue
        if _is_deeper(content, _DEEPEST):
            yield SeedRow(number, where, problem=_TOO_DEEP)
            continue
        if problems := check_columns(content):
            yield SeedRow(number, where, problem="; ".join(problems))
            continue
        values = {well_known(name) or name: value for name, value in content.items()}
        if (row := row_of(number, where, values)) is not None:
            yield row


def _is_deeper(value: Any, most: int) -> bool:
    """Say whether objects and lists are in each other to more than a depth.

    >>> _is_deeper({"a": [1]}, 2), _is_deeper({"a": [[]]}, 2)
    (False, True)
    """
    if not isinstance(value, dict | list):
        return False
    within = value.values() if isinstance(value, dict) else value
    return most == 0 or any(_is_deeper(one, most - 1) for one in within)


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


def shows(cell: Any) -> bool:
    """Say whether anything is in a cell."""
    return cell is not None and bool(str(cell).strip())
