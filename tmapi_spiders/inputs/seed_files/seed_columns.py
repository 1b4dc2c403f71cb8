"""The columns of a seeds table: image, id, target price, arguments, and the user's own."""

from __future__ import annotations

import re
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import attrs

from tmapi_spiders.errors import did_you_mean, shortened
from tmapi_spiders.inputs.overrides import OVERRIDDEN
from tmapi_spiders.inputs.target_price import TARGET_COLUMN
from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

__all__ = [
    "ID",
    "IMAGE",
    "IMAGE_COLUMNS",
    "MEANINGS",
    "SEARCH",
    "Columns",
    "Layout",
    "columns_of",
    "folded",
    "listed",
    "on_one_line",
    "sheet_of",
    "shows",
]

IMAGE: Final = "image"
ID: Final = "id"
SEARCH: Final = "search_"

#: Names of the image's column, unless ``columns`` gives it; the first in the table counts.
IMAGE_COLUMNS: Final = ("image", "img_url", "url")

#: The meanings that ``columns`` may give a column.
MEANINGS: Final = (IMAGE, ID, TARGET_COLUMN, *[SEARCH + name for name in OVERRIDDEN])

#: Excel's limit.
_MOST_COLUMNS: Final = 16_384

_SHOWN_PROBLEMS: Final = 20
_SHOWN_NAMES: Final = 30

_HYPHENATED: Final = re.compile(r"(?<=-)\s*\n\s*")
_ASSIGNMENT: Final = re.compile(r"\s*(\w+)\s*=(.*)", re.DOTALL)
_BETWEEN: Final = re.compile(r",(?=\s*\w+\s*=)")


@attrs.frozen
class Layout:
    """How the user describes a table: its columns, its sheet, and rates for target prices."""

    columns: Mapping[str, str] = MappingProxyType({})
    """The name of a column by its meaning (see :data:`MEANINGS`)."""
    sheet: str = ""
    """The name or number of a workbook's sheet; "" is the first visible one."""
    rates: Mapping[str, Decimal] | None = MappingProxyType({})
    """How many CNY one unit is, by currency; None: ignore target prices."""


def columns_of(given: Any) -> Mapping[str, str]:
    """Read the argument ``columns``, such as ``image=Bild-URL,id=Art.-Nr.``.

    >>> columns_of("image=Bild-URL, id=Art, Nr.")
    {'image': 'Bild-URL', 'id': 'Art, Nr.'}

    :raises ValueError: saying what is accepted
    """
    rule = f"accepted: MEANING=COLUMN, separated by commas; meanings: {', '.join(MEANINGS)}."
    if isinstance(given, dict):
        pairs = [(str(meaning), str(name)) for meaning, name in given.items()]
    else:
        found = [_ASSIGNMENT.fullmatch(part) for part in _BETWEEN.split(str(given))]
        pairs = [(one[1], one[2]) for one in found if one is not None]
        if len(pairs) < len(found):
            raise ValueError(rule)
    columns: dict[str, str] = {}
    for meaning, name in pairs:
        if meaning not in MEANINGS:
            raise ValueError(
                f"{shortened(repr(meaning))} is not a meaning; {rule}"
                f"{did_you_mean(meaning, MEANINGS)}"
            )
        if not name.strip():
            raise ValueError(f"{meaning}= names no column; {rule}")
        if meaning in columns or folded(name) in map(folded, columns.values()):
            raise ValueError(f"{meaning}={shortened(name)}: one of them appears twice; {rule}")
        columns[meaning] = name.strip()
    return columns


def sheet_of(given: Any) -> str:
    """Read the argument ``sheet``: the name or number of a workbook's sheet.

    :raises ValueError: if it is empty
    """
    if not (name := str(given).strip()):
        raise ValueError("it is empty; accepted: the name or the number of a sheet.")
    return name


