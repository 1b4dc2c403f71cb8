"""Finds the columns and row counts of a job's tables by reading its files once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.items import Outcome, Product, Sighting
from tmapi_spiders.jobs.job import OUTCOMES, PRODUCTS, SIGHTINGS
from tmapi_spiders.tables.columns import LEAST_ID, SEED_DATA, Column, ColumnKind, columns_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["TABLES", "Table", "find_tables"]

#: The tables of a job, in the order of a workbook's sheets: file, and item class of its lines.
TABLES: dict[str, tuple[str, type[attrs.AttrsInstance]]] = {
    "products": (PRODUCTS, Product),
    "outcomes": (OUTCOMES, Outcome),
    "sightings": (SIGHTINGS, Sighting),
}

_FIRST = "seed_id"
_EXACT = 2**53
"""Floating-point numbers hold whole numbers up to here exactly."""
_LARGEST = 2**63 - 1


@attrs.frozen
class Table:
    """One of a job's files, as a table."""

    name: str
    file: str
    columns: tuple[Column, ...]
    count: int
    """The number of rows."""


@attrs.define
class _ValueTypes:
    """The types of values found in a free column."""

    kinds: set[ColumnKind] = attrs.field(factory=set)
    largest: int = 0

    def add(self, value: Any) -> None:
        """Note the type of a value."""
        if isinstance(value, bool):
            self.kinds.add(ColumnKind.FLAG)
        elif isinstance(value, int):
            self.kinds.add(ColumnKind.COUNT)
            self.largest = max(self.largest, abs(value))
        elif isinstance(value, float):
            self.kinds.add(ColumnKind.NUMBER)
        elif value is not None:
            self.kinds.add(ColumnKind.TEXT)

    @property
    def kind(self) -> ColumnKind:
        """The one type that holds all the values exactly."""
        if self.kinds == {ColumnKind.FLAG}:
            return ColumnKind.FLAG
        if self.kinds == {ColumnKind.COUNT} and self.largest <= _LARGEST:
            return ColumnKind.COUNT if self.largest < LEAST_ID else ColumnKind.ID
        is_number = self.kinds in ({ColumnKind.NUMBER}, {ColumnKind.NUMBER, ColumnKind.COUNT})
        return ColumnKind.NUMBER if is_number and self.largest <= _EXACT else ColumnKind.TEXT


def find_tables(files: JobFiles, names: Iterable[str]) -> list[Table]:
    """Return the tables with these names, with their columns and row counts.

    The user's own columns, and their types, are the same in all tables of a job: they are taken
    from all its files. ``seed_id`` comes first, then these, then the rest in the order of the job's
    files, then what a project's own code has added to the rows.

    :param names: keys of :data:`TABLES`
    :raises StorageError: if a file can't be read
    """
    seeds: dict[str, _ValueTypes] = {}
    others: dict[str, dict[str, _ValueTypes]] = {}
    counts = {}
    for name, (file, item_class) in TABLES.items():
        known = {field.name for field in attrs.fields(item_class)}
        counts[name], others[name] = _scan(files, file, known, seeds)
    tables = []
    for name in names:
        file, item_class = TABLES[name]
        columns = columns_of(item_class)
        taken = {column.name for column in columns} | {SEED_DATA}
        own = [
            Column(_free_name(f"{SEED_DATA}_{key}", taken), seen.kind, key, True, True)
            for key, seen in seeds.items()
        ]
        more = [
            Column(_free_name(key, taken), seen.kind, key, is_free=True)
            for key, seen in others[name].items()
        ]
        columns.sort(key=lambda column: column.name != _FIRST)
        tables.append(Table(name, file, (columns[0], *own, *columns[1:], *more), counts[name]))
    return tables


def _scan(
    files: JobFiles, file: str, known: set[str], seeds: dict[str, _ValueTypes]
) -> tuple[int, dict[str, _ValueTypes]]:
    """Read a file; return its number of lines, and the types of fields that are not *known*."""
    count = 0
    others: dict[str, _ValueTypes] = {}
    for row in files.rows(file):
        count += 1
        data = row.get(SEED_DATA)
        if isinstance(data, dict):
            for key, value in data.items():
                seeds.setdefault(key, _ValueTypes()).add(value)
        if not row.keys() <= known:
            for key in row.keys() - known:
                others.setdefault(key, _ValueTypes())
            for key, seen in others.items():
                seen.add(row.get(key))
    return count, dict(sorted(others.items()))


def _free_name(wanted: str, taken: set[str]) -> str:
    r"""Return a header no other column has, even for programs that ignore case.

    >>> taken = {"price"}
    >>> [_free_name(name, taken) for name in ("Price", "price", "my\nown")]
    ['Price_2', 'price_3', 'my own']
    """
    name = plain = re.sub(r"[\x00-\x1f\x7f]+", " ", wanted)
    number = 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name.casefold())
    return name
