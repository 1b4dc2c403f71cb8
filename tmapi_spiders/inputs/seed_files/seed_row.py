"""A row of a seeds file: an image, and the data of the user's table about it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.inputs.overrides import NO_OVERRIDES, Overrides
from tmapi_spiders.inputs.seed import Seed
from tmapi_spiders.inputs.seed_files.seed_columns import ID, IMAGE, SEARCH, shows
from tmapi_spiders.inputs.target_price import CNY, IN_CNY, foreign_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from tmapi_spiders.inputs.seed_files.seed_columns import Columns

__all__ = ["SeedRow", "address_of_formula", "row_of"]

_PRICE = SEARCH + "price"
_LONGEST_ID = 200
_LINK = re.compile(
    r'=\s*(?:_xlfn\.)?(?:HYPERLINK|IMAGE)\s*\(\s*"((?:[^"]|"")*)"\s*[,;)]', re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen
class SeedRow:
    """A row as it was read."""

    number: int
    """Its line or row in the file, from 1."""
    where: str
    """File and line, for messages."""
    image: str = ""
    own_id: str = ""
    given: Mapping[str, str] = _NOTHING
    """The arguments that it overrides, by name."""
    data: Mapping[str, Any] = _NOTHING
    """The other columns."""
    is_plain: bool = False
    """Whether it is a line of a plain list."""
    problem: str = ""
    """Why no seed can be made of it."""
    other: str = ""
    """What else is wrong."""

    def seed(self) -> Seed:
        """Make the seed.

        :raises ValueError: with all that is wrong
        """
        problems = [text for text in (self.problem, self.other) if text]
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


def row_of(
    number: int,
    where: str,
    columns: Columns,
    cells: Sequence[Any],
    rates: Mapping[str, Decimal] | None,
    *,
    currency: str = CNY,
    problem: str = "",
) -> SeedRow | None:
    """Make a row of cells; None if all are empty.

    :param rates: how many CNY one unit is, by currency; None: ignore target prices
    :param currency: of a target price that is a mere number
    :param problem: why the cells can't be used
    """
    if not any(map(shows, cells)) and not problem:
        return None
    known, data = columns.read(cells)
    image = _text(known.get(IMAGE))
    image = address_of_formula(image) or image
    given = {
        name.removeprefix(SEARCH): text
        for name, value in known.items()
        if name.startswith(SEARCH) and (text := _text(value))
    }
    problem = problem or _problem(known, columns, image)
    other = ""
    if rates is not None and not problem:
        try:
            if (target := foreign_target(data, rates, currency)) is not None:
                data.setdefault(IN_CNY, target)
        except ValueError as exc:
            other = str(exc)
    own_id = _text(known.get(ID))
    return SeedRow(number, where, image, own_id, given, data, problem=problem, other=other)


def _problem(known: Mapping[str, Any], columns: Columns, image: str) -> str:
    """Return why no seed can be made of the cells with a meaning; "" if one can."""
    problem = "" if image else f"its column {columns.title(IMAGE)} is empty"
    if image.startswith("#") and image.endswith(("!", "?")):
        problem = (
            f"its column {columns.title(IMAGE)} shows {image[:50]}: a picture in the "
            "cell, or a formula that failed. Put the address of a picture there"
        )
    for meaning in (IMAGE, ID):
        if isinstance(known.get(meaning), bool | dict | list):
            problem = f"its column {columns.title(meaning)} is neither text nor a number"
    price = known.get(_PRICE)
    if isinstance(price, int | float) and not isinstance(price, bool):
        problem = (  # "10-" may have become -10
            f"its column {columns.title(_PRICE)} is the number {price}, which is not a "
            "range; format the cell as text before you type it: 10-50, 10-, -50"
        )
    return problem


def address_of_formula(text: str) -> str | None:
    """Return the address that a spreadsheet's formula links to or shows; None for other texts.

    >>> address_of_formula('=HYPERLINK("https://a.example/1.jpg","lamp")')
    'https://a.example/1.jpg'
    >>> address_of_formula('=HYPERLINK(A2&".jpg")'), address_of_formula("https://a.example")
    (None, None)
    """
    found = _LINK.match(text)
    return found[1].replace('""', '"').strip() if found else None


def _text(value: Any) -> str:
    """Return the text that a cell shows.

    >>> _text(908305897124.0), _text(["en", "zh"]), _text(None)
    ('908305897124', 'en,zh', '')
    """
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()
