"""Reads tables of seeds: CSV and TSV with a header, and JSON lines."""

from __future__ import annotations

import csv
import json
import math
import re
from typing import TYPE_CHECKING, Any

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.seed import looks_like_image
from tmapi_spiders.inputs.seed_files.seed_columns import Columns
from tmapi_spiders.inputs.seed_files.seed_header import (
    HEADER_ROWS,
    columns_of_header,
    is_header,
    likely_header,
    no_header,
)
from tmapi_spiders.inputs.seed_files.seed_row import SeedRow, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tmapi_spiders.inputs.seed_files.seed_columns import Layout

__all__ = ["delimiter_of", "is_image", "json_rows", "table_rows"]

#: Levels of nested objects and lists in a row: it is written with each product, by libraries that
#: fail at a few hundred.
_DEEPEST = 100

_TOO_DEEP = f"it is nested too deeply; accepted: up to {_DEEPEST} levels of objects and lists"

_DELIMITERS = (",", ";", "\t", "|")
_ENDS = " \r\n"

#: A first line by which Excel learns the delimiter.
_SEP = re.compile(r"sep=(.)", re.IGNORECASE)


def is_image(line: str) -> bool:
    """Return whether a line begins with an image, and so is not a header."""
    return looks_like_image(line.lstrip("\"' "))


def delimiter_of(header: str, layout: Layout) -> str | None:
    r"""Return the delimiter of a table from its header; None if the line is not a header.

    >>> from tmapi_spiders.inputs.seed_files.seed_columns import Layout
    >>> delimiter_of("SKU;Image;price", Layout()), delimiter_of("url\tid", Layout())
    (';', '\t')
    >>> delimiter_of("//a.b/c.jpg;image", Layout()), delimiter_of("a|b", Layout({"image": "b"}))
    (None, '|')
    """
    if found := _SEP.fullmatch(header.strip(_ENDS)):
        return found[1]
    if is_image(header):
        return None
    best, most = None, 0
    for delimiter in _DELIMITERS:
        cells = _cells(header, delimiter)
        if len(cells) > most and is_header(cells, layout):
            best, most = delimiter, len(cells)
    return best


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def table_rows(  # noqa: PLR0917 - all are needed
    lines: Iterable[str],
    path: str,
    given: str,
    delimiter: str,
    layout: Layout,
    on_columns: Callable[[Columns, int], None],
) -> Iterator[SeedRow]:
    """Yield the rows of a CSV file.

    :param lines: with their ends
    :param path: for messages
    :param given: the argument
    :param on_columns: called with the columns and the header's line as soon as they are known
    :raises UsageProblems: if its header or its quotes are wrong
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    columns: Columns | None = None
    above: list[tuple[int, list[str]]] = []
    before = 0
    try:
        for cells in reader:
            number, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                if _SEP.fullmatch(delimiter.join(cells).strip(_ENDS)):
                    continue
                above.append((number, cells))
                if is_header(cells, layout):
                    columns = columns_of_header(cells, f"seeds={given}, line {number}", layout)
                    on_columns(columns, number)
                elif len(above) == HEADER_ROWS:
                    break
                continue
            where = f"{path}, line {number}"
            width = len(columns.names)
            if any(cell.strip() for cell in cells[width:]):
                problem = (
                    f"it has {len(cells)} cells, and the header {width}; quote cells that "
                    f"contain {delimiter!r}"
                )
                yield SeedRow(number, where, problem=problem)
                continue
            # Excel leaves out delimiters at the end.
            padded = [*cells, *[""] * (width - len(cells))]
            if (row := row_of(number, where, columns, padded, layout.rates)) is not None:
                yield row
    except csv.Error as exc:
        raise UsageProblems(
            f"seeds={given}, line {before + 1}: it can't be read as CSV ({exc}): a quote that is "
            "not closed, or the line ends of an old Mac. Save the file again as “CSV UTF-8”."
        ) from exc
    if columns is None and above:
        place = likely_header([cells for _, cells in above], layout) or 0
        number, cells = above[place]
        raise UsageProblems(no_header(cells, f"seeds={given}, line {number}", layout))


def json_rows(
    lines: Iterable[str], path: str, layout: Layout, on_columns: Callable[[Columns, int], None]
) -> Iterator[SeedRow]:
    """Yield the rows of a file of JSON lines.

    :param path: for messages
    :param on_columns: called with the columns of the first row, and its line
    """
    columns: Columns | None = None
    names: list[str] | None = None
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
            yield SeedRow(
                number, where, problem=f"it is not JSON ({exc}); accepted: one object per line"
            )
            continue
        if not isinstance(content, dict):
            yield SeedRow(number, where, problem="it is not a JSON object; accepted: one per line")
            continue
        if _is_deeper(content, _DEEPEST):
            yield SeedRow(number, where, problem=_TOO_DEEP)
            continue
        if (keys := list(content)) != names:  # most rows have the same
            try:
                found = Columns.of(keys, layout, is_whole=False)
            except ValueError as exc:
                problem = "; ".join(str(exc).splitlines())
                yield SeedRow(number, where, problem=problem)
                continue
            if columns is None:
                on_columns(found, number)
            columns, names = found, keys
        assert columns is not None
        cells = list(content.values())
        if (row := row_of(number, where, columns, cells, layout.rates)) is not None:
            yield row


def _is_deeper(value: Any, most: int) -> bool:
    """Return whether objects and lists are nested deeper than *most* levels.

    >>> _is_deeper({"a": [1]}, 2), _is_deeper({"a": [[]]}, 2)
    (False, True)
    """
    if not isinstance(value, dict | list):
        return False
    within = value.values() if isinstance(value, dict) else value
    return most == 0 or any(_is_deeper(one, most - 1) for one in within)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _to_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key appears twice")
    return found
