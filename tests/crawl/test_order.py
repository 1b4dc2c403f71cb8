"""The order of pages: whole results first, and near the end nothing that goes on alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Crawler, SandboxThread]]:
    """Answers take longer than what is made of them."""
    sandbox = SandboxThread(latency=0.05)
    yield Crawler(tmp_path, sandbox.url), sandbox
    sandbox.stop()


def names(sandbox: SandboxThread) -> list[str]:
    """Return the names of the images that were searched, call after call."""
    return [call["params"]["img_url"].rpartition("/")[2] for call in sandbox.calls]


@pytest.mark.parametrize("budget", [0, 300], ids=["no budget", "one that suffices"])
def test_the_last_queries_are_begun_while_there_is_much_else_to_do(
    slow: tuple[Crawler, SandboxThread], budget: int
) -> None:
    crawl, sandbox = slow
    done = crawl(
        *("-s", "TMAPI_MAX_CONCURRENCY=6", "-s", f"TMAPI_BUDGET={budget}"),
        seeds=",".join(f"/search/a/lamp-{number}.jpg" for number in range(40)),
        max_pages=2,
    )
    assert done.exit_status == 0
    called = names(sandbox)
    assert len(set(called[called.index("lamp-39.jpg") :])) >= 16


def test_a_query_that_has_most_pages_left_goes_first_near_the_end(
    slow: tuple[Crawler, SandboxThread],
) -> None:
    """As far as total_count tells; it decides nothing else."""
    crawl, sandbox = slow
    seeds = [f"/search/a/lamp-{number}.jpg" for number in range(24)]
    long = [f"/search/a/bigtotal-{number}.jpg" for number in range(2)]
    done = crawl(
        *("-s", "TMAPI_MAX_CONCURRENCY=3"),
        seeds=",".join(seeds[:12] + long + seeds[12:]),
        page_size=10,
    )
    assert done.exit_status == 0
    called = names(sandbox)
    for seed in long:
        pages = [at for at, name in enumerate(called) if name in seed]
        between = (pages[-1] - pages[1]) / (len(pages) - 2)
        assert between < 11, "it goes first as soon as its last page is read"


def test_where_the_budget_may_not_suffice_queries_are_finished_one_after_another(
    slow: tuple[Crawler, SandboxThread],
) -> None:
    """So that it buys whole results: if they took turns, it would buy each one's first page."""
    crawl, sandbox = slow
    done = crawl(
        *("-s", "TMAPI_MAX_CONCURRENCY=8", "-s", "TMAPI_BUDGET=30"),
        seeds=",".join(f"/search/a/lamp-{number}.jpg" for number in range(30)),
        page_size=5,
    )
    assert done.exit_status == 4
    assert done.job["calls"] == 30
    assert len(set(names(sandbox))) < 30
