"""A row of a seeds file: an image, and what else the user's own table says of it."""

from __future__ import annotations

import re
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.errors import did_you_mean, shortened
from tmapi_spiders.overrides import NO_OVERRIDES, OVERRIDDEN, Overrides
from tmapi_spiders.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["IMAGE_COLUMNS", "SeedRow", "check_columns", "row_of", "well_known"]

#: Where the image is; the first of these that there is, so that another may be the user's own.
IMAGE_COLUMNS = ("image", "img_url", "url")

_ID = "id"
_SEARCH = "search_"
_PRICE = _SEARCH + "price"
_LONGEST_ID = 200

#: Excel's own: a table with more is none.
_MOST_COLUMNS = 16_384

_SHOWN_PROBLEMS = 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen
class SeedRow:
    """One row, as it was read."""

    number: int
    """Its line or row in the file, from 1."""
    where: str
    """File and line, for messages."""
    image: str = ""
    own_id: str = ""
    given: Mapping[str, str] = _NOTHING
    """Arguments of its own, by name."""
    data: Mapping[str, Any] = _NOTHING
    """The other columns."""
    is_plain: bool = False
    """Whether it is a line of a plain list."""
    problem: str = ""
    """Why nothing can be made of it."""

    def seed(self) -> Seed:
        """Make the seed.

        :raises ValueError: with all that is wrong
        """
        problems = [self.problem] if self.problem else []
        seed, overrides = None, NO_OVERRIDES
        if not self.problem:
            try:
                seed = Seed.parse(self.image, self.own_id, self.data)
            except ValueError as exc:
                problems.append(f"{self.image[:200]!r}: {exc}")
        if self.own_id and (len(self.own_id) > _LONGEST_ID or _CONTROL.search(self.own_id)):
            problems.append(f"id: accepted: up to {_LONGEST_ID} characters, no control characters")
        if self.given:
            try:
                overrides = Overrides.read(self.given)
            except ValueError as exc:
                problems.append(str(exc).rstrip("."))
        if problems or seed is None:
            raise ValueError("; ".join(problems))
        return attrs.evolve(seed, overrides=overrides) if self.given else seed


def well_known(column: str) -> str:
    """Return the name of a column that has a meaning here, however it is written; else "".

    >>> well_known(" Image "), well_known("search_sort"), well_known("SKU")
    ('image', 'search_sort', '')
    """
    word = column.strip().lower()
    return word if word in {*IMAGE_COLUMNS, _ID} or word.startswith(_SEARCH) else ""


def check_columns(columns: Iterable[str]) -> list[str]:
    """Return what is wrong with the columns of a table; a mistyped one must not go unheeded."""
    names = [well_known(column) or column for column in columns]
    if len(names) > _MOST_COLUMNS:
        return [f"it has {len(names):,} columns; accepted: up to {_MOST_COLUMNS:,}"]
    problems = []
    if not set(names) & set(IMAGE_COLUMNS):
        given = ", ".join(map(repr, names)) or "none"
        problems.append(f"no column has the image (it has {shortened(given)})")
    problems += [
        f"the column {shortened(repr(name))} is there twice"
        for name, times in Counter(names).items()
        if times > 1
    ]
    accepted = [_SEARCH + name for name in OVERRIDDEN]
    problems += [
        f"{shortened(name)}: no such column; accepted: {', '.join(accepted)}."
        + did_you_mean(name, accepted)
        for name in names
        if name.startswith(_SEARCH) and name not in accepted
    ]
    if len(problems) > _SHOWN_PROBLEMS:
        more = f"{len(problems) - _SHOWN_PROBLEMS:,} columns more like these"
        problems[_SHOWN_PROBLEMS:] = [more]
    return problems


def row_of(number: int, where: str, values: Mapping[str, Any]) -> SeedRow | None:
    """Make a row of the values of its columns; None if all are empty.

    :param values: by column; those with a meaning here in lower case
    """
    if not any(value is not None and str(value).strip() for value in values.values()):
        return None
    column = next((name for name in IMAGE_COLUMNS if name in values), IMAGE_COLUMNS[0])
    image, given = _text(values.get(column)), {}
    data = dict(values)
    for name in [column, _ID, *[_SEARCH + name for name in OVERRIDDEN]]:
        text = _text(data.pop(name, None))
        if text and name.startswith(_SEARCH):
            given[name.removeprefix(_SEARCH)] = text
    own_id = _text(values.get(_ID))
    problem = "" if image else f"its column {column} is empty"
    for name in (column, _ID):
        if isinstance(values.get(name), bool | dict | list):
            problem = f"its column {name} is neither text nor a number"
    if isinstance(values.get(_PRICE), int | float):
        problem = (  # "10-" may have become -10
            f"its column {_PRICE} is the number {values[_PRICE]}, which is no range; format the "
            "cell as text before you write it: 10-50, 10-, -50"
        )
    return SeedRow(number, where, image, own_id, given, data, problem=problem)


def _text(value: Any) -> str:
    """Return what a cell shows.

    >>> _text(908305897124.0), _text(["en", "zh"]), _text(None)
    ('908305897124', 'en,zh', '')
    """
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
