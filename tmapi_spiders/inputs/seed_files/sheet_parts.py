"""Reads what a sheet has besides values: links, merged cells, pictures, formulas.

openpyxl reads these only into a workbook that is wholly in memory, which takes fifty times the
file's size; here they are read from the parts of the file that hold them.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from bisect import bisect_right
from typing import IO, TYPE_CHECKING, Any, Final

import attrs
from openpyxl.utils.cell import range_boundaries
from openpyxl.xml.functions import fromstring

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["SheetParts", "Spans", "parts_of"]

_CHUNK: Final = 1 << 20

#: Bytes around the cells: column widths before them, links and merged cells after.
_MOST_AROUND: Final = 16_000_000

_MOST_ROWS: Final = 1_048_576
_MOST_COLUMNS: Final = 16_384

_CELLS: Final = re.compile(rb"<(?:\w+:)?sheetData[\s/>]")
_END_OF_CELLS: Final = re.compile(rb"</(?:\w+:)?sheetData\s*>")
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s/>]")
_HIDDEN_ROW: Final = re.compile(rb"""<(?:\w+:)?row\s[^>]*\shidden=["'](?:1|true)["']""")


@attrs.frozen
class Spans:
    """Values that span several rows of one column."""

    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    values: tuple[Any, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int, Any]]) -> Spans:
        """Make them of tuples: first row, last row, value.

        >>> spans = Spans.of([(7, 9, "b"), (2, 2, "a")])
        >>> spans.at(2), spans.at(3), spans.at(8)
        ('a', None, 'b')
        """
        found = sorted(spans, key=lambda span: span[:2])
        return cls(*map(tuple, zip(*found, strict=True))) if found else cls()

    def at(self, row: int) -> Any:
        """Return the value in a row; None if there is none."""
        place = bisect_right(self.starts, row) - 1
        return self.values[place] if place >= 0 and row <= self.ends[place] else None


@attrs.frozen
class SheetParts:
    """What a sheet has besides values; rows and columns count from 1."""

    links: tuple[tuple[int, int, int, int, str], ...] = ()
    """First row, first column, last row, last column, and the linked address."""
    merged: tuple[tuple[int, int, int], ...] = ()
    """First row, last row, and column of merged cells."""
    pictures: frozenset[tuple[int, int]] = frozenset()
    """Row and column of each picture."""
    has_formulas: bool = False
    hidden_rows: int = 0

    def links_in(self, column: int) -> Spans:
        """Return the addresses that cells of a column link to."""
        return Spans.of(
            (first, last, address)
            for first, left, last, right, address in self.links
            if left <= column <= right
        )


def parts_of(file: IO[bytes], title: str) -> SheetParts:
    """Return what a sheet has besides values.

    :param title: the sheet's name
    :raises KeyError: if there is no such sheet; zip and XML raise other exceptions
    """
    with zipfile.ZipFile(file) as packed:
        book = _part_by_type(packed, "", "/officeDocument")
        name = _sheets(packed, book)[title]
        around, has_formulas, hidden = _scan(packed, name)
        root = fromstring(around)
        targets = {one.get("Id"): one for one in _relationships(packed, name)}
        pictures: set[tuple[int, int]] = set()
        for drawing in root.findall(".//{*}drawing"):
            if (target := _target(targets, drawing, name)) in packed.namelist():
                pictures.update(_pictures(packed.read(target)))
        return SheetParts(
            tuple(_links(root, targets)),
            tuple(_merged(root)),
            frozenset(pictures),
            has_formulas,
            hidden,
        )


