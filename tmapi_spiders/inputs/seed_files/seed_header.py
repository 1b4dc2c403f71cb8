"""Finds the header of a seeds table, and explains what is wrong where none names the image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened
from tmapi_spiders.inputs.seed_files.seed_columns import (
    IMAGE,
    IMAGE_COLUMNS,
    MEANINGS,
    Columns,
    Layout,
    folded,
    listed,
    on_one_line,
    shows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "HEADER_ROWS",
    "columns_of_header",
    "image_argument",
    "is_header",
    "likely_header",
    "no_header",
    "suggested_argument",
]

#: The header is in one of the first rows; there may be titles above it.
HEADER_ROWS: Final = 20

_TABLE = (
    f"Accepted: a header with a column {', '.join(IMAGE_COLUMNS[:-1])} or {IMAGE_COLUMNS[-1]} for "
    'the image, or -a columns="image=NAME" for a column of another name; id, target_price and '
    "search_… have a meaning too, all others are passed through."
)
_NAMED_LIKE_AN_IMAGE: Final = re.compile(
    r"image|img|pict?ure|\bpic\b|photo|foto|bild|imagen|immagine|obraz|图|圖|画像|фото|картин",
    re.IGNORECASE,
)


def is_header(cells: Sequence[Any], layout: Layout) -> bool:
    """Return whether a row names the image's column, and so is the header.

    >>> is_header(["SKU", " Image "], Layout()), is_header(["Bild"], Layout({"image": "bild"}))
    (True, True)
    """
    wanted = layout.columns.get(IMAGE)
    names = IMAGE_COLUMNS if wanted is None else (folded(wanted),)
    return any(folded(str(cell)) in names for cell in cells if cell is not None)


def likely_header(rows: Sequence[Sequence[Any]], layout: Layout) -> int | None:
    """Return which of the first rows looks most like a header, where none names the image.

    That is a row that names another known column, else the first with two cells or more.

    >>> likely_header([["Spring 2026", ""], [], ["Art", "Bild"], ["7", "x"]], Layout())
    2
    """
    known = {folded(name) for name in layout.columns.values()} | {*MEANINGS}
    for number, cells in enumerate(rows):
        if any(folded(str(cell)) in known for cell in cells if shows(cell)):
            return number
    wide = (n for n, cells in enumerate(rows) if sum(map(shows, cells)) > 1)
    any_at_all = (n for n, cells in enumerate(rows) if any(map(shows, cells)))
    return next(wide, next(any_at_all, None))


def columns_of_header(cells: Sequence[Any], where: str, layout: Layout) -> Columns:
    """Return the columns of a header.

    :param where: the header's place, for messages
    :raises UsageProblems: with all that is wrong with them
    """
    try:
        return Columns.of(cells, layout)
    except ValueError as exc:
        problems = str(exc).splitlines()
        raise UsageProblems(*[f"{where}: {problem}. {_TABLE}" for problem in problems]) from None


def no_header(cells: Sequence[Any], where: str, layout: Layout, remedy: str = "") -> str:
    """Return why a table is refused in which no row names the image.

    :param cells: of the row that looks most like a header
    :param where: that row's place
    :param remedy: what to do instead of naming the column
    """
    if (name := layout.columns.get(IMAGE)) is not None:
        names = [str(cell) for cell in cells if cell is not None]
        return (
            f"{where}: columns: no column is called {shortened(repr(name))} (there are "
            f"{listed(cells)}), here or in another of the first {HEADER_ROWS} rows."
            f"{did_you_mean(name, names)} {remedy}"
        ).rstrip()
    remedy = remedy or f"Say which one does: {suggested_argument(cells)}"
    return (
        f"{where}: no column has the image (it has {listed(cells)}), here or in another of the "
        f"first {HEADER_ROWS} rows. {remedy}. {_TABLE}"
    )


def suggested_argument(cells: Sequence[Any]) -> str:
    """Return the argument that names the image's column in a header.

    >>> suggested_argument(["Art", "Bild-URL"]), suggested_argument(["a", "b"])
    ('-a columns="image=Bild-URL"', '-a columns="image=NAME"')
    """
    likely = [str(cell).strip() for cell in cells if _NAMED_LIKE_AN_IMAGE.search(str(cell))]
    return image_argument(likely[0] if len(likely) == 1 else "NAME")


def image_argument(column: str) -> str:
    """Return the argument that makes a column the image's.

    >>> image_argument("Bild")
    '-a columns="image=Bild"'
    """
    return f'-a columns="image={shortened(on_one_line(column))}"'
