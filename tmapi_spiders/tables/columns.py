"""Columns: what the tables of a job have, and what kind of values is in each."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEAST_ID", "SEED_DATA", "Column", "ColumnKind", "columns_of"]

#: The column that holds the user's own row; each of its keys becomes a column.
SEED_DATA = "seed_data"


#: Whole numbers from here on are taken for names, such as EANs: Excel shows them as 9.08E+11.
LEAST_ID = 10**11


class ColumnKind(Enum):
    """What is in a column."""

    TEXT = auto()
    LINK = auto()
    """A URL."""
    ID = auto()
    """A whole number that is a name: nobody adds it up, and none of its digits may be lost."""
    COUNT = auto()
    """A whole number."""
    NUMBER = auto()
    SHARE = auto()
    """A number from 0 to 1."""
    PRICE = auto()
    """A decimal, as text in the job's files."""
    FLAG = auto()
    """True or false."""
    TIME = auto()
    """UTC, ISO 8601 in the job's files."""
    WORDS = auto()
    """A list of texts."""
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
    "list[str]": ColumnKind.WORDS,
    "Mapping[str, bool]": ColumnKind.FILTERS,
}


@attrs.frozen
class Column:
    """One column of a table."""

    name: str
    """Its header, the same in all formats."""
    kind: ColumnKind
    """Of all its values, where a format wants one type for a column."""
    key: str
    """Where its values are: in a row, or in the row's ``seed_data``."""
    is_seeds: bool = False
    """Whether they are in ``seed_data``."""
    is_free: bool = False
    """Whether each value may be of a type of its own."""

    def value(self, row: Mapping[str, Any]) -> Any:
        """Return the column's value in a line of the job's files; None if it has none.

        >>> column = Column("seed_data_sku", ColumnKind.TEXT, "sku", is_seeds=True)
        >>> column.value({"seed_data": {"sku": 7}})
        7
        """
        if not self.is_seeds:
            return row.get(self.key)
        data = row.get(SEED_DATA)
        return data.get(self.key) if isinstance(data, dict) else None


def columns_of(item_class: type[attrs.AttrsInstance]) -> list[Column]:
    """Return the columns of an item's class, all but ``seed_data``, in its order.

    :raises KeyError: if a field is of a type that is not known here
    """
    return [
        Column(field.name, _kind(field), field.name)
        for field in attrs.fields(item_class)
        if field.name != SEED_DATA
    ]


def _kind(field: attrs.Attribute[Any]) -> ColumnKind:
    return _BY_NAME.get(field.name) or _BY_TYPE[str(field.type).removesuffix(" | None")]
