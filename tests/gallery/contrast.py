"""Checks the contrast of text with its background."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.gallery.browser import Browser

#: The colour of each text on the page, and of its background.
COLOURS = """
const parse = (text) => text.match(/[\\d.]+/g).map(
  (it, i) => Number(it) * (text.startsWith('color') && i < 3 ? 255 : 1));
const ground = (it) => {
  for (; it; it = it.parentElement) {
    const colour = parse(getComputedStyle(it).backgroundColor);
    if (colour.length === 3 || colour[3] > 0.7) return colour.slice(0, 3);
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll('body *')]
  .filter((it) => it.checkVisibility() && !it.disabled &&
    [...it.childNodes].some((child) => child.nodeType === 3 && child.data.trim()))
  .map((it) => [it.className || it.tagName, parse(getComputedStyle(it).color), ground(it)]);
"""


def rgb(text: str) -> list[float]:
    return [float(it) for it in re.findall(r"\d+", text)]


def luminance(colour: list[float]) -> float:
    parts = [value / 255 for value in colour]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def hard_to_read(browser: Browser) -> set[str]:
    """Return the texts of a page whose contrast is below 4.5 : 1."""
    found = browser.run(COLOURS)
    assert len(found) > 100
    return {json.dumps(it) for it in found if contrast(it[1][:3], it[2]) < 4.5}
