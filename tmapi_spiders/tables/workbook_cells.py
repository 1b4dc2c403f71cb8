"""Writes the cells of a workbook: each value in the type that suits Excel, none as a formula."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tmapi_spiders.gallery.model import LONGEST_LINK, web_link
from tmapi_spiders.tables.columns import LEAST_ID, ColumnKind
from tmapi_spiders.tables.row_values import as_text, is_decimal, is_number, to_time

if TYPE_CHECKING:
    from tmapi_spiders.tables.columns import Column
    from tmapi_spiders.tables.notes import Notes

__all__ = ["CellWriter"]

#: Excel's limits: UTF-16 units in a text, digits in a number.
_LONGEST_TEXT = 32_767
_MOST_DIGITS = 15

_FIRST_TIME = datetime(1900, 3, 1, tzinfo=UTC)
"""Excel's dates before this are off by one: it has a 29 February 1900."""

_CUT = " […cut]"
#: Characters XML can't hold; XlsxWriter would write Excel's escapes, which few programs know.
_NO_XML = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, 0xFFFE, 0xFFFF], "\ufffd")

_FORMATS = {
    ColumnKind.PRICE: "0.00####",
    ColumnKind.SHARE: "0.0%",
    ColumnKind.TIME: 'yyyy-mm-dd hh:mm:ss "UTC"',
}


class CellWriter:
    """Writes cells into a workbook's sheets.

    :param book: an XlsxWriter workbook
    :param notes: notes what a cell can't hold unchanged
    """

    def __init__(self, book: Any, notes: Notes) -> None:
        self._notes = notes
        self._link = book.get_default_url_format()
        self._formats = {
            kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()
        }

    def write(
        self, sheet: Any, row: int, number: int, column: Column, value: Any, *, may_link: bool
    ) -> tuple[str, bool]:
        """Write a value other than None; return its text as shown, and whether it is a link."""
        kind = column.kind
        if isinstance(value, bool):
            sheet.write_boolean(row, number, value)
            return str(value), False
        if (amount := _to_number(kind, value)) is not None:
            sheet.write_number(row, number, amount, self._formats.get(kind))
            return str(value), False
        if kind is ColumnKind.TIME and (time := to_time(value)) and time >= _FIRST_TIME:
            # Excel has no time zones; the format says UTC.
            sheet.write_datetime(row, number, time.replace(tzinfo=None), self._formats[kind])
            return "2026-11-25 00:00:00 UTC", False
        text = self.clean(as_text(kind, value))
        if may_link and (url := web_link(text)):
            escaped = quote(url, safe="%/:?#[]@!$&'()*+,;=~")
            if len(escaped) <= LONGEST_LINK:
                sheet.write_url(row, number, escaped, self._link, text)
                return text, True
        if text:
            sheet.write_string(row, number, text)
        return text, False

    def clean(self, text: str) -> str:
        r"""Return text with only what a cell can hold."""
        if not text.isprintable():
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            kept = text.translate(_NO_XML)
            if kept != text:
                self._notes.count("text", "{} with characters that XLSX can't hold, replaced by �")
                text = kept
        if len(text) > _LONGEST_TEXT // 2:
            units = text.encode("utf-16-le")
            if len(units) > 2 * _LONGEST_TEXT:
                self._notes.count(
                    "text", f"{{}} over Excel's {_LONGEST_TEXT:,} characters: cut, and marked"
                )
                room = 2 * (_LONGEST_TEXT - len(_CUT))
                text = units[:room].decode("utf-16-le", "ignore") + _CUT
        if text.startswith("<r>") and text.endswith("</r>"):
            text += " "  # XlsxWriter would take it for rich-text XML
        return text


def _to_number(kind: ColumnKind, value: Any) -> float | None:
    """Return a value as a number if Excel can hold it with all its digits, else None.

    >>> _to_number(ColumnKind.PRICE, "60.00"), _to_number(ColumnKind.TEXT, "60.00")
    (60.0, None)
    >>> _to_number(ColumnKind.TEXT, 60)
    60
    >>> _to_number(ColumnKind.ID, 7), _to_number(ColumnKind.TEXT, 4006381333931)
    (None, None)
    """
    if is_number(value):
        if kind is ColumnKind.ID or (isinstance(value, int) and abs(value) >= LEAST_ID):
            return None
        number: float = value
        return number
    if kind is not ColumnKind.PRICE or not is_decimal(value):
        return None
    digits = value.lstrip("-").replace(".", "").lstrip("0")
    return float(value) if len(digits) <= _MOST_DIGITS else None
