"""Readings that contradict the ones before them: over days, each thing is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.compare.days import Series, item

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path / "output")


def write(series: Series, *days: str) -> None:
    """Write days, each as "3-8,1 evidence …": what seed A finds, and what is against that."""
    for number, day in enumerate(days, 1):
        found, _, evidence = day.partition(" ")
        if found == "failed":
            series.day(number).search("A", ended="failed error").write()
            continue
        items: list[Any] = []
        for part in filter(None, found.split(",")):
            first, _, last = part.partition("-")
            items += [item(one) for one in range(int(first), int(last or first) + 1)]
        series.day(number).search("A", *items, evidence=evidence).write()


def lines(kind: str, *ids: int) -> set[str]:
    return {f"{kind} {one}" for one in ids}


DAYS: dict[str, tuple[list[str], list[set[str]]]] = {
    "short, and back": (
        ["1-8", "1-3", "1-8", "1-8"],
        [lines("unknown", 4, 5, 6, 7, 8), set(), set()],
    ),
    "short, and short again: gone, a day late": (
        ["1-8", "1-3", "1-3", "1-3"],
        [lines("unknown", 4, 5, 6, 7, 8), lines("gone", 4, 5, 6, 7, 8), set()],
    ),
    "half is not short": (["1-8", "1-4"], [lines("gone", 5, 6, 7, 8)]),
    "back, but for some": (
        ["1-8", "1-3", "1-6,9", "1-6,9"],
        [lines("unknown", 4, 5, 6, 7, 8), {"gone 7", "gone 8", "new 9"}, set()],
    ),
    "step by step": (
        ["1-16", "1-7", "1-3", "1", "1"],
        [
            lines("unknown", *range(8, 17)),
            lines("unknown", 4, 5, 6, 7),
            lines("unknown", 2, 3),
            lines("gone", *range(2, 17)),
        ],
    ),
    "to nothing": (
        ["1-2", "", "", "1-2"],
        [lines("unknown", 1, 2), lines("gone", 1, 2), {"new 1", "new 2"}],
    ),
    "evidence, and again": (
        ["1-8", "1-6 empty_page", "1-6 empty_page"],
        [lines("unknown", 7, 8), lines("gone", 7, 8)],
    ),
    "evidence, and other evidence": (
        ["1-8", "1-6 empty_page", "1-6 repeated_page", "1-6 repeated_page", "1-6"],
        [lines("unknown", 7, 8), set(), lines("gone", 7, 8), set()],
    ),
    "evidence, and gone": (
        ["1-8", "1-6 empty_page", "1-7"],
        [lines("unknown", 7, 8), {"gone 8"}],
    ),
    "evidence in common": (
        ["1-8 repeated_page", "1-6,9 repeated_page"],
        [{"gone 7", "gone 8", "new 9"}],
    ),
    "evidence before": (
        ["1-6 repeated_page short_of_count", "1-5,7 repeated_page"],
        [{"gone 6", "first_seen 7"}],
    ),
    "new while provisional": (
        ["1-8", "1-2,9", "1-9", "1-9"],
        [{*lines("unknown", 3, 4, 5, 6, 7, 8), "new 9"}, set(), set()],
    ),
    "found while provisional, and gone": (
        ["1-8", "1-2,9", "1-8"],
        [{*lines("unknown", 3, 4, 5, 6, 7, 8), "new 9"}, {"gone 9"}],
    ),
    "a failure between": (
        ["1-8", "1-3", "failed", "1-8", "1-8"],
        [
            lines("unknown", 4, 5, 6, 7, 8),
            lines("unknown", 1, 2, 3),
            lines("first_seen", *range(1, 9)),
            set(),
        ],
    ),
    "short after a failure": (
        ["1-8", "failed", "1-3", "1-8"],
        [lines("unknown", *range(1, 9)), lines("first_seen", 1, 2, 3), set()],
    ),
}


@pytest.mark.parametrize("days", DAYS.values(), ids=DAYS)
def test_day_by_day(series: Series, days: tuple[list[str], list[set[str]]]) -> None:
    ranks = ("rank",)  # of what is not at issue
    write(series, *days[0])
    told = [{line for line in day if not line.startswith(ranks)} for day in series.daily()]
    assert told == days[1]
