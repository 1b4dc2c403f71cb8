"""Writes a table as Parquet, with typed columns."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from tmapi_spiders.formats import to_json
from tmapi_spiders.tables.columns import ColumnKind
from tmapi_spiders.tables.row_values import as_text, is_decimal, is_number, is_text_list, to_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tmapi_spiders.tables.columns import Column
    from tmapi_spiders.tables.notes import Notes

__all__ = ["write_parquet"]

#: Rows per group; one group is held in memory.
_BATCH = 20_000

_PRICE_DIGITS, _PRICE_PLACES = 18, 6
_STEP = Decimal(1).scaleb(-_PRICE_PLACES)
_TOO_MUCH = 10 ** (_PRICE_DIGITS - _PRICE_PLACES)


def write_parquet(
    libraries: tuple[Any, Any],
    file: IO[bytes],
    columns: Iterable[Column],
    rows: Iterable[Mapping[str, Any]],
    *,
    notes: Notes,
    facts: Mapping[str, Any],
) -> None:
    """Write rows; a value that its column can't hold exactly is left out and noted.

    :param libraries: the modules ``pyarrow`` and ``pyarrow.parquet``, an extra
    :param facts: about the job, for the file's metadata (key ``tmapi``, JSON)
    :raises OSError: if it can't be written
    """
    arrow, parquet = libraries
    columns = tuple(columns)
    types = _types(arrow)
    schema = arrow.schema(
        [(column.name, types[column.kind]) for column in columns],
        metadata={"tmapi": to_json(facts, ensure_ascii=False)},
    )
    rest = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rest, _BATCH)):
            arrays = [
                arrow.array(_values(column, batch, notes), types[column.kind]) for column in columns
            ]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))


def _types(arrow: Any) -> dict[ColumnKind, Any]:
    return {
        ColumnKind.TEXT: arrow.string(),
        ColumnKind.LINK: arrow.string(),
        ColumnKind.FILTERS: arrow.string(),
        ColumnKind.ID: arrow.int64(),
        ColumnKind.COUNT: arrow.int64(),
        ColumnKind.NUMBER: arrow.float64(),
        ColumnKind.SHARE: arrow.float64(),
        ColumnKind.PRICE: arrow.decimal128(_PRICE_DIGITS, _PRICE_PLACES),
        ColumnKind.FLAG: arrow.bool_(),
        ColumnKind.TIME: arrow.timestamp("ms", tz="UTC"),
        ColumnKind.TEXT_LIST: arrow.list_(arrow.string()),
    }


def _values(column: Column, batch: list[Mapping[str, Any]], notes: Notes) -> list[Any]:
    read = _READERS[column.kind]
    values = []
    for row in batch:
        given = column.value(row)
        value = None if given is None else read(column.kind, given)
        if value is None and given is not None:
            notes.count(
                "value",
                f"{{}} of {column.name} left out: the column can't hold it exactly "
                "(it is in the job's own file)",
            )
        values.append(value)
    return values


def _to_int(_: ColumnKind, value: Any) -> int | None:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return value if is_int and -(2**63) <= value < 2**63 else None


def _to_float(_: ColumnKind, value: Any) -> float | None:
    is_exact = isinstance(value, float) or (is_number(value) and abs(value) <= 2**53)
    return float(value) if is_exact else None


def _to_price(_: ColumnKind, value: Any) -> Decimal | None:
    """Return a price; None if it would have to be rounded.

    >>> _to_price(ColumnKind.PRICE, "60.00"), _to_price(ColumnKind.PRICE, "0.0000001")
    (Decimal('60.000000'), None)
    """
    if not is_decimal(value):
        return None
    price = Decimal(value)
    if abs(price) >= _TOO_MUCH:
        return None
    rounded = price.quantize(_STEP)
    return rounded if rounded == price else None


def _to_flag(_: ColumnKind, value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _to_time(_: ColumnKind, value: Any) -> Any:
    return to_time(value)


def _to_texts(_: ColumnKind, value: Any) -> list[str] | None:
    return value if is_text_list(value) else None


_READERS: dict[ColumnKind, Callable[[ColumnKind, Any], Any]] = {
    ColumnKind.TEXT: as_text,
    ColumnKind.LINK: as_text,
    ColumnKind.FILTERS: as_text,
    ColumnKind.ID: _to_int,
    ColumnKind.COUNT: _to_int,
    ColumnKind.NUMBER: _to_float,
    ColumnKind.SHARE: _to_float,
    ColumnKind.PRICE: _to_price,
    ColumnKind.FLAG: _to_flag,
    ColumnKind.TIME: _to_time,
    ColumnKind.TEXT_LIST: _to_texts,
}
