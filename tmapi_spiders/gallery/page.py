"""Writes the gallery as one HTML file, which loads nothing and runs only its own script."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import attrs

from tmapi_spiders import __version__
from tmapi_spiders.formats import to_json
from tmapi_spiders.gallery.embedded_pictures import picture_address, seed_address
from tmapi_spiders.gallery.model import FACTS, LONGEST_LINK, GalleryQuery, Mark
from tmapi_spiders.system.atomic_file import atomic_write
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from pathlib import Path

    from tmapi_spiders.gallery.embedded_pictures import EmbeddedPictures
    from tmapi_spiders.gallery.model import Card, Gallery, GalleryProduct, Group

__all__ = ["describe_pictures", "gallery_page", "write_page"]

#: Joined to one script in this order.
_SCRIPTS: Final = (
    "model.js",
    "elements.js",
    "changes.js",
    "cards.js",
    "seeds.js",
    "counts.js",
    "main.js",
)

#: The columns of a product in the page, besides `FACTS`.
_COLUMNS: Final = ("item_id", "language", "link", "place", "picture")

#: Characters that could end the HTML element around JSON, or a line of JavaScript.
_ESCAPED: Final = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}

_NOT_EMBEDDED: Final = -1

LONGEST_TEXT: Final = 500
"""The most characters of a foreign text in a page; longer texts are cut, and marked. A browser lays
out even what it does not show: 100,000 letters take it half a minute."""


def gallery_page(
    gallery: Gallery, embedded: EmbeddedPictures, limit: int, *, made_up: bool
) -> bytes:
    """Return the page.

    :param limit: the most bytes the pictures were allowed
    :param made_up: whether the products come from the sandbox
    """
    numbers = {address: number for number, address in enumerate(embedded.urls)}

    def picture(address: str | None) -> int | None:
        return None if address is None else numbers.get(address, _NOT_EMBEDDED)

    rows: dict[int, int] = {}
    products: list[list[Any]] = []

    def row(product: GalleryProduct) -> int:
        if (number := rows.get(id(product))) is None:
            number = rows[id(product)] = len(products)
            address = product.picture and picture_address(product.picture, made_up=made_up)
            own = (product.item_id, product.language, product.link, product.place, picture(address))
            products.append([*own, *product.facts])
        return number

    def card_row(card: Card) -> list[Any]:
        own = [row(card.product), card.price, card.places]
        return [*own, [*map(attrs.astuple, card.marks)], card.is_old] if card.marks else own

    groups = [
        {
            "id": group.seed_id,
            "seed": group.seed,
            "link": group.link,
            "data": group.data,
            "picture": picture(seed_address(group, made_up=made_up)),
            "queries": [attrs.asdict(query, filter=_is_shown) for query in group.queries],
            "cards": [card_row(card) for card in group.cards],
            "rest": _by_currency(group),
        }
        for group in gallery.groups
    ]
    data = {
        "job": gallery.job,
        "source": gallery.source,
        "date": gallery.date,
        "warnings": gallery.warnings,
        "about": f"{describe_pictures(embedded, limit)} "
        f"Made by tmapi_spiders {__version__}; this file loads nothing from elsewhere.",
        "columns": [*_COLUMNS, *FACTS],
        "products": _cut(products),
        "groups": _cut(groups),
        "found": gallery.found,
        "comparison": None if gallery.comparison is None else attrs.asdict(gallery.comparison),
        "marks": [field.name for field in attrs.fields(Mark)],
    }
    style = _read("gallery.css")
    script = f'(() => {{\n"use strict";\n{"".join(map(_read, _SCRIPTS))}}})();\n'
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "version": __version__,
        "title": html.escape(
            f"{gallery.job}: {'what changed' if gallery.comparison else 'gallery'}"
        ),
        "style": style,
        "data": _json(data),
        "pictures": _json(list(embedded.urls.values())),
        "script": script,
    }
    page = re.sub(r"\{(\w+)\}", lambda found: parts[found[1]], _read("gallery.html"))
    return page.encode("utf-8", "replace")


def describe_pictures(embedded: EmbeddedPictures, limit: int) -> str:
    """Return how many pictures are in the page, and why others are not.

    >>> from tmapi_spiders.gallery.embedded_pictures import EmbeddedPictures
    >>> describe_pictures(EmbeddedPictures({"a": "data:"}, 4, 1), 15_000_000)
    '1 of 4 pictures embedded (limit 15 MB); 1 could not be fetched, 2 left out by the limit.'
    """
    count = f"{len(embedded.urls):,} of {plural(embedded.wanted, 'picture')} embedded"
    if not limit:
        return f"{count} (--thumbnails 0)."
    missing = [
        f"{number:,} {why}"
        for number, why in (
            (embedded.failed, "could not be fetched"),
            (embedded.left_out, "left out by the limit"),
        )
        if number
    ]
    why = f"; {', '.join(missing)}" if missing else ""
    return f"{count} (limit {limit / 1_000_000:g} MB){why}."


def write_page(path: Path, page: bytes) -> None:
    """Write a page; it replaces an existing file once it is complete.

    :raises StorageError: if it can't be written; an existing file is then left unchanged
    """
    with atomic_write(path) as file:
        file.write(page)


def _by_currency(group: Group) -> list[tuple[str | None, list[str | None]]]:
    """Return the prices of the products left out of a group, grouped by currency."""
    prices: dict[str | None, list[str | None]] = {}
    for currency, price in group.rest:
        prices.setdefault(currency, []).append(price)
    return list(prices.items())


def _cut(value: Any) -> Any:
    """Return a value with all long texts in it cut, except links.

    >>> len(_cut("x" * 501)), _cut("x" * 501)[-1], _cut([{"a": ("lamp", 7)}])
    (500, '…', [{'a': ['lamp', 7]}])
    """
    if isinstance(value, str):
        longest = LONGEST_LINK if value.startswith(("https://", "http://")) else LONGEST_TEXT
        return value if len(value) <= longest else f"{value[: longest - 1]}…"
    if isinstance(value, list | tuple):
        return [_cut(one) for one in value]
    if isinstance(value, dict):
        return {key: _cut(one) for key, one in value.items()}
    return value


def _is_shown(field: attrs.Attribute[Any], _: Any) -> bool:
    return field is not attrs.fields(GalleryQuery).query_id


def _read(name: str) -> str:
    return (files("tmapi_spiders.gallery") / "assets" / name).read_text("utf-8")


def _json(value: Any) -> str:
    text = to_json(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_ESCAPED)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