@attrs.frozen
class Columns:
    """The columns of one table."""

    names: tuple[str, ...]
    """As in the header, except for a target price that ``columns`` names; "" where it has none."""
    meanings: tuple[str, ...]
    """The meaning of each; "" for the user's own."""
    names_of: Mapping[str, str]
    """The name of the column by its meaning."""
    is_guess: bool
    """Whether the image's column is called ``url``, which may be any address."""
    _known: tuple[tuple[int, str], ...] = attrs.field(init=False, repr=False, eq=False)
    _own: tuple[tuple[int, str], ...] = attrs.field(init=False, repr=False, eq=False)
    _unnamed: tuple[int, ...] = attrs.field(init=False, repr=False, eq=False)

    @_known.default
    def _find_known(self) -> tuple[tuple[int, str], ...]:
        return tuple(
            (place, meaning)
            for place, meaning in enumerate(self.meanings)
            if meaning and meaning != TARGET_COLUMN
        )

    @_own.default
    def _find_own(self) -> tuple[tuple[int, str], ...]:
        known = {place for place, _ in self._known}
        return tuple(
            (place, name) for place, name in enumerate(self.names) if name and place not in known
        )

    @_unnamed.default
    def _find_unnamed(self) -> tuple[int, ...]:
        return tuple(place for place, name in enumerate(self.names) if not name)

    @classmethod
    def of(cls, cells: Sequence[Any], layout: Layout, *, is_whole: bool = True) -> Columns:
        """Make the columns of a header's cells.

        :param is_whole: whether the header must have all columns that ``columns`` names

        >>> columns = Columns.of(["Art.-Nr.", "Bild", "URL"], Layout({"image": "bild"}))
        >>> columns.read(["7", "//a.b/c.jpg", "https://shop.example"])[1]
        {'Art.-Nr.': '7', 'URL': 'https://shop.example'}

        :raises ValueError: with all problems, one per line
        """
        names = ["" if cell is None else str(cell).strip() for cell in cells]
        meanings = _meanings(names, layout)
        named = [(meaning, name) for name, meaning in zip(names, meanings, strict=True) if meaning]
        names_of = dict(reversed(named))
        if problems := _problems(names, meanings, names_of, layout, is_whole=is_whole):
            raise ValueError("\n".join(problems))
        if TARGET_COLUMN in layout.columns and TARGET_COLUMN in meanings:
            names[meanings.index(TARGET_COLUMN)] = TARGET_COLUMN
        is_guess = IMAGE not in layout.columns and folded(names_of[IMAGE]) == IMAGE_COLUMNS[-1]
        return cls(tuple(names), meanings, names_of, is_guess)

    def read(self, cells: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the cells of a row by meaning, and the user's own by name.

        A column without a name goes by its number. A target price is also among the user's own.

        :param cells: at least as many as there are columns
        """
        width = len(self.names)
        known = {meaning: cells[place] for place, meaning in self._known}
        own = {name: cells[place] for place, name in self._own}
        for place in (*self._unnamed, *range(width, len(cells))):
            if shows(cells[place]):
                column = f"column_{place + 1}"
                own[column + "_" * (column in self.names)] = cells[place]
        return known, own

    def title(self, meaning: str) -> str:
        """Return the name of the column with a meaning, for messages."""
        return shortened(on_one_line(self.names_of[meaning]))

    def place(self, meaning: str) -> int | None:
        """Return the index of the column with a meaning, from 0."""
        return self.meanings.index(meaning) if meaning in self.meanings else None

    def describe(self) -> str:
        """Return which columns have a meaning, as text.

        >>> Columns.of(["Nr", "Bild"], Layout({"image": "Bild", "id": "Nr"})).describe()
        'image: “Bild”, id: “Nr”'
        """
        return ", ".join(
            f"{meaning}: “{printable(on_one_line(self.names_of[meaning]), 100)}”"
            for meaning in MEANINGS
            if meaning in self.names_of
        )


def shows(cell: Any) -> bool:
    """Return whether a cell shows anything."""
    return cell is not None and bool(str(cell).strip())


def listed(names: Sequence[Any]) -> str:
    """Return names of columns for a message.

    >>> listed(["Art", None, "Bild"])
    "'Art', 'Bild'"
    """
    found = [repr(on_one_line(str(name))) for name in names if shows(name)]
    more = f" and {len(found) - _SHOWN_NAMES:,} more" if len(found) > _SHOWN_NAMES else ""
    return shortened(", ".join(found[:_SHOWN_NAMES])) + more if found else "none"


def on_one_line(name: str) -> str:
    r"""Return a column's name on one line.

    >>> on_one_line("Bild-\nURL"), on_one_line(" target\n price")
    ('Bild-URL', 'target price')
    """
    return " ".join(_HYPHENATED.sub("", name).split())


def folded(name: str) -> str:
    r"""Return a column's name for comparisons: people break names into lines anywhere.

    >>> folded(" Bild-\n URL ")
    'bild-url'
    """
    return "".join(name.split()).casefold()


def _meanings(names: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """Return the meaning of each column: from ``columns``, else from its name."""
    found = [folded(name) for name in names]
    named = {folded(name): meaning for meaning, name in layout.columns.items()}
    image = next((name for name in IMAGE_COLUMNS if name in found), "")
    meanings = []
    for name in found:
        meaning = named.get(name, "")
        if not meaning and name not in named:
            if name == image and IMAGE not in layout.columns:
                meaning = IMAGE
            elif name in IMAGE_COLUMNS:
                meaning = ""
            elif name in MEANINGS and name not in layout.columns:
                meaning = name
            elif name.startswith(SEARCH) and name not in MEANINGS:
                meaning = name  # refused later
        meanings.append(meaning)
    return tuple(meanings)


def _problems(
    names: Sequence[str],
    meanings: Sequence[str],
    names_of: Mapping[str, str],
    layout: Layout,
    *,
    is_whole: bool,
) -> list[str]:
    """Return what is wrong with the columns of a table; a mistyped one must not be ignored."""
    if len(names) > _MOST_COLUMNS:
        return [f"it has {len(names):,} columns; accepted: up to {_MOST_COLUMNS:,}"]
    problems = [
        f"columns: no column is called {shortened(repr(name))} (there are {listed(names)})."
        f"{did_you_mean(name, [one for one in names if one])}"
        for meaning, name in layout.columns.items()
        if meaning not in names_of and (is_whole or meaning == IMAGE)
    ]
    if IMAGE not in names_of and IMAGE not in layout.columns:
        problems.append(f"no column has the image (it has {listed(names)})")
    appearances = Counter(
        (meaning, "" if meaning else name)
        for name, meaning in zip(names, meanings, strict=True)
        if name
    )
    if TARGET_COLUMN in layout.columns:  # it is renamed to that
        appearances["", TARGET_COLUMN] += 1
    problems += [
        f"the column {shortened(repr(names_of.get(meaning, name)))} appears twice"
        for (meaning, name), times in appearances.items()
        if times > 1
    ]
    accepted = [SEARCH + name for name in OVERRIDDEN]
    problems += [
        f"{shortened(meaning)}: no such column; accepted: {', '.join(accepted)}."
        + did_you_mean(meaning, accepted)
        for meaning in meanings
        if meaning.startswith(SEARCH) and meaning not in accepted
    ]
    if len(problems) > _SHOWN_PROBLEMS:
        more = f"{len(problems) - _SHOWN_PROBLEMS:,} columns more like these"
        problems[_SHOWN_PROBLEMS:] = [more]
    return problems
