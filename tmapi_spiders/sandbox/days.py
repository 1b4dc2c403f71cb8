"""Draws the days on which something happens, so that any day can be computed by itself.

What happens on a day does not depend on how far ahead one looks: the days up to 7 are the first of
those up to 30. Nothing happens on day 0.
"""

from __future__ import annotations

from math import log1p
from typing import TYPE_CHECKING, Final

from tmapi_spiders.sandbox.draws import chance, draw

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVING: Final = 0.02
"""The share of products on sale that leave on a day."""
RETURNING: Final = 0.25
"""The share of those that come back."""
AWAY: Final = range(2, 8)
"""The number of days after which they do."""
ARRIVING: Final = LEAVING * (1 - RETURNING)
"""New products on a day, as a share of the catalogue: as many as leave permanently."""


def event_days(rate: float, since: int, until: int, *key: object) -> Iterator[int]:
    """Yield the days after `since` up to `until` on which an event with this daily rate happens.

    >>> list(event_days(0.1, 0, 30, "kettle"))
    [1, 9, 25]
    >>> list(event_days(0.1, 0, 20, "kettle"))
    [1, 9]
    """
    day = since
    while day < until:
        # The wait for the next event is drawn in one step, so idle days cost nothing.
        day += 1 + int(log1p(-chance(*key, day)) / log1p(-rate))
        if day <= until:
            yield day


def arrival_days(seed: int, slot: int, until: int) -> Iterator[int]:
    """Yield the days on which a product comes to this slot of the catalogue; the first is 0."""
    yield 0
    yield from event_days(ARRIVING, 0, until, "arrives", seed, slot)


def is_on_sale(seed: int, item_id: int, came: int, day: int) -> bool:
    """Return whether a product that came on one day is on sale on another.

    >>> [is_on_sale(1, 600_000_000_000, 0, day) for day in (0, 500)]
    [True, False]
    """
    left = next(event_days(LEAVING, came, day, "leaves", seed, item_id), None)
    while left is not None:
        if chance("returns", seed, item_id, left) >= RETURNING:
            return False
        back = left + AWAY[draw("is away", seed, item_id, left) % len(AWAY)]
        if back > day:
            return False
        left = next(event_days(LEAVING, back, day, "leaves", seed, item_id), None)
    return True
