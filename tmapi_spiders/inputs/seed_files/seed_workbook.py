"""Reads workbooks of seeds (XLSX), within limits: a small file may unpack to a huge one."""

from __future__ import annotations

import shlex
import warnings
import zipfile
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened
from tmapi_spiders.inputs.seed_files.seed_columns import IMAGE, Columns, Layout, listed
from tmapi_spiders.inputs.seed_files.seed_header import (
    HEADER_ROWS,
    columns_of_header,
    is_header,
    likely_header,
    no_header,
    suggested_argument,
)
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tmapi_spiders.inputs.seed_files.seed_row import SeedRow
    from tmapi_spiders.inputs.seed_files.sheet_parts import SheetParts

__all__ = ["workbook_rows"]

_NO_READER = (
    "an XLSX file is read with openpyxl, which is not installed: pip install "
    "'tmapi-spiders[xlsx]', or save it as “CSV UTF-8”."
)

#: Bytes that a workbook may unpack to: a million rows of five cells. The reader takes many times
#: as much memory for some of them.
_LARGEST = 256_000_000

#: The largest compression ratio of a part: tables of equal cells reach 50, and anything far above
#: is a zip bomb (Apache POI has the same limit).
_DENSEST = 100

#: Bytes up to which a part may have any compression ratio.
_SMALL = 10_000_000

#: Excel's limit.
_MOST_ROWS = 1_048_576

#: Cells of all sheets, including empty cells, which the reader adds up to the last one of a row.
_MOST_CELLS = 30_000_000

_SMALLER = "Leave out what is not needed, or save the sheet as “CSV UTF-8”."


#: Sheets that a message describes.
_SHOWN_SHEETS = 10

_VISIBLE = "visible"


def workbook_rows(
    file: IO[bytes],
    path: str,
    given: str,
    layout: Layout,
    on_columns: Callable[[Columns, int, str, str], None],
) -> Iterator[SeedRow]:
    """Yield the rows of a sheet of an XLSX file: the one asked for, or the first visible one.

    :param path: for messages
    :param given: the argument
    :param on_columns: called with the columns, the header's row, the sheet, and a remark or "", as
        soon as they are known
    :raises UsageProblems: if it can't be read, or the sheet has no column for the image
    """
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageProblems(f"seeds={given}: {_NO_READER}") from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about features of the file that don't matter here
        try:
            _check_kind(file, given)
            _check_size(file, given)
            book = load_workbook(file, read_only=True, data_only=True)
            try:
                yield from _Workbook(file, book, path, given, layout).rows(on_columns)
            finally:
                book.close()
        except UsageProblems:
            raise
        except Exception as exc:
            raise _unreadable(given, exc) from exc


def _check_kind(file: IO[bytes], given: str) -> None:
    """Refuse zip files that are not XLSX workbooks.

    :raises UsageProblems: saying what the file is
    """
    with zipfile.ZipFile(file) as packed:
        names = set(packed.namelist())
        mime = packed.read("mimetype")[:100] if "mimetype" in names else b""
    if b"opendocument" in mime:
        what = "an OpenDocument file (.ods)" if b"spreadsheet" in mime else "an OpenDocument file"
    elif "xl/workbook.bin" in names:
        what = "a binary workbook (.xlsb)"
    elif any(name.startswith("Index/") for name in names):
        what = "a file of Apple Numbers or Pages"
    elif "[Content_Types].xml" not in names:
        what = "a zip archive, not a workbook"
    elif "word/document.xml" in names:
        what = "a text document (.docx)"
    else:
        return
    raise UsageProblems(
        f"seeds={given}: it is {what}. Save the table as .xlsx or as “CSV UTF-8” (Excel, "
        "LibreOffice: Save As; Numbers: Export To), and give that file."
    )


def _check_size(file: IO[bytes], given: str) -> None:
    """Refuse a file that unpacks to more than a table has.

    zipfile never unpacks more of a part than the size that is checked here.

    :raises UsageProblems: if it does
    """
    with zipfile.ZipFile(file) as packed:
        parts = packed.infolist()
    size = sum(part.file_size for part in parts)
    if size > _LARGEST or any(
        part.file_size > max(_SMALL, part.compress_size * _DENSEST) for part in parts
    ):
        raise UsageProblems(
            f"seeds={given}: it unpacks to {size:,} bytes. Accepted: a workbook of up to "
            f"{_LARGEST:,}, no part of it {_DENSEST} times as large as packed. {_SMALLER}"
        )


