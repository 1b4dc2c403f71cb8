"""Clocks that were set back or ahead: what is written makes sense, and the rest is reported."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from tests.compare.days import Series, item

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread

pytestmark = pytest.mark.long  # make long

FOREIGN = "https://shop.example/onepage.jpg"
AHEAD = "watch-99991231T180000Z"
TOLD = f"{AHEAD} is named for a time in the future"


def set_times(path: Path, table: str, time: str) -> None:
    """Change a file so that everything in it was fetched at another time."""
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE {table} SET fetched_at = ?", (time,))
    connection.close()


def test_no_outcome_ends_before_it_began(alone: Crawler, sandbox: SandboxThread) -> None:
    first = alone(seeds="/search/a/onepage.jpg")
    assert first.outcome["started_at"] <= first.outcome["finished_at"]
    # As if the clock had been set back while the answer was on its way.
    set_times(first.folder / "archive.sqlite", "answers", "2020-01-01T00:00:00.000Z")
    calls = sandbox.stats["calls"]
    again = alone(job="j")
    assert again.exit_status == 0, again.log
    assert sandbox.stats["calls"] == calls
    assert again.outcome["started_at"] == again.outcome["finished_at"]
    assert again.outcome["started_at"] == first.outcome["started_at"]
    assert again.job["started_at"] <= again.job["finished_at"]


def test_a_conversion_of_a_time_to_come_is_not_used(alone: Crawler, sandbox: SandboxThread) -> None:
    def conversions() -> int:
        return [call["endpoint"] for call in sandbox.calls].count("convert_url")

    alone(seeds=FOREIGN, job="monday")
    set_times(alone.output / "conversions.sqlite", "conversions", "2999-01-01T00:00:00.000Z")
    alone(seeds=FOREIGN, job="tuesday")
    assert conversions() == 2
    alone(seeds=FOREIGN, job="wednesday")
    assert conversions() == 2, "the one of tuesday has replaced it"


def test_a_series_whose_newest_name_is_to_come(offline: Crawler, alone: Crawler) -> None:
    series = Series(offline.output)
    for day in (1, 2):
        folder = series.day(day, finished_at="2026-11-02T00:00:00.000Z").query("A", item(1))
        folder.write().folder.rename(
            series.output / (AHEAD if day == 2 else f"watch-2020110{day}T180000Z")
        )
    for words in (
        ("jobs", "watch"),
        ("jobs",),
        ("prune", "watch", "--keep", "2"),
        ("compare", "watch"),
        ("gallery", "watch", "--thumbnails", "0"),
        ("export", "watch", "-o", str(offline.output / "watch.csv")),
    ):
        done = offline.command("tmapi", *words)
        assert done.exit_status == 0, done.log
        assert TOLD in done.log + done.stdout, words
    done = alone(seeds="/search/a/onepage.jpg", series="watch")
    assert f"warning: {TOLD}" in done.log
