"""Draws pictures of looks as SVG, so that no drawing library is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tmapi_spiders.sandbox.looks import Look

OUTLINES: Final[dict[str, str]] = {
    "mug": "M22 25h44v50a8 8 0 0 1-8 8h-28a8 8 0 0 1-8-8z"
    "M66 35h8a10 10 0 0 1 10 10v8a10 10 0 0 1-10 10h-8v-8h6a4 4 0 0 0 4-4v-4a4 4 0 0 0-4-4h-6z",
    "bowl": "M10 40h80a40 40 0 0 1-28 38v6h-24v-6a40 40 0 0 1-28-38z",
    "vase": "M38 10h24v10c-2 12 16 22 16 42 0 14-8 24-14 28h-28c-6-4-14-14-14-28 0-20 18-30 16-42z",
    "bottle": "M42 8h16v18c0 6 12 10 12 22v38a6 6 0 0 1-6 6h-28a6 6 0 0 1-6-6v-38"
    "c0-12 12-16 12-22z",
    "teapot": "M30 36h40c12 6 14 34 0 48h-40c-6-6-9-14-9-20l-15-18 6-4 12 10c1-6 3-13 6-16z"
    "M44 24h12v10h-12z",
    "lamp": "M34 12h32l16 36h-64zM46 48h8v34h18v8h-44v-8h18z",
    "chair": "M28 8h8v40h36v44h-8v-26h-28v26h-8z",
    "table": "M8 34h84v12h-8v44h-8v-44h-52v44h-8v-44h-8z",
    "shirt": "M36 14c6 8 22 8 28 0l26 14-10 20-12-6v46h-36v-46l-12 6-10-20z",
    "trousers": "M30 8h40l8 84h-20l-8-56-8 56h-20z",
    "handbag": "M16 40h68l6 48h-80zM34 40c0-34 32-34 32 0h-7c0-24-18-24-18 0z",
    "hat": "M28 60c0-56 44-56 44 0l22 6v12h-88v-12z",
    "boot": "M34 10h26v44c14 4 28 8 28 22v12h-54z",
    "umbrella": "M8 52c4-56 80-56 84 0zM47 52h6v32a10 10 0 0 1-20 0h6a4 4 0 0 0 8 0z",
    "clock": "M50 10a40 40 0 1 0 .1 0zM47 26h6v22l16 10-3 5-19-11z",
    "ball": "M50 12a38 38 0 1 0 .1 0z",
    "kite": "M50 6l28 32-28 40-28-40zM48 78h4v16h-4z",
    "gift box": "M12 40h76v48h-76zM8 26h84v12h-84zM34 10l16 14 16-14v16h-32z",
    "candle": "M38 40h24v52h-24zM50 8c10 14 8 24 0 26-8-2-10-12 0-26z",
    "star": "M50 8l12 28 30 3-23 20 7 30-26-16-26 16 7-30-23-20 30-3z",
}
"""The outline of each kind, in a square of 100 by 100."""

STROKES: Final[dict[str, str]] = {
    "plain": "",
    "striped": "M0 2h12",
    "dotted": "M6 5a1 1 0 1 0 .1 0z",
    "checked": "M0 2h12M2 0v12",
    "zigzag": "M0 9l6-6 6 6",
}
"""What each pattern repeats on tiles of 12 by 12."""


def picture(look: Look, caption: str) -> str:
    """Return an SVG document, 400 by 440, of a thing of this look, with a caption.

    >>> from tmapi_spiders.sandbox.looks import Look
    >>> picture(Look("ball", 120, 100, "plain"), "612345678901")[:54]
    '<svg xmlns="http://www.w3.org/2000/svg" width="400" he'
    """
    # Even the smallest must be told apart from the others: half the square at size 0.
    scale = 0.5 + look.size / 200
    shift = 50 * (1 - scale)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="440" viewBox="0 0 100 110">'
        '<defs><pattern id="p" width="12" height="12" patternUnits="userSpaceOnUse">'
        f'<rect width="12" height="12" fill="hsl({look.hue},70%,55%)"/>'
        f'<path d="{STROKES[look.pattern]}" fill="none" stroke="#fff" stroke-width="3"/>'
        '</pattern></defs><rect width="100" height="110" fill="#fff"/>'
        f'<path transform="translate({shift:g} {shift:g}) scale({scale:g})" fill="url(#p)" '
        f'fill-rule="evenodd" stroke="#333" d="{OUTLINES[look.kind]}"/>'
        f'<text x="50" y="107" font-size="6" text-anchor="middle" font-family="monospace">{caption}'
        "</text></svg>\n"
    )
