"""The order of pages: complete queries first, and near the end no query left on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ways import Way


@pytest.fixture
def slow(way: Way) -> Iterator[tuple[Crawler, SandboxThread]]:
    """Answers take longer than processing them, on a busy machine, too."""
    sandbox = SandboxThread(latency=0.25)
    yield way(sandbox.url), sandbox
    sandbox.stop()


@pytest.fixture
def quick(way: Way) -> Iterator[tuple[Crawler, SandboxThread]]:
    """Several calls are in flight at once."""
    sandbox = SandboxThread(latency=0.05)
    yield way(sandbox.url), sandbox
    sandbox.stop()


def names(sandbox: SandboxThread) -> list[str]:
    """Return the names of the images that were searched for, call by call."""
    return [call["params"]["img_url"].rpartition("/")[2] for call in sandbox.calls]


@pytest.mark.parametrize(
    "budget",
    [
        pytest.param(0, marks=pytest.mark.both_ways, id="no budget"),
        pytest.param(72, id="one that suffices"),
    ],
)
def test_the_last_queries_are_begun_while_there_is_much_else_to_do(
    slow: tuple[Crawler, SandboxThread], budget: int
) -> None:
    crawl, sandbox = slow
    done = crawl(
        *("-s", "TMAPI_MAX_CONCURRENCY=3", "-s", f"TMAPI_BUDGET={budget}"),
        seeds=",".join(f"/search/a/lamp-{number}.jpg" for number in range(18)),
        max_pages=2,
    )
    assert done.exit_status == 0
    called = names(sandbox)
    assert len(set(called[called.index("lamp-17.jpg") :])) >= 9


def test_a_query_that_has_most_pages_left_goes_first_near_the_end(
    tmp_path: Path,
) -> None:
    """As far as total_count is right; it decides nothing else."""
    sandbox = SandboxThread(latency=0.25)
    crawl = Crawler(tmp_path, sandbox.url)
    seeds = [f"/search/a/lamp-{number}.jpg" for number in range(12)]
    long = [f"/search/a/bigtotal-{number}.jpg" for number in range(2)]
    done = crawl(
        *("-s", "TMAPI_MAX_CONCURRENCY=3"),
        seeds=",".join(seeds[:6] + long + seeds[6:]),
        page_size=10,
    )
    called = names(sandbox)
    sandbox.stop()
    assert done.exit_status == 0
    for seed in long:
        pages = [at for at, name in enumerate(called) if name in seed]
        between = (pages[-1] - pages[1]) / (len(pages) - 2)
        assert between < 11, "it goes first as soon as its last page is read"


@pytest.mark.parametrize(
    "max_pages",
    [
        pytest.param(3, marks=pytest.mark.both_ways, id="limited"),
        pytest.param(0, id="as total_count says"),
    ],
)
def test_a_budget_that_does_not_suffice_buys_whole_queries(
    quick: tuple[Crawler, SandboxThread], max_pages: int
) -> None:
    crawl, sandbox = quick
    done = crawl(
        *("-s", "TMAPI_MAX_CONCURRENCY=6", "-s", "TMAPI_BUDGET=40"),
        seeds=",".join(f"/search/a/lamp-{number}.jpg" for number in range(30)),
        max_pages=max_pages,
        page_size=10,
    )
    assert done.exit_status == 4
    assert done.job["calls"] == sandbox.stats["calls"] == 40
    assert sandbox.stats["max_in_flight"] > 1
    whole = [row for row in done.outcomes if row["status"] == "complete"]
    longest = max(row["pages"] for row in whole)
    assert len(whole) >= 40 // longest - 1
    halves = [row for row in done.outcomes if row["calls"] and row["status"] != "complete"]
    assert len(halves) <= 2, "those of which the budget's last calls are"


def test_halves_of_an_earlier_run_are_finished_first(
    way: Way,
    quick: tuple[Crawler, SandboxThread],
) -> None:
    crawl, _ = quick
    seeds = ",".join(f"/search/a/lamp-{number}.jpg" for number in range(12))
    for budget in (10, 25):
        options = ("-s", "TMAPI_MAX_CONCURRENCY=4", "-s", f"TMAPI_BUDGET={budget}")
        done = crawl(*options, seeds=seeds, max_pages=4, page_size=5)
        assert done.exit_status == 4
        whole = [row for row in done.outcomes if row["status"] == "complete"]
        assert len(whole) == budget // 4
    if way.alone:
        assert "its last run stopped early (budget), so the rest is requested now." in done.log
