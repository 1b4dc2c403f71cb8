"""Telling: what people read of a comparison."""

from __future__ import annotations

import sys
from collections import Counter
from heapq import nlargest
from typing import TYPE_CHECKING, Any, Final

import attrs
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.phrases import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tmapi_spiders.compare.changes import Change

__all__ = ["Summary", "tell"]

_LONGEST_TITLE: Final = 48

_WIDTH_OF_A_FILE: Final = 200


@attrs.define
class Summary:
    """Counts of changes, and the largest of each kind.

    :param shown: how many of each kind are told one by one
    """

    shown: int
    counts: Counter[str] = attrs.field(factory=Counter)
    lower: int = 0
    """Prices that fell."""
    _kept: dict[str, list[tuple[float, int, Change]]] = attrs.field(factory=dict)

    def add(self, change: Change) -> None:
        """Count a change; keep it if it is among the largest of its kind."""
        kind = change.change
        self.counts[kind] += 1
        self.lower += kind == "price" and (change.percent or 0) < 0
        kept = self._kept.setdefault(kind, [])
        kept.append((abs(change.percent or 0), -self.counts[kind], change))
        if len(kept) > 2 * self.shown + 100:
            kept[:] = nlargest(self.shown, kept)

    def largest(self, kind: str) -> list[Change]:
        """Return the largest of a kind, the others in their order."""
        return [change for *_, change in nlargest(self.shown, self._kept.get(kind, []))]


def tell(summary: Summary, kinds: Iterable[str]) -> None:
    """Print a summary: counts by kind, then the largest of each."""
    if not summary.counts:
        print("  nothing changed")
        return
    width = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    console = Console(width=width, highlight=False)
    told = [kind for kind in KINDS if kind in kinds]
    counts = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for kind in told:
        if number := summary.counts[kind]:
            meaning = KINDS[kind]
            if kind == "price":
                meaning = f"{summary.lower:,} lower, {number - summary.lower:,} higher"
            counts.add_row(kind, Text(f"{number:,}", justify="right"), meaning)
    console.print(counts)
    if not summary.shown:
        return
    for kind in told:
        changes = summary.largest(kind)
        if not changes:
            continue
        number = summary.counts[kind]
        of = f" ({len(changes)} of {number:,})" if len(changes) < number else ""
        console.print(f"\n{kind}{of}", style="bold")
        console.print(_table(changes))


def _table(changes: list[Change]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 2))
    for change in changes:
        table.add_row(
            _seeds(change),
            str(change.item_id),
            Text((change.title or "")[:_LONGEST_TITLE]),
            _words(change),
            change.product_url or "",
        )
    return table


def _seeds(change: Change) -> str:
    first, *others = change.seed_ids or [""]
    return f"{first} +{len(others)}" if others else first


def _words(change: Change) -> str:
    """Return before and after in words."""
    before, after = change.before, change.after
    if before is None and after is None:
        return ""
    if before is None or after is None:
        return _shown(after if before is None else before)
    words = f"{_shown(before)} → {_shown(after)}"
    if change.target is not None:
        return f"{words} (target {change.target})"
    return words + (f" ({change.percent:+.1f} %)" if change.percent is not None else "")


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def headline(old: str, new: str, before: int, after: int) -> str:
    """Return what was compared.

    >>> headline("watch-1", "watch-2", 1210, 1204)
    'watch-1 → watch-2: 1,204 products (1,210 before)'
    """
    return f"{old} → {new}: {plural(after, 'product')} ({before:,} before)"
