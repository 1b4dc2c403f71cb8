"""The look of a thing in a picture, and the distance between two looks."""

from __future__ import annotations

from typing import Final

import attrs

from tmapi_spiders.sandbox.draws import draw
from tmapi_spiders.sandbox.words import COLOURS, KINDS, LANGUAGES, PATTERNS, SIZES, TEMPLATES

KIND_NAMES: Final = tuple(KINDS)
PATTERN_NAMES: Final = tuple(PATTERNS)

OTHER_PATTERN: Final = 40
"""What a different pattern adds to a distance."""

REACH: Final = 140
"""Two looks of one kind match up to this distance, see `distance`."""


@attrs.frozen
class Look:
    """What a picture shows."""

    kind: str
    """A key of `words.KINDS`."""
    hue: int
    """Colour in degrees, 0 to 359 (0 red, 120 green, 240 blue)."""
    size: int
    """Per cent, 0 to 100."""
    pattern: str
    """A key of `words.PATTERNS`."""


def look_of(text: str) -> Look:
    """Return the look of an image with this name: any name gives one, always the same.

    >>> look_of("teapot")
    Look(kind='umbrella', hue=226, size=99, pattern='plain')
    """
    number = draw("look", text)
    number, kind = divmod(number, len(KIND_NAMES))
    number, hue = divmod(number, 360)
    number, size = divmod(number, 101)
    return Look(KIND_NAMES[kind], hue, size, PATTERN_NAMES[number % len(PATTERN_NAMES)])


def distance(one: Look, other: Look) -> int | None:
    """Return how unlike two looks are; None if they are different kinds of things.

    Degrees between the hues (0 to 180) + difference of the sizes in per cent (0 to 100) + 40 if the
    patterns differ. A search finds what is within REACH.

    >>> red = Look("mug", 350, 50, "plain")
    >>> distance(red, red), distance(red, Look("mug", 10, 45, "dotted"))
    (0, 65)
    >>> distance(red, Look("hat", 350, 50, "plain")) is None
    True
    """
    if one.kind != other.kind:
        return None
    turn = abs(one.hue - other.hue)
    unlike = min(turn, 360 - turn) + abs(one.size - other.size)
    return unlike if one.pattern == other.pattern else unlike + OTHER_PATTERN


def describe(look: Look, language: str, trade: tuple[str, ...], model: str) -> str:
    """Return a title in one of LANGUAGES for a thing of this look.

    >>> describe(Look("mug", 0, 10, "dotted"), "en", ("Wholesale",) * 6, "K0417")
    'Small Red Dotted Mug, Wholesale, K0417'
    """
    column = LANGUAGES.index(language)
    return TEMPLATES[column].format(
        size=SIZES[look.size * len(SIZES) // 101][column],
        colour=COLOURS[(look.hue + 15) // 30 % len(COLOURS)][column],
        pattern=PATTERNS[look.pattern][column],
        kind=KINDS[look.kind][column],
        trade=trade[column],
        model=model,
    )