class _Counter:
    """Counts the cells of all sheets, up to the limit."""

    def __init__(self, given: str) -> None:
        self._given = given
        self._left = _MOST_CELLS

    def numbered(self, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield the rows of a sheet with their numbers, from 1.

        :raises UsageProblems: if there are too many
        """
        for number, cells in enumerate(rows, 1):
            self._left -= 1 + len(cells)
            if number > _MOST_ROWS or self._left < 0:
                raise UsageProblems(
                    f"seeds={self._given}: it has too many rows or cells, empty ones included. "
                    f"Accepted: a sheet of up to {_MOST_ROWS:,} rows and {_MOST_CELLS:,} cells. "
                    f"{_SMALLER}"
                )
            yield number, cells


def _unreadable(given: str, exc: Exception) -> UsageProblems:
    # openpyxl raises any exception of zip, XML and its own parsers.
    return UsageProblems(
        f"seeds={given}: it can't be read as XLSX ({type(exc).__name__}: {exc}). Save it as .xlsx "
        "or as “CSV UTF-8” (Excel: Save As; other programs: Export)."
    )


class _Workbook:
    """An open workbook and what the user asks of it."""

    def __init__(self, file: IO[bytes], book: Any, path: str, given: str, layout: Layout) -> None:
        self._file = file
        self._book = book
        self._path = path
        self._given = given
        self._layout = layout
        self._counter = _Counter(given)

    def rows(self, on_columns: Callable[[Columns, int, str, str], None]) -> Iterator[SeedRow]:
        """Yield the rows of the sheet; see :func:`workbook_rows`."""
        # These need openpyxl too.
        from tmapi_spiders.inputs.seed_files.sheet_parts import parts_of  # noqa: PLC0415
        from tmapi_spiders.inputs.seed_files.sheet_rows import SheetRows  # noqa: PLC0415

        sheet = self._sheet()
        rows = self._cells_of(sheet)
        above: list[Sequence[Any]] = []
        columns, number = None, 0
        for number, cells in rows:
            values = [cell.value for cell in cells]
            above.append(values)
            if is_header(values, self._layout):
                columns = columns_of_header(values, self._where(sheet, number), self._layout)
                break
            if number >= HEADER_ROWS:
                break
        if columns is None:
            self._refuse(sheet, above)
            return
        parts = parts_of(self._file, sheet.title)
        on_columns(columns, number, sheet.title, _remark(parts))
        formulas: Iterator[Sequence[Any]] | None = None
        if parts.has_formulas:
            formulas = self._formulas(sheet.title, number)
        yield from SheetRows(columns, parts, self._path, self._layout).read(number, rows, formulas)

    def _where(self, sheet: Any, number: int) -> str:
        return f"seeds={self._given}, sheet {sheet.title!r}, row {number}"

    def _cells_of(self, sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
        sheet.reset_dimensions()  # other programs than Excel write wrong ones
        return self._counter.numbered(sheet.iter_rows())

    def _formulas(self, title: str, after: int) -> Iterator[Sequence[Any]]:
        """Yield the same rows with their formulas, for which the file has to be read again."""
        from openpyxl import load_workbook  # noqa: PLC0415 - an extra

        book = load_workbook(self._file, read_only=True, data_only=False)
        try:
            sheet = book[title]
            sheet.reset_dimensions()
            yield from sheet.iter_rows(min_row=after + 1, values_only=True)
        finally:
            book.close()

    def _sheet(self) -> Any:
        """Return the sheet to read.

        :raises UsageProblems: if there is none
        """
        sheets = self._book.worksheets
        visible = [sheet for sheet in sheets if sheet.sheet_state == _VISIBLE]
        wanted = self._layout.sheet.strip()
        titles = [sheet.title for sheet in visible]
        if not wanted:
            if not visible:
                raise UsageProblems(f"seeds={self._given}: it has no visible sheet.")
            return visible[0]
        for sheet in sheets:
            if sheet.title.strip().casefold() == wanted.casefold():
                return sheet
        if wanted.isdigit() and 0 < int(wanted) <= len(visible):
            return visible[int(wanted) - 1]
        raise UsageProblems(
            f"sheet={shortened(wanted)}: {self._given} has no such sheet."
            f"{did_you_mean(wanted, titles)} Accepted: the name of a sheet, or its number among "
            f"the visible ones: {listed(titles)}."
        )

    def _refuse(self, sheet: Any, above: list[Sequence[Any]]) -> None:
        """Refuse a sheet that has no column for the image, unless the workbook is empty.

        :raises UsageProblems: saying what each visible sheet has, and which argument to give
        """
        visible = [one for one in self._book.worksheets if one.sheet_state == _VISIBLE]
        place = likely_header(above, self._layout)
        if place is None and len(visible) < 2:  # reported as a file without images
            return
        cells: Sequence[Any] = () if place is None else above[place]
        others = ""
        if len(visible) > 1:
            shown = "; ".join(
                self._shown(one, above if one.title == sheet.title else None)
                for one in visible[:_SHOWN_SHEETS]
            )
            others = f"Say which of its visible sheets you mean: {shown}"
        where = self._where(sheet, (place or 0) + 1)
        raise UsageProblems(no_header(cells, where, self._layout, others))

    def _shown(self, sheet: Any, above: list[Sequence[Any]] | None) -> str:
        """Return what a sheet's header has and how to ask for the sheet, for a message."""
        if above is None:
            rows = islice(self._cells_of(sheet), HEADER_ROWS)
            above = [[cell.value for cell in cells] for _, cells in rows]
        title = repr(shortened(sheet.title))
        header = next((n for n, cells in enumerate(above) if is_header(cells, self._layout)), None)
        is_fit = header is not None
        if header is None and (header := likely_header(above, self._layout)) is None:
            return f"{title} is empty"
        cells = above[header]
        asked = f" (-a sheet={shlex.quote(shortened(sheet.title))})"
        if not is_fit:
            is_named = IMAGE in self._layout.columns
            asked = "" if is_named else f"{asked[:-1]} {suggested_argument(cells)})"
        return f"{title}, row {header + 1}: {listed(cells)}{asked}"


def _remark(parts: SheetParts) -> str:
    if not parts.hidden_rows:
        return ""
    are = "is" if parts.hidden_rows == 1 else "are"
    return (
        f"{plural(parts.hidden_rows, 'row')} of the sheet {are} hidden, perhaps by a filter, and "
        "searched for like the others"
    )
