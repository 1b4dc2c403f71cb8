"""Workers bring the results of a crawl in one process, and pay for nothing twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.crawl.test_kill import ARGUMENTS
from tests.distributed.shared import Shared, result_of, result_of_crawl
from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer


@pytest.fixture
def quiet() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.02)
    yield thread
    thread.stop()


def differences(left: tuple[Any, ...], right: tuple[Any, ...]) -> list[Any]:
    return [sorted(a ^ b, key=str)[:6] for a, b in zip(left, right, strict=True)]


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_the_result_is_that_of_a_local_crawl(
    tmp_path: Path, quiet: SandboxThread, redis_server: RedisServer, workers: int
) -> None:
    local = Crawler(tmp_path / "local", quiet.url)(**ARGUMENTS)
    local_calls = quiet.stats["calls"]
    quiet.reset()
    start = redis_server.crawler(tmp_path / "shared", quiet.url)
    processes = [start.start(**ARGUMENTS) for _ in range(workers)]
    done = [start.finish(process) for process in processes]
    shared = Shared(redis_server.client)
    assert {crawl.exit_status for crawl in done} == {3}, done[0].log
    shared.check()
    assert differences(result_of(shared), result_of_crawl(local)) == [[], [], []]
    assert quiet.stats["calls"] == local_calls == int(shared.facts["calls"])
    # Which query pays for converting an image that several doubt depends on timing.
    names = ("retries", "rejected_items", "code", "message", "total_count")
    by_id = {row["query_id"]: row for row in local.outcomes}
    outcomes = shared.outcomes
    for query_id, row in outcomes.items():
        for name in names:
            assert str(row.get(name) or 0) == str(by_id[query_id][name] or 0), (name, row)
    assert sum(int(row.get("calls", 0)) for row in outcomes.values()) == local_calls
    assert all("Traceback" not in crawl.log for crawl in done)


def test_monitors_are_not_for_workers(worker: Crawler) -> None:
    suite = "SPIDERMON_SPIDER_CLOSE_MONITORS=tmapi_spiders.monitoring.suite.JobMonitors"
    extension = 'EXTENSIONS={"spidermon.contrib.scrapy.extensions.Spidermon": 500}'
    enabled = ("-s", "SPIDERMON_ENABLED=1")
    done = worker(*enabled, seeds="/search/a/onepage.jpg")
    assert done.exit_status == 0, done.log
    assert "this package's monitors don't run in workers" in done.log
    assert "scrapy tmapi export j, then SCRAPY_PROJECT=distributed scrapy tmapi check j" in done.log
    assert "[Spidermon]" not in done.log
    done = worker(
        *enabled, "-s", suite, "-s", extension, job="other", seeds="/search/a/onepage.jpg"
    )
    assert done.exit_status == 0, done.log
    assert "queries/complete or empty... SKIPPED (not for workers" in done.log
    assert "... FAIL" not in done.log
