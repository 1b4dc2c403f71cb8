"""Columns: what the tables of a job have, and what kind of values is in each."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEAST_ID", "SEED_DATA", "Column", "Kind", "columns_of"]

#: The column that holds the user's own row; each of its keys becomes a column.
SEED_DATA = "seed_data"


#: Whole numbers from here on are taken for names, such as EANs: Excel shows them as 9.08E+11.
LEAST_ID = 10**11


class Kind(Enum):
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
    "item_id": Kind.ID,
    "product_url": Kind.LINK,
    "img": Kind.LINK,
    "seed_img_url": Kind.LINK,
    "price": Kind.PRICE,
    "sale_price": Kind.PRICE,
    "origin_price": Kind.PRICE,
    "price_start": Kind.PRICE,
    "price_end": Kind.PRICE,
    "item_repurchase_rate": Kind.SHARE,
    "fetched_at": Kind.TIME,
    "started_at": Kind.TIME,
    "finished_at": Kind.TIME,
}
_BY_TYPE = {
    "str": Kind.TEXT,
    "int": Kind.COUNT,
    "float": Kind.NUMBER,
    "bool": Kind.FLAG,
    "list[str]": Kind.WORDS,
    "Mapping[str, bool]": Kind.FILTERS,
}


@attrs.frozen
class Column:
    """One column of a table."""

    name: str
    """Its header, the same in all formats."""
    kind: Kind
    """Of all its values, where a format wants one type for a column."""
    key: str
    """Where its values are: in a row, or in the row's ``seed_data``."""
    is_seeds: bool = False
    """Whether they are in ``seed_data``."""
    is_free: bool = False
    """Whether each value may be of a type of its own."""

    def value(self, row: Mapping[str, Any]) -> Any:
        """Return the column's value in a line of the job's files; None if it has none.

        >>> column = Column("seed_data_sku", Kind.TEXT, "sku", is_seeds=True)
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


def _kind(field: attrs.Attribute[Any]) -> Kind:
    return _BY_NAME.get(field.name) or _BY_TYPE[str(field.type).removesuffix(" | None")]
