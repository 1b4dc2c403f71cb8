"""The account's concurrency limit is found, never exceeded for long, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ways import Way


def stat(log: str, name: str) -> int:
    (line,) = [line for line in log.splitlines() if f"'{name}': " in line]
    return int(line.rpartition(": ")[2].rstrip(",}"))


@pytest.mark.parametrize(("limit", "most", "queries"), [(5, 40, 50), (1, 8, 8)])
def test_asking_for_more_than_the_limit_loses_nothing(
    way: Way, limit: int, most: int, queries: int
) -> None:
    # Long enough for more calls than that to be sent meanwhile, however slow the machine is.
    sandbox = SandboxThread(limit=limit, latency=0.5)
    try:
        done = way(sandbox.url)(
            *("-s", f"TMAPI_MAX_CONCURRENCY={most}"),
            seeds=",".join(f"/search/a/onepage-{number}.jpg" for number in range(queries)),
        )
        stats = sandbox.stats
    finally:
        sandbox.stop()
    assert done.exit_status == 0
    assert {(row["status"], row["calls"], row["retries"]) for row in done.outcomes} == {
        ("complete", 1, 0)
    }
    assert stats["ok"] == done.job["calls"] == queries
    assert 0 < stats["refused"] <= 10
    assert stats["max_in_flight"] <= most
    if not way.alone:  # their permits are the account's, on Redis
        return
    assert stats["max_in_flight"] <= stat(done.log, "tmapi/permit/highest") <= most
    # On a busy machine it lasts long enough for a probe or two.
    assert limit <= stat(done.log, "tmapi/permit/now") <= limit + 2
    assert stat(done.log, "tmapi/call/most_in_flight") <= stat(done.log, "tmapi/permit/highest")


@pytest.mark.both_ways
def test_never_more_than_the_setting(way: Way) -> None:
    sandbox = SandboxThread(latency=0.5)
    try:
        done = way(sandbox.url)(
            *("-s", "TMAPI_MAX_CONCURRENCY=7"),
            seeds=",".join(f"/search/a/onepage-{number}.jpg" for number in range(21)),
        )
        assert sandbox.stats["max_in_flight"] == 7
    finally:
        sandbox.stop()
    assert done.exit_status == 0
    assert not way.alone or stat(done.log, "tmapi/permit/highest") == 7


def test_an_account_that_something_else_uses_up_is_waited_for(way: Way, tmp_path: Path) -> None:
    """The API is not hammered: the pauses grow while not even one call gets through."""
    sandbox = SandboxThread(limit=1, latency=1.0)
    hog = Crawler(tmp_path / "hog", sandbox.url)
    crawl = way(sandbox.url)
    try:
        other = hog.start(seeds="/search/a/onepage.jpg", job="j")
        while not sandbox.stats["in_flight"]:
            assert other.poll() is None
        done = crawl(
            *("-s", "TMAPI_RETRY_DELAY=0.2"),
            seeds=",".join(f"/search/a/onepage-{number}.jpg" for number in range(3)),
        )
        assert hog.finish(other).exit_status == 0
        assert sandbox.stats["refused"] < 15
    finally:
        sandbox.stop()
    assert done.exit_status == 0
    assert {row["calls"] for row in done.outcomes} == {1}
