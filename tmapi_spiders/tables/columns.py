"""The columns of a job's tables, and the kind of values in each."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEAST_ID", "SEED_DATA", "Column", "ColumnKind", "columns_of"]

#: The field that holds the user's own row; each of its keys becomes a column.
SEED_DATA = "seed_data"


#: Whole numbers from here on are treated as ids, such as EANs: Excel shows them as 9.08E+11.
LEAST_ID = 10**11


class ColumnKind(Enum):
    """The kind of values in a column."""

    TEXT = auto()
    LINK = auto()
    """A URL."""
    ID = auto()
    """A whole number that is an id: never added up, and no digit may be lost."""
    COUNT = auto()
    """A whole number."""
    NUMBER = auto()
    SHARE = auto()
    """A number from 0 to 1."""
    PRICE = auto()
    """A decimal; a string in the job's files."""
    FLAG = auto()
    """True or false."""
    TIME = auto()
    """UTC; ISO 8601 in the job's files."""
    TEXT_LIST = auto()
    FILTERS = auto()
    """A query's filters: {"is_factory": true}."""


_BY_NAME = {
    "item_id": ColumnKind.ID,
    "product_url": ColumnKind.LINK,
    "img": ColumnKind.LINK,
    "seed_img_url": ColumnKind.LINK,
    "price": ColumnKind.PRICE,
    "sale_price": ColumnKind.PRICE,
    "origin_price": ColumnKind.PRICE,
    "price_start": ColumnKind.PRICE,
    "price_end": ColumnKind.PRICE,
    "item_repurchase_rate": ColumnKind.SHARE,
    "fetched_at": ColumnKind.TIME,
    "started_at": ColumnKind.TIME,
    "finished_at": ColumnKind.TIME,
}
_BY_TYPE = {
    "str": ColumnKind.TEXT,
    "int": ColumnKind.COUNT,
    "float": ColumnKind.NUMBER,
    "bool": ColumnKind.FLAG,
    "list[str]": ColumnKind.TEXT_LIST,
    "Mapping[str, bool]": ColumnKind.FILTERS,
}


@attrs.frozen
class Column:
    """One column of a table."""

    name: str
    """The header, the same in all formats."""
    kind: ColumnKind
    """The type of all its values, for formats with one type per column."""
    key: str
    """The key of its values in a row, or in the row's ``seed_data``."""
    is_seeds: bool = False
    """Whether its values are in ``seed_data``."""
    is_free: bool = False
    """Whether its values may be of different types."""

    def value(self, row: Mapping[str, Any]) -> Any:
        """Return the column's value in a line of the job's files, or None.

        >>> column = Column("seed_data_sku", ColumnKind.TEXT, "sku", is_seeds=True)
        >>> column.value({"seed_data": {"sku": 7}})
        7
        """
        if not self.is_seeds:
            return row.get(self.key)
        data = row.get(SEED_DATA)
        return data.get(self.key) if isinstance(data, dict) else None


def columns_of(item_class: type[attrs.AttrsInstance]) -> list[Column]:
    """Return the columns of an item class in its order, without ``seed_data``.

    :raises KeyError: if a field has a type that is not known here
    """
    return [
        Column(field.name, _kind(field), field.name)
        for field in attrs.fields(item_class)
        if field.name != SEED_DATA
    ]


def _kind(field: attrs.Attribute[Any]) -> ColumnKind:
    return _BY_NAME.get(field.name) or _BY_TYPE[str(field.type).removesuffix(" | None")]
