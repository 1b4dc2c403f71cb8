"""Workbooks of seeds: XLSX files, which unpack to much more than they are."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from typing import IO, TYPE_CHECKING, Any

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.seed_row import IMAGE_COLUMNS, row_of, well_known
from tmapi_spiders.seed_tables import header_of, named, shows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tmapi_spiders.seed_row import SeedRow

__all__ = ["workbook_rows"]

_NO_READER = (
    "an XLSX file is read with openpyxl, which is not installed: pip install "
    "'tmapi-spiders[xlsx]', or save it as “CSV UTF-8”."
)

#: Bytes of all that a workbook unpacks to: a million rows of five cells; for some of it the reader
#: takes many times as much memory.
_LARGEST = 256_000_000

#: How much smaller than what it unpacks to a part may be; tables of nothing but the same reach 50.
#: Those of which much more is made were written for that (the bound of Apache POI).
_DENSEST = 100

#: Bytes from which a part is looked at so: what is small is harmless.
_SMALL = 10_000_000

#: Excel's own: whoever says that there are more wrote no table.
_MOST_ROWS = 1_048_576

#: Empty ones included, which the reader makes up to the last one of a row; of all sheets.
_MOST_CELLS = 30_000_000

_SMALLER = "Leave out what is not needed, or save the sheet as “CSV UTF-8”."


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
            _check_size(file, given)
            book = load_workbook(file, read_only=True, data_only=True)
        except UsageProblems:
            raise
        except Exception as exc:
            raise _unreadable(given, exc) from exc
        try:
            yield from _sheet_rows(book, path, given)
        finally:
            book.close()


def _check_size(file: IO[bytes], given: str) -> None:
    """Refuse what unpacks to more than a table is.

    zipfile unpacks of a part what its size here is, and no more.

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
            f"{_LARGEST:,}, and no part {_DENSEST} times as large as it is packed. {_SMALLER}"
        )


class _Counter:
    """Counts the cells of all sheets."""

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
                    f"seeds={self._given}: it has too many rows or cells, be they empty. Accepted: "
                    f"a sheet of up to {_MOST_ROWS:,} rows and {_MOST_CELLS:,} cells. {_SMALLER}"
                )
            yield number, cells


def _unreadable(given: str, exc: Exception) -> UsageProblems:
    # openpyxl raises whatever zip, XML and its own parsers do.
    return UsageProblems(
        f"seeds={given}: it can't be read as XLSX ({type(exc).__name__}: {exc}). Save it as .xlsx "
        "or as “CSV UTF-8” (Excel: Save As; other programs: Export)."
    )


def _sheet_rows(book: Any, path: str, given: str) -> Iterator[SeedRow]:
    headers = []
    counter = _Counter(given)
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # programs that are not Excel write wrong ones
            rows = counter.numbered(sheet.iter_rows(values_only=True))
            first = next((row for row in rows if any(map(shows, row[1]))), None)
            if first is None:
                continue
            number, cells = first
            where = f"seeds={given}, sheet {sheet.title!r}, row {number}"
            headers.append((where, cells))
            if any(well_known(str(cell)) in IMAGE_COLUMNS for cell in cells):
                yield from _cell_rows(rows, header_of(cells, where), path)
                return
    except UsageProblems:
        raise
    except Exception as exc:
        raise _unreadable(given, exc) from exc
    if headers:
        where, cells = headers[0]
        header_of(cells, where)


def _cell_rows(
    rows: Iterable[tuple[int, Sequence[Any]]], columns: list[str], path: str
) -> Iterator[SeedRow]:
    for number, cells in rows:
        width = max(len(cells), len(columns))
        padded = [_plain(cell) for cell in cells] + [None] * (width - len(cells))
        names = columns + [""] * (width - len(columns))
        row = row_of(number, f"{path}, row {number}", named(names, padded))
        if row is not None:
            yield row


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
