"""Reads the rows of a sheet, whose cells may link, be merged, or hold pictures and formulas."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from tmapi_spiders.errors import shortened
from tmapi_spiders.inputs.seed import looks_like_image
from tmapi_spiders.inputs.seed_files.seed_columns import IMAGE, shows
from tmapi_spiders.inputs.seed_files.seed_row import address_of_formula, row_of
from tmapi_spiders.inputs.seed_files.sheet_parts import Spans
from tmapi_spiders.inputs.target_price import CNY, TARGET_COLUMN, currency_of_format

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tmapi_spiders.inputs.seed_files.seed_columns import Columns, Layout
    from tmapi_spiders.inputs.seed_files.seed_row import SeedRow
    from tmapi_spiders.inputs.seed_files.sheet_parts import SheetParts

__all__ = ["SheetRows"]

_PICTURE = (
    "it holds a picture, not its address: upload the picture to a web server, and put its address "
    "into the cell"
)

#: WPS Office writes this for a picture in a cell.
_PICTURE_FORMULA = "DISPIMG("


class SheetRows:
    """Makes seed rows from the rows of a sheet."""

    def __init__(self, columns: Columns, parts: SheetParts, path: str, layout: Layout) -> None:
        self._columns = columns
        self._path = path
        self._rates = layout.rates
        place = columns.place(IMAGE)
        assert place is not None
        self._image = place
        self._links: Spans = parts.links_in(place + 1)
        self._target = columns.place(TARGET_COLUMN)
        self._currency = CNY
        self._pictures: dict[int, set[int]] = {}
        for row, column in parts.pictures:
            self._pictures.setdefault(row, set()).add(column)
        merged: dict[int, list[tuple[int, int, tuple[int, int]]]] = {}
        for first, last, column in parts.merged:
            merged.setdefault(column, []).append((first, last, (first, last)))
        self._merged: dict[int, Spans] = {
            column: Spans.of(spans) for column, spans in merged.items()
        }
        self._held: dict[int, tuple[int, Any]] = {}
        """By column, the row that merged cells begin in, and their value."""

    def read(
        self,
        header: int,
        rows: Iterable[tuple[int, Sequence[Any]]],
        formulas: Iterator[Sequence[Any]] | None,
    ) -> Iterator[SeedRow]:
        """Yield the rows.

        :param header: the header's row; merged cells may extend it downwards
        :param rows: the rows after it, with their numbers
        :param formulas: the same rows with their formulas, if there are any
        """
        image = self._merged.get(self._image + 1)
        _, end = (image and image.at(header)) or (header, header)
        number = header
        for number, cells in rows:
            written = () if formulas is None else next(formulas, ())
            if number <= end and not self._has_image(cells):
                continue
            if (row := self._row(number, cells, written)) is not None:
                yield row
        for behind in sorted(self._pictures):  # on rows without any cell
            if behind > max(number, end) and (row := self._row(behind, (), ())) is not None:
                yield row

    def _has_image(self, cells: Sequence[Any]) -> bool:
        return len(cells) > self._image and shows(cells[self._image].value)

    def _row(self, number: int, cells: Sequence[Any], written: Sequence[Any]) -> SeedRow | None:
        values = [_plain(cell.value) for cell in cells]
        values += [None] * (len(self._columns.names) - len(values))
        problems = self._compute(values, written)
        linked = self._links.at(number)
        if linked is not None and not looks_like_image(str(values[self._image] or "")):
            values[self._image] = linked
            problems.pop(IMAGE, None)
        if self._merged:
            self._fill(number, values)
        pictures = self._pictures.get(number, set())
        if not (problems or any(map(shows, values)) or self._image + 1 in pictures):
            return None  # a picture elsewhere is a logo
        if pictures and not shows(values[self._image]):
            problems[IMAGE] = _PICTURE
        if self._target is not None and self._target < len(cells):
            try:
                self._note_currency(cells[self._target])
            except ValueError as exc:
                problems[TARGET_COLUMN] = f"{TARGET_COLUMN}: {exc}"
        return row_of(
            number,
            f"{self._path}, row {number}",
            self._columns,
            values,
            self._rates,
            currency=self._currency,
            problem="; ".join(problems.values()),
        )

    def _note_currency(self, cell: Any) -> None:
        """Note the currency in a number's format; merged cells have that of the first.

        :raises ValueError: if it may be several
        """
        if cell.value is not None:
            self._currency = CNY
        if isinstance(cell.value, int | float):
            self._currency = currency_of_format(cell.number_format or "") or CNY

    def _compute(self, values: list[Any], written: Sequence[Any]) -> dict[str, str]:
        """Insert the address that a formula links to; return why values are missing, by meaning.

        A formula's value is the one that the program which saved the file has computed.
        """
        problems = {}
        for meaning, formula in zip(self._columns.meanings, written, strict=False):
            if not meaning or not isinstance(formula, str) or not formula.startswith("="):
                continue
            place, name = self._columns.meanings.index(meaning), self._columns.title(meaning)
            if meaning == IMAGE:
                if looks_like_image(str(values[place] or "")):
                    continue
                values[place] = address_of_formula(formula)
                if values[place] is None:
                    problems[meaning] = (
                        _PICTURE
                        if _PICTURE_FORMULA in formula.upper()
                        else f"its column {name} is a formula that shows no address "
                        f"({shortened(formula[:80])}); put the address itself into the cell"
                    )
            elif values[place] is None:
                problems[meaning] = (
                    f"its column {name} is a formula whose result the file does not have; open "
                    "it in Excel or LibreOffice, and save it there"
                )
        return problems

    def _fill(self, number: int, values: list[Any]) -> None:
        """Fill merged cells with their value, which the file has only in the first of them."""
        for column, spans in self._merged.items():
            if column > len(values) or (span := spans.at(number)) is None:
                continue
            first, _ = span
            if number == first:
                self._held[column] = (first, values[column - 1])
            elif values[column - 1] is None and self._held.get(column, (0,))[0] == first:
                values[column - 1] = self._held[column][1]


def _plain(cell: Any) -> Any:
    """Return a cell's value for JSON, times as ISO 8601.

    >>> _plain(dt.datetime(2026, 11, 25)), _plain(dt.datetime(2026, 11, 25, 8, 30)), _plain(7)
    ('2026-11-25', '2026-11-25T08:30:00', 7)
    """
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    return cell if cell is None or isinstance(cell, str | int | float | bool) else str(cell)
