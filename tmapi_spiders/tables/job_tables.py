"""Survey: what a job's files have, looked through once before tables are made of them."""

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

__all__ = ["TABLES", "Table", "survey"]

#: The tables of a job, in the order of a workbook's sheets: file, and class of its lines.
TABLES: dict[str, tuple[str, type[attrs.AttrsInstance]]] = {
    "products": (PRODUCTS, Product),
    "outcomes": (OUTCOMES, Outcome),
    "sightings": (SIGHTINGS, Sighting),
}

_FIRST = "seed_id"
_EXACT = 2**53
"""Whole numbers up to here are the same as floating-point numbers."""
_LARGEST = 2**63 - 1


@attrs.frozen
class Table:
    """One of a job's files, as a table."""

    name: str
    file: str
    columns: tuple[Column, ...]
    count: int
    """Its rows."""


@attrs.define
class _Seen:
    """What values a free column has."""

    kinds: set[ColumnKind] = attrs.field(factory=set)
    largest: int = 0

    def add(self, value: Any) -> None:
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
        """The one type that holds them all, each exactly."""
        if self.kinds == {ColumnKind.FLAG}:
            return ColumnKind.FLAG
        if self.kinds == {ColumnKind.COUNT} and self.largest <= _LARGEST:
            return ColumnKind.COUNT if self.largest < LEAST_ID else ColumnKind.ID
        is_number = self.kinds in ({ColumnKind.NUMBER}, {ColumnKind.NUMBER, ColumnKind.COUNT})
        return ColumnKind.NUMBER if is_number and self.largest <= _EXACT else ColumnKind.TEXT


def survey(files: JobFiles, names: Iterable[str]) -> list[Table]:
    """Return the tables that are wanted, with their columns and numbers of rows.

    The columns of the user's own rows are the same in all tables of a job: those of all its files.
    So is their type. First comes ``seed_id``, then these, then the others in the order of the
    job's files, then what other people's code has put into the rows besides.

    :param names: of :data:`TABLES`
    :raises StorageError: if a file can't be read
    """
    seeds: dict[str, _Seen] = {}
    others: dict[str, dict[str, _Seen]] = {}
    counts = {}
    for name, (file, item_class) in TABLES.items():
        known = {field.name for field in attrs.fields(item_class)}
        counts[name], others[name] = _look(files, file, known, seeds)
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


def _look(
    files: JobFiles, file: str, known: set[str], seeds: dict[str, _Seen]
) -> tuple[int, dict[str, _Seen]]:
    """Look through a file; return its number of lines, and what it has that is not *known*."""
    count = 0
    others: dict[str, _Seen] = {}
    for row in files.rows(file):
        count += 1
        data = row.get(SEED_DATA)
        if isinstance(data, dict):
            for key, value in data.items():
                seeds.setdefault(key, _Seen()).add(value)
        if not row.keys() <= known:
            for key in row.keys() - known:
                others.setdefault(key, _Seen())
            for key, seen in others.items():
                seen.add(row.get(key))
    return count, dict(sorted(others.items()))


def _free_name(wanted: str, taken: set[str]) -> str:
    r"""Return a header that no other column has, for programs that ignore case, too.

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
