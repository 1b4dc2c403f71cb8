"""Writes a table as CSV, guarded so that spreadsheet programs run no formula in it."""

from __future__ import annotations

import csv
import re
from io import TextIOWrapper
from typing import IO, TYPE_CHECKING, Any

from tmapi_spiders.tables.columns import ColumnKind
from tmapi_spiders.tables.row_values import as_text, is_decimal, is_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tmapi_spiders.tables.columns import Column
    from tmapi_spiders.tables.notes import Notes

__all__ = ["write_csv"]

#: Characters at the start of a cell that make it a formula in spreadsheet programs (OWASP).
_LIVE = tuple("=+-@\t\r\n＝＋－＠")

#: The same after what a reader may take for the end of a cell: some split at semicolons (Excel in
#: half of Europe), tabs or bars, or at line breaks despite quotes, and trim spaces and quotes.
_LIVE_WITHIN = re.compile(r"""([;|\t\r\n])(?=[ "']*[=+\-@＝＋－＠])""")


def write_csv(
    file: IO[bytes],
    columns: Iterable[Column],
    rows: Iterable[Mapping[str, Any]],
    notes: Notes,
    *,
    bom: bool = False,
) -> None:
    """Write rows as in RFC 4180: UTF-8, commas, CRLF, quotes where needed.

    :param bom: begin with a byte order mark, by which Excel recognises UTF-8
    :raises OSError: if it can't be written
    """
    columns = tuple(columns)
    text = TextIOWrapper(file, encoding="utf-8-sig" if bom else "utf-8", newline="")
    try:
        writer = csv.writer(text)
        writer.writerow([_guarded(column.name, None) for column in columns])
        writer.writerows(
            [_cell(column, column.value(row), notes) for column in columns] for row in rows
        )
    finally:
        text.detach()


def _cell(column: Column, value: Any, notes: Notes) -> str:
    if value is None:
        return ""
    text = as_text(column.kind, value)
    if is_number(value) or (column.kind is ColumnKind.PRICE and is_decimal(value)):
        return text
    return _guarded(text, notes)


def _guarded(text: str, notes: Notes | None) -> str:
    r"""Return text that is not a formula, in any cell a reader may see in it.

    >>> _guarded("=1+1", None), _guarded("lamp", None), _guarded("a\0b", None)
    ("'=1+1", 'lamp', 'a\ufffdb')
    >>> _guarded('lamp;=1+1;"=2', None), _guarded("a; b;c-1", None)
    ('lamp;\'=1+1;\'"=2', 'a; b;c-1')
    """
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    guarded = _LIVE_WITHIN.sub(r"\1'", text)
    if text.lstrip(" ").startswith(_LIVE):
        guarded = f"'{guarded}"
    if guarded != text and notes is not None:
        notes.count("text", "{} that a spreadsheet would take for a formula, prefixed with '")
    return guarded
