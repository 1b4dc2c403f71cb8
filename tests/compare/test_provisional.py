"""Readings that contradict earlier ones: over the days, each change is reported once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.compare.days import Series, item
from tests.compare.test_html import cards, data_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path / "output")


def write(series: Series, *days: str) -> None:
    """Write days, each as "3-8,1 evidence …": what seed A finds, and the evidence against it."""
    for number, day in enumerate(days, 1):
        found, _, evidence = day.partition(" ")
        if found == "failed":
            series.day(number).query("A", ended="failed error").write()
            continue
        items: list[Any] = []
        for part in filter(None, found.split(",")):
            first, _, last = part.partition("-")
            items += [item(one) for one in range(int(first), int(last or first) + 1)]
        series.day(number).query("A", *items, evidence=evidence).write()


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


def job(day: int) -> str:
    return f"watch-202611{day:02}T180000Z"


def test_provisional_readings_are_named(series: Series) -> None:
    first, second = series.day(1), series.day(2)
    for number in range(7):
        first.query(f"S{number}", *map(item, range(1, 9)))
        second.query(f"S{number}", item(1), evidence="repeated_page" if number else "")
    first.query("good", item(1)).write()
    second.query("good", item(1)).write()
    assert series.compare("watch").log.splitlines() == [
        (
            f"compare: {job(2)}: 7 queries are provisional: what they lack is unknown, not gone, "
            "until another job confirms it"
        ),
        "compare:   S0: 1 item after 8 (S0/default/en)",
        "compare:   S1: 1 item after 8, repeated_page (S1/default/en)",
        "compare:   S2: 1 item after 8, repeated_page (S2/default/en)",
        "compare:   S3: 1 item after 8, repeated_page (S3/default/en)",
        "compare:   S4: 1 item after 8, repeated_page (S4/default/en)",
        "compare:   2 more queries like these",
    ]


def test_the_job_just_before_confirms(series: Series) -> None:
    write(series, "1-8", "1-3", "1-3")
    assert series.between(job(1), job(3)) == lines("gone", 4, 5, 6, 7, 8)
    assert series.compare(job(1), job(3)).log == ""


@pytest.mark.parametrize(
    "facts", [{"stop_reason": "budget"}, {"running": True}, {"source": "sandbox"}]
)
def test_jobs_that_can_not_be_compared_are_passed_over(
    series: Series, facts: dict[str, Any]
) -> None:
    write(series, "1-8", "1-3", "1-3")
    series.day(2, **facts).query("A", *map(item, range(1, 4))).write()
    assert series.between(job(1), job(3)) == lines("unknown", 4, 5, 6, 7, 8)


def test_jobs_of_no_series_have_no_history(series: Series, tmp_path: Path) -> None:
    write(series, "1-8", "1-3", "1-3", "1-8")
    moved = [(series.output / job(day)).rename(tmp_path / f"{day}") for day in (2, 3, 4)]
    assert series.between(f"{moved[0]}/", f"{moved[1]}/") == set()
    assert series.between(f"{moved[1]}/", f"{moved[2]}/") == lines("new", 4, 5, 6, 7, 8)
    series.day(2).query("A", item(1)).write().folder.rename(series.output / "monday")
    assert series.between(job(1), "monday") == lines("unknown", *range(2, 9))


def test_another_picture_has_no_history(series: Series) -> None:
    write(series, "1-8", "1-3")
    path = series.output / job(1) / "outcomes.jsonl"
    path.write_text(path.read_text().replace("/search/a/A.jpg", "/search/a/other.jpg"))
    assert "provisional" not in series.compare("watch").log


def test_outcomes_of_an_older_version_have_no_evidence(series: Series) -> None:
    write(series, "1-8", "1-8")
    for day in (1, 2):
        path = series.output / job(day) / "outcomes.jsonl"
        path.write_text(path.read_text().replace(',"evidence":[]', ""))
        assert "evidence" not in path.read_text()
    assert (series.compare("watch").exit_status, series.compare("watch").log) == (0, "")


def test_a_product_that_returns_is_compared_with_its_last_price(series: Series) -> None:
    data = {"target_price": "9"}
    series.day(1).query("A", *(item(n, "8.00") for n in range(1, 9)), data=data).write()
    series.day(2).query("A", item(1, "8.50"), data=data).write()
    series.day(3).query(
        "A",
        item(1, "8.50"),
        item(2, "7.00", moq=5),
        *(item(n, "8.00") for n in range(3, 8)),
        data=data,
    ).write()
    first, second = series.daily()
    assert first == {"price 1 8.00 8.50", *lines("unknown", *range(2, 9))}
    assert second == {"price 2 8.00 7.00", "moq 2 2 5", "gone 8"}


def test_what_is_gone_a_day_late_has_its_card(series: Series, tmp_path: Path) -> None:
    write(series, "1-8", "1-3", "1-3")
    page = tmp_path / "page.html"
    assert series.compare("watch", "--html", str(page), "--thumbnails", "0").exit_status == 5
    shown = cards(data_of(page), "A")
    assert set(shown) == {4, 5, 6, 7, 8}
    assert (shown[8]["title"], set(shown[8]["marks"])) == ("Lamp 8", {"gone"})
    assert (shown[8]["price"], shown[8]["places"], shown[8]["is_old"]) == ("10.00", [[0, 8]], True)
    (series.output / job(3)).rename(tmp_path / "kept")
    assert series.compare("watch", "--html", str(page), "--thumbnails", "0").exit_status == 5
    data = data_of(page)
    assert data["warnings"][-1].startswith("1 query is provisional: what it lacks is unknown")
    (query,) = data["groups"][0]["queries"]
    assert query["evidence"] == [
        "provisional: 3 items after 8; what it lacks is unknown until another job confirms it"
    ]


def test_a_damaged_earlier_job_is_named(series: Series) -> None:
    write(series, "1-8", "1-8", "1-3")
    path = series.output / job(1) / "outcomes.jsonl"
    path.write_text(path.read_text().replace('"items":8', '"itms":8'))
    done = series.compare("watch")
    assert done.exit_status == 4
    assert f"{job(1)}: a line of its files has no usable 'items'" in done.log
