"""Prints a comparison for people: counts by kind, and the largest changes of each."""

from __future__ import annotations

import math
from collections import Counter
from heapq import nlargest
from typing import TYPE_CHECKING, Any, Final

import attrs
from rich.cells import cell_len

from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.compare.differences import DIRECTIONS, price_direction
from tmapi_spiders.inputs.target_price import CNY
from tmapi_spiders.wording import plural, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tmapi_spiders.compare.changes import Change

__all__ = ["ChangeSummary", "headline", "print_summary"]

NOT_GIVEN: Final = "not given"

_LONGEST_TITLE: Final = 48

#: The most characters of foreign text in a cell; links should not be cut if possible.
_LONGEST_CELL: Final = 200


@attrs.define
class ChangeSummary:
    """Counts changes, and keeps the largest of each kind.

    :param shown: how many of each kind to list
    """

    shown: int
    counts: Counter[str] = attrs.field(factory=Counter)
    directions: Counter[str] = attrs.field(factory=Counter)
    """Price changes by direction."""
    _kept: dict[str, list[tuple[float, int, Change]]] = attrs.field(factory=dict)

    def add(self, change: Change) -> None:
        """Count a change; keep it if it is among the largest of its kind."""
        kind = change.change
        self.counts[kind] += 1
        if kind == "price":
            self.directions[price_direction(change.before, change.after)] += 1
        kept = self._kept.setdefault(kind, [])
        size = change.difference if kind == "rank" else change.percent
        size = abs(float(size)) if size is not None else math.inf
        kept.append((size, -self.counts[kind], change))
        if len(kept) > 2 * self.shown + 100:
            kept[:] = nlargest(self.shown, kept)

    def largest(self, kind: str) -> list[Change]:
        """Return the largest changes of a kind; those of equal size keep their order."""
        return [change for *_, change in nlargest(self.shown, self._kept.get(kind, []))]


def print_summary(summary: ChangeSummary, kinds: Iterable[str]) -> None:
    """Print a summary: counts by kind, then the largest of each."""
    if not summary.counts:
        print("  nothing changed")
        return
    found = [kind for kind in KINDS if kind in kinds and summary.counts[kind]]
    counts = []
    for kind in found:
        number, meaning = summary.counts[kind], KINDS[kind]
        if kind == "price":
            meaning = ", ".join(
                f"{summary.directions[way]:,} {way}"
                for way in DIRECTIONS
                if summary.directions[way]
            )
        counts.append((kind, f"{number:,}", meaning))
    print(_table(counts, right={1}))
    for kind in found:
        if changes := summary.largest(kind):
            number = summary.counts[kind]
            of = f" ({len(changes)} of {number:,})" if len(changes) < number else ""
            print(f"\n{kind}{of}")
            print(_table(map(_cells, changes)))


def _table(rows: Iterable[tuple[str, ...]], right: Collection[int] = ()) -> str:
    """Return rows as lines with aligned columns; no line is wrapped."""
    cleaned = [[printable(cell, _LONGEST_CELL) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(*cleaned, strict=True)]
    lines = []
    for row in cleaned:
        cells = []
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            gap = " " * (width - cell_len(cell))
            cells.append(gap + cell if number in right else cell + gap)
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def _cells(change: Change) -> tuple[str, ...]:
    return (
        _seeds(change),
        str(change.item_id),
        printable(change.title or "", _LONGEST_TITLE),
        _before_and_after(change),
        change.product_url or "",
    )


def _seeds(change: Change) -> str:
    first, *others = change.seed_ids or [""]
    return f"{first} +{len(others)}" if others else first


def _before_and_after(change: Change) -> str:
    before, after = change.before, change.after
    if before is None and after is None:
        return ""
    if change.change == "rank":
        places = abs(int(change.difference or 0))
        way = "down" if int(change.difference or 0) > 0 else "up"
        return f"#{before} → #{after} ({plural(places, 'place')} {way})"
    if change.change == "price" and (before is None or after is None):
        return (
            f"{NOT_GIVEN if before is None else before} → {NOT_GIVEN if after is None else after}"
        )
    if before is None or after is None:
        words = _shown(after if before is None else before)
    else:
        words = f"{_shown(before)} → {_shown(after)}"
    if change.target is not None:
        return f"{words} (target {change.target} {CNY})"
    return words + (f" ({change.percent:+.1f} %)" if change.percent is not None else "")


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else printable(value, _LONGEST_TITLE)


def headline(old: str, new: str, before: int, after: int) -> str:
    """Return which jobs were compared.

    >>> headline("watch-1", "watch-2", 1210, 1204)
    'watch-1 → watch-2: 1,204 products (1,210 before)'
    """
    return f"{old} → {new}: {plural(after, 'product')} ({before:,} before)"
