"""Writes an XLSX workbook: a sheet for each table, and one about the job."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from tmapi_spiders.tables.columns import ColumnKind
from tmapi_spiders.tables.workbook_cells import CellWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tmapi_spiders.tables.columns import Column
    from tmapi_spiders.tables.job_tables import Table
    from tmapi_spiders.tables.notes import Notes

__all__ = ["MOST_COLUMNS", "Workbook"]

MOST_COLUMNS = 16_384
#: Excel's limits per sheet; the header is a row, too.
_MOST_ROWS = 1_048_576 - 1
_MOST_LINKS = 65_530

#: Columns to link, the most useful first: a sheet may not have room for all.
_LINKS = ("product_url", "img", "seed_img_url")

#: How many rows are measured for the width of columns, and its limits in characters.
_MEASURED_ROWS = 300
_NARROWEST, _WIDEST = 7, 48
_WIDEST_LINK = 32

_BLUE, _PALE, _RED = "#1F4E78", "#DDEBF7", "#C00000"


class Workbook:
    """An XLSX file, written row by row so that memory does not grow with the rows.

    :param xlsxwriter: the module, an extra
    :param file: the file to write
    :param scratch: a folder for temporary files, which are as large as the job's own
    :param notes: notes what a sheet can't hold unchanged
    """

    def __init__(
        self,
        xlsxwriter: Any,
        file: IO[bytes],
        scratch: str,
        notes: Notes,
        *,
        most_rows: int = _MOST_ROWS,
        most_links: int = _MOST_LINKS,
    ) -> None:
        self._most_rows, self._most_links = most_rows, most_links
        self._notes = notes
        self._book = xlsxwriter.Workbook(
            file, {"constant_memory": True, "tmpdir": scratch, "use_zip64": True}
        )
        self._head = self._book.add_format(
            {"bold": True, "font_color": "white", "bg_color": _BLUE, "valign": "vcenter"}
        )
        self._own_head = self._book.add_format(
            {"bold": True, "font_color": _BLUE, "bg_color": _PALE, "valign": "vcenter"}
        )
        self._bold = self._book.add_format({"bold": True, "valign": "top"})
        self._wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._warning = self._book.add_format(
            {"text_wrap": True, "valign": "top", "bold": True, "font_color": _RED}
        )
        self._cells = CellWriter(self._book, notes)

    def add_table(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Write a table's rows to as many sheets as they need; return the sheets' names."""
        title = table.name.capitalize()
        names = [title]
        sheet = _Sheet(self._add_sheet(title, table.columns), table.columns)
        linked = self._linked(table)
        for row in rows:
            if sheet.rows == self._most_rows:
                sheet.finish()
                names.append(f"{title} {len(names) + 1}")
                sheet = _Sheet(self._add_sheet(names[-1], table.columns), table.columns)
            sheet.rows += 1
            for number, column in enumerate(table.columns):
                value = column.value(row)
                if value is None:
                    continue
                may_link = column.name in linked and sheet.links < self._most_links
                shown, is_link = self._cells.write(
                    sheet.sheet, sheet.rows, number, column, value, may_link=may_link
                )
                sheet.links += is_link
                if sheet.rows <= _MEASURED_ROWS:
                    sheet.widths[number] = max(sheet.widths[number], _width(shown))
        sheet.finish()
        if len(names) > 1:
            self._notes.say(
                f"{title}: Excel's limit is {self._most_rows + 1:,} rows per sheet, so there are "
                f"{len(names)}: {', '.join(names)}."
            )
        return names

    def add_facts(self, facts: Sequence[tuple[str, Any]], warnings: Sequence[str]) -> None:
        """Write the sheet about the job; its tab is red if there are warnings."""
        sheet = self._book.add_worksheet("Job")
        sheet.set_column(0, 0, 18)
        sheet.set_column(1, 1, 90)
        lines = [("Warning", warning) for warning in warnings] + list(facts)
        for number, (name, value) in enumerate(lines):
            text_format = self._warning if number < len(warnings) else self._wrapped
            sheet.write_string(number, 0, name, self._bold)
            sheet.write_string(number, 1, self._cells.clean(str(value)), text_format)
        if warnings:
            sheet.set_tab_color(_RED)

    def close(self) -> None:
        """Write the file.

        :raises OSError: if it can't be written
        """
        self._book.close()

    def discard(self) -> None:
        """Close the temporary files of a workbook that won't be written."""
        for sheet in self._book.worksheets():
            for file in (sheet.row_data_fh, sheet.fh):
                if file is not None:
                    with suppress(OSError, ValueError):
                        file.close()

    def _add_sheet(self, name: str, columns: Sequence[Column]) -> Any:
        sheet = self._book.add_worksheet(name)
        sheet.freeze_panes(1, 0)
        sheet.set_landscape()
        sheet.repeat_rows(0)
        sheet.set_row(0, 20)
        # Some numbers are text on purpose: show no green corner in their cells.
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
        for number, column in enumerate(columns):
            head = self._own_head if column.is_seeds else self._head
            sheet.write_string(0, number, self._cells.clean(column.name), head)
        return sheet

    def _linked(self, table: Table) -> set[str]:
        """Return the columns to link: as many as Excel has room for in a sheet."""
        links = [column.name for column in table.columns if column.kind is ColumnKind.LINK]
        wanted = [name for name in _LINKS if name in links]
        rows = min(table.count, self._most_rows)
        linked = wanted[: max(1, self._most_links // rows)] if rows else wanted
        plain = wanted[len(linked) :]
        title = table.name.capitalize()
        if plain:
            self._notes.say(
                f"{title}: Excel has room for {self._most_links:,} links in a sheet: "
                f"{' and '.join(plain)} are plain text."
            )
        if linked and rows > self._most_links:
            self._notes.say(
                f"{title}: Excel has room for {self._most_links:,} links in a sheet: {linked[0]} "
                "is plain text below."
            )
        return set(linked)


class _Sheet:
    """A sheet in the process of being written."""

    def __init__(self, sheet: Any, columns: Sequence[Column]) -> None:
        self.sheet = sheet
        self.rows = 0
        self.links = 0
        self.widths = [_width(column.name) + 3 for column in columns]
        """Widest text of each column, with room for the filter's arrow."""
        self._columns = columns

    def finish(self) -> None:
        """Set column widths and the filter, which depend on the rows."""
        for number, (column, width) in enumerate(zip(self._columns, self.widths, strict=True)):
            widest = _WIDEST_LINK if column.kind is ColumnKind.LINK else _WIDEST
            self.sheet.set_column(number, number, min(max(width + 1, _NARROWEST), widest))
        self.sheet.autofilter(0, 0, max(self.rows, 1), len(self._columns) - 1)


def _width(text: str) -> int:
    """Return the width of text in characters; Chinese ones count twice.

    >>> _width("lamp"), _width("台灯"), _width("a lamp" * 1000)
    (4, 4, 100)
    """
    text = text[:100]
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
