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


def test_the_last_queries_are_begun_while_there_is_much_else_to_do(
    slow: tuple[Crawler, SandboxThread],
) -> None:
    crawl, sandbox = slow
    seeds = ",".join(f"/search/a/lamp-{number}.jpg" for number in range(40))
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=6", seeds=seeds)
    assert done.exit_status == 0
    called = names(sandbox)
    to_come = set(called[called.index("lamp-39.jpg") :])
    assert len(to_come) >= 24


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
        page_size=5,
    )
    assert done.exit_status == 0
    called = names(sandbox)
    for seed in long:
        pages = [at for at, name in enumerate(called) if name in seed]
        between = (pages[-1] - pages[1]) / (len(pages) - 2)
        assert between < 9, "it goes first as soon as its last page is read"


def test_until_then_queries_are_finished_one_after_another(
    slow: tuple[Crawler, SandboxThread],
) -> None:
    """So that a budget buys whole results."""
    crawl, _ = slow
    seeds = ",".join(f"/search/a/lamp-{number}.jpg" for number in range(80))
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=2", "-s", "TMAPI_BUDGET=150", seeds=seeds)
    assert done.exit_status == 4
    by_status = done.job["queries"]
    assert by_status["complete"] >= 20
    assert by_status["partial"] <= 12
