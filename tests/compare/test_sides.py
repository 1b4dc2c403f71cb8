"""Which jobs can be compared, and how users name them."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.compare.days import Series, item

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path / "output")


def three_days(series: Series) -> None:
    for day in (1, 2, 3):
        series.day(day).query("A", item(1, f"{day}.00")).write()


@pytest.mark.parametrize(
    ("names", "prices"),
    [
        (["watch"], "2.00 → 3.00"),
        (["watch~2", "watch"], "1.00 → 3.00"),
        (["watch~1", "watch-20261103T180000Z"], "2.00 → 3.00"),
        (["watch", "watch~2"], "3.00 → 1.00"),
    ],
)
def test_names(series: Series, names: list[str], prices: str) -> None:
    three_days(series)
    done = series.compare(*names)
    assert done.exit_status == 5
    assert prices in done.stdout
    assert ("is the newer one" in done.log) == (prices == "3.00 → 1.00")


def test_a_folder(series: Series, tmp_path: Path) -> None:
    three_days(series)
    moved = (series.output / "watch-20261101T180000Z").rename(tmp_path / "kept")
    assert "1.00 → 3.00" in series.compare(str(moved), "watch").stdout


@pytest.mark.parametrize(
    ("job", "remedy"),
    [
        ("monday", "a series (-a series=NAME), whose last two are compared."),
        ("watch-20261101T180000Z", "its series: watch, whose last two are compared."),
    ],
)
def test_a_job_where_a_series_is_meant(series: Series, job: str, remedy: str) -> None:
    three_days(series)
    (series.output / "watch-20261102T180000Z").rename(series.output / "monday")
    done = series.compare(job)
    assert done.exit_status == 2
    assert f"(scrapy tmapi compare OLD {job}), or {remedy}" in done.log


def test_the_first_of_a_series_is_a_baseline(series: Series) -> None:
    series.day(1).query("A", item(1)).write()
    done = series.compare("watch", "-o", str(series.output / "changes.jsonl"))
    assert done.exit_status == 0
    assert "a baseline" in done.stdout
    assert (series.output / "changes.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"stop_reason": "budget"}, "it was stopped early (budget)"),
        ({"running": True}, "it is running, or was killed"),
    ],
)
@pytest.mark.parametrize("day", [1, 2])
def test_incomplete_jobs_are_refused(
    series: Series, facts: dict[str, Any], message: str, day: int
) -> None:
    for number in (1, 2):
        about = facts if number == day else {}
        ended = "not_started budget" if number == day else "complete last_page"
        found = [] if number == day else [item(1)]
        series.day(number, **about).query("A", *found, ended=ended).write()
    refused = series.compare("watch")
    assert refused.exit_status == 2
    assert message in refused.log
    told = series.told("--incomplete-ok")
    assert {change for change, *_ in told} == {"first_seen" if day == 1 else "unknown"}


def test_without_job_json_or_outcomes(series: Series) -> None:
    series.day(1).query("A", item(1), item(2)).write()
    folder = series.day(2).query("A", item(1)).write().folder
    (folder / "outcomes.jsonl").unlink()
    assert "it has no outcomes.jsonl" in series.compare("watch").log
    assert series.told("--incomplete-ok") == {("unknown", 2, "A", "10.00", None)}
    (folder / "job.json").unlink()
    for words in (["watch"], ["watch~1", f"{folder}/"]):
        refused = series.compare(*words)
        assert refused.exit_status == 2
        assert "has no job.json" in refused.log
        assert series.compare(*words, "--incomplete-ok").exit_status == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "there is no such job"),
        (["wach"], 'Did you mean "watch"?'),
        (["watch~3", "watch"], "watch~2 the oldest"),
        (["watch", "watch~0"], "it is the same job twice"),
        (["a", "b", "c"], "accepted: OLD and NEW, or one series"),
        (["../x y"], "accepted: an old job and a new one"),
        (["../x y", "watch"], "it has no products.jsonl"),
        (["watch", "--only", "prise"], 'Did you mean "price"?'),
        (["watch", "--min-price-change", "five"], "accepted: a number, or one with %"),
        (["watch", "--show", "-1"], "accepted: a whole number"),
        (["watch", "-o", "/nowhere/x.jsonl"], "there is no folder /nowhere"),
        (["watch", "-o", "/dev/full"], "it exists, and isn't a file"),
        (["watch", "-o", "x" * 300 + ".jsonl"], "it can't be the name of a file"),
        (["watch", "-o", "changes.csv"], "a name that ends in .jsonl or .ndjson"),
        (["watch", "other"], "two sources can't be compared"),
    ],
)
def test_wrong_words(series: Series, words: list[str], message: str) -> None:
    three_days(series)
    other = series.day(9, source="sandbox").query("A", item(1)).write().folder
    other.rename(series.output / "other")
    refused = series.compare(*words)
    assert refused.exit_status == 2
    assert message in refused.log
    assert not list(series.output.glob(".compare*"))


def test_a_damaged_line_is_named_and_the_old_file_stays(series: Series) -> None:
    three_days(series)
    kept = series.output / "changes.jsonl"
    kept.write_text("old\n")
    with (series.output / "watch-20261103T180000Z" / "sightings.jsonl").open("a") as file:
        file.write('{"query_id": "A/default/en"}\n')
    done = series.compare("watch", "-o", str(kept))
    assert done.exit_status == 4
    assert "watch-20261103T180000Z: a line of its files has no usable 'item_id'" in done.log
    assert kept.read_text() == "old\n"
    assert [path.name for path in series.output.iterdir() if path.name.startswith(".")] == []


def test_a_jobs_own_files_are_not_replaced(series: Series) -> None:
    three_days(series)
    own = series.output / "watch-20261103T180000Z" / "products.jsonl"
    before = own.read_bytes()
    refused = series.compare("watch", "-o", str(own))
    assert (refused.exit_status, own.read_bytes()) == (2, before)
    assert "it is a file of a job" in refused.log


def test_a_folder_that_can_not_be_written_to(series: Series, tmp_path: Path) -> None:
    three_days(series)
    moved = [path.rename(tmp_path / path.name) for path in sorted(series.output.iterdir())]
    series.output.rmdir()
    assert series.compare(f"{moved[0]}/", f"{moved[1]}/").exit_status == 5


def test_leftovers_of_a_killed_comparison_are_removed(series: Series) -> None:
    three_days(series)
    for name, age in ((".compare-old", 2), (".compare-new", 0)):
        (series.output / name).mkdir()
        os.utime(series.output / name, (time.time() - age * 24 * 60 * 60,) * 2)
    series.compare("watch")
    assert [path.name for path in series.output.glob(".compare-*")] == [".compare-new"]


def test_every_line_has_every_key(series: Series) -> None:
    three_days(series)
    keys = {json.dumps(list(one)) for one in series.changes()}
    assert len(keys) == 1