def _scan(packed: zipfile.ZipFile, name: str) -> tuple[bytes, bool, int]:
    """Return a sheet's XML without its cells, whether it has formulas, and how many hidden rows."""
    head, tail, has_formulas, hidden = b"", b"", False, 0
    where = 0  # 0 before the cells, 1 in them, 2 after
    rest = b""
    with packed.open(name) as part:
        while chunk := part.read(_CHUNK):
            rest += chunk
            if where == 0:
                if (found := _CELLS.search(rest)) is None:
                    if len(rest) > _MOST_AROUND:
                        break
                    continue
                head, rest, where = rest[: found.start()], rest[found.start() :], 1
            if where == 1:
                found = _END_OF_CELLS.search(rest)
                # A tag may go on in the next chunk.
                cut = found.end() if found else max(rest.rfind(b"<"), 0)
                cells, rest = rest[:cut], rest[cut:]
                has_formulas = has_formulas or _FORMULA.search(cells) is not None
                hidden += len(_HIDDEN_ROW.findall(cells))
                if found is None:
                    continue
                where = 2
            tail += rest
            rest = b""
            if len(tail) > _MOST_AROUND:
                raise ValueError("there is too much after the cells of the sheet")
    if where == 2:
        return head + tail, has_formulas, hidden
    # Without cells, or with an empty <sheetData/>, there are no links or merged cells.
    return b"<worksheet/>", has_formulas, hidden


def _part_by_type(packed: zipfile.ZipFile, name: str, kind: str) -> str:
    for one in _relationships(packed, name):
        if one.get("Type", "").endswith(kind):
            return _resolve(one.get("Target", ""), name)
    raise KeyError(kind)


def _sheets(packed: zipfile.ZipFile, book: str) -> dict[str, str]:
    """Return the part of each sheet by the sheet's name."""
    targets = {one.get("Id"): one for one in _relationships(packed, book)}
    return {
        sheet.get("name", ""): _target(targets, sheet, book)
        for sheet in fromstring(packed.read(book)).findall(".//{*}sheet")
    }


def _relationships(packed: zipfile.ZipFile, name: str) -> list[Any]:
    """Return the relationships of a part of the file."""
    folder, base = posixpath.split(name)
    try:
        return list(fromstring(packed.read(posixpath.join(folder, "_rels", f"{base}.rels"))))
    except KeyError:
        return []


def _resolve(target: str, name: str) -> str:
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(name), target)).lstrip("/")


def _id(element: Any) -> str | None:
    """Return the relationship id of an element, in any namespace."""
    return next((value for key, value in element.items() if key.endswith("}id")), None)


def _target(targets: dict[Any, Any], element: Any, name: str) -> str:
    found = targets.get(_id(element))
    return "" if found is None else _resolve(found.get("Target", ""), name)


def _corners(cells: str) -> tuple[int, int, int, int]:
    """Return first row, first column, last row and last column of a range.

    >>> _corners("B2:C7"), _corners("A3")
    ((2, 2, 7, 3), (3, 1, 3, 1))

    :raises ValueError: if it is not a range
    """
    left, top, right, bottom = range_boundaries(cells)
    return top or 1, left or 1, bottom or _MOST_ROWS, right or _MOST_COLUMNS


def _links(root: Any, targets: dict[Any, Any]) -> Iterator[tuple[int, int, int, int, str]]:
    for link in root.findall(".//{*}hyperlink"):
        found = targets.get(_id(link))
        if found is None or found.get("Target", "#").startswith("#"):  # a link within the workbook
            continue
        top, left, bottom, right = _corners(link.get("ref", ""))
        address = found.get("Target", "")
        if fragment := link.get("location"):
            address = f"{address}#{fragment}"
        yield top, left, bottom, right, address


def _merged(root: Any) -> Iterator[tuple[int, int, int]]:
    for cells in root.findall(".//{*}mergeCell"):
        top, left, bottom, _ = _corners(cells.get("ref", ""))
        if bottom > top:
            yield top, bottom, left


def _pictures(drawing: bytes) -> Iterator[tuple[int, int]]:
    """Yield the row and column of each picture of a drawing."""
    for anchor in fromstring(drawing):
        corner = anchor.find("{*}from")
        if corner is None or anchor.find(".//{*}pic") is None:
            continue
        row, column = corner.findtext("{*}row"), corner.findtext("{*}col")
        if row and column and row.strip().isdigit() and column.strip().isdigit():
            yield int(row) + 1, int(column) + 1
