"""Reduces SVG to plain drawings, as the sandbox makes them, which browsers show at no cost.

A stranger's SVG may take a browser minutes (elements that use each other, filters, tiles in tiles).
So it is parsed, accepted only if everything in it is listed here, and written anew.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree import ElementTree as ET

__all__ = ["MAX_SVG_BYTES", "NotPlain", "plain_drawing"]

#: The sandbox's have 1,000 bytes; an SVG that holds a photograph can't be shown.
MAX_SVG_BYTES: Final = 20_000

#: Each element costs a browser time; the sandbox's have 7.
_MOST_ELEMENTS: Final = 50

_SVG: Final = "http://www.w3.org/2000/svg"
_DECLARATION: Final = re.compile(r"\A\ufeff?\s*(?:<\?xml[^<>?]*\?>\s*)?")

#: Allowed children. No element may hold one of its kind, so their number can't multiply.
_INSIDE: Final = {
    "svg": {"defs", "rect", "path", "circle", "text"},
    "defs": {"pattern"},
    "pattern": {"rect", "path", "circle"},
}

_NUMBER: Final = r"-?(?:\d{1,5}(?:\.\d{1,6})?|\.\d{1,6})"
_LIST: Final = rf"{_NUMBER}(?:[ ,]{_NUMBER}){{0,5}}"
_COLOUR: Final = (
    rf"none|#[0-9A-Fa-f]{{3,8}}|[a-z]{{3,20}}|(?:rgb|hsl)\({_NUMBER}(?:,{_NUMBER}%?){{2}}\)"
)
#: At least one unit, so that a tile is not repeated endlessly.
_TILE: Final = r"[1-9]\d{0,3}(?:\.\d{1,6})?"

_ATTRIBUTES: Final = {
    **dict.fromkeys(
        ("x", "y", "cx", "cy", "r", "rx", "ry", "width", "height", "stroke-width", "font-size"),
        _NUMBER,
    ),
    **dict.fromkeys(("fill", "stroke"), rf"{_COLOUR}|url\(#[a-z]{{1,20}}\)"),
    "viewBox": _LIST,
    "id": r"[a-z]{1,20}",
    "d": r"[MmLlHhVvCcSsQqTtAaZz0-9 ,.\-]{0,5000}",
    "fill-rule": r"evenodd|nonzero",
    "font-family": r"[A-Za-z ,-]{1,50}",
    "patternUnits": r"userSpaceOnUse",
    "text-anchor": r"start|middle|end",
    "transform": rf"(?:(?:translate|scale|rotate)\({_LIST}\) ?){{1,3}}",
}
_OF_PATTERN: Final = {
    **_ATTRIBUTES,
    **dict.fromkeys(("width", "height"), _TILE),
}
_IN_PATTERN: Final = {**_ATTRIBUTES, **dict.fromkeys(("fill", "stroke"), _COLOUR)}

_LONGEST_TEXT: Final = 100


class NotPlain(Exception):
    """The drawing can't be shown; the message says why."""


def plain_drawing(data: bytes) -> bytes:
    """Return the same drawing, written anew.

    :raises NotPlain: if it is too large, or has anything not known to be harmless

    >>> plain_drawing(b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>')
    b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9" /></svg>'
    """
    if len(data) > MAX_SVG_BYTES:
        raise NotPlain(f"an SVG of {len(data):,} bytes")
    try:
        text = data.decode("utf-8")
        text = _DECLARATION.sub("", text, count=1)
        if "<!" in text or "<?" in text:  # above all, entities
            raise NotPlain("an SVG with more than a plain drawing: <! or <?")
        root = ET.fromstring(text)  # noqa: S314 - it declares no entities
    except (UnicodeDecodeError, ET.ParseError) as exc:
        raise NotPlain("an SVG that can't be read") from exc
    if sum(1 for _ in root.iter()) > _MOST_ELEMENTS:
        raise NotPlain(f"an SVG of more than {_MOST_ELEMENTS} elements")
    return ET.tostring(_plain(root, {"svg"}, _ATTRIBUTES))


def _plain(element: ET.Element, fit: set[str], rules: dict[str, str]) -> ET.Element:
    """Return a checked copy of an element and its children."""
    name = element.tag.removeprefix(f"{{{_SVG}}}")
    if name not in fit:
        raise NotPlain(f"an SVG with more than a plain drawing: <{name[:40]}>")
    made = ET.Element(name, {"xmlns": _SVG} if name == "svg" else {})
    for key, value in element.attrib.items():
        rule = (_OF_PATTERN if name == "pattern" else rules).get(key)
        if rule is None or not re.fullmatch(rule, value, re.ASCII):
            raise NotPlain(f"an SVG with more than a plain drawing: {key[:40]} of <{name}>")
        made.set(key, value)
    if name == "text":
        made.text = (element.text or "")[:_LONGEST_TEXT]
    within = _IN_PATTERN if name == "pattern" else rules
    made.extend([_plain(child, _INSIDE.get(name, set()), within) for child in element])
    return made
