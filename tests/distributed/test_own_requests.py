"""Requests of a project's own that are in flight when a worker dies or the job ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.distributed.shared import Shared
from tests.distributed.test_failures import wait_until
from tests.project_kinds import KINDS
from tests.support import Crawl, Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer

#: One page of seven items, two of which lead to a request of the project's own.
ONE_PAGE: dict[str, Any] = {"seeds": "/search/a/onepage.jpg", "job": "j"}


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=1.5)
    yield thread
    thread.stop()


@pytest.fixture
def start(tmp_path: Path, slow: SandboxThread, redis_server: RedisServer) -> Crawler:
    """Starts workers of a project whose middleware makes requests."""
    made = redis_server.crawler(tmp_path / "output", slow.url, TMAPI_LEASE_SECONDS="1")
    return attrs.evolve(made, project=KINDS["asks"].make(tmp_path / "project"))


def test_a_dead_workers_calls_hold_no_permits_once_its_leases_expire(
    slow: SandboxThread, redis_server: RedisServer, start: Crawler
) -> None:
    limit = ("-s", "TMAPI_MAX_CONCURRENCY=2")
    dying = start.start(*limit, **ONE_PAGE)
    wait_until(lambda: slow.stats["calls"] == 3)
    dying.kill()
    dying.communicate()
    done = start.command("tmapi", "enqueue", "j", seeds="/search/a/onepage-two.jpg")
    assert done.exit_status == 0, done.log
    begun = time.monotonic()
    done = start(job="j")
    assert done.exit_status == 0, done.log
    assert time.monotonic() - begun < 90, "a time-out of a call is 60 s, and twice that for two"
    shared = Shared(redis_server.client)
    shared.check_left()
    assert len([row for row in shared.products if "is_own" in row]) == 2
    assert int(shared.facts["calls"]) == slow.stats["calls"] == 6


def test_a_living_worker_s_calls_keep_their_places(slow: SandboxThread, start: Crawler) -> None:
    """Even those that take longer than a lease."""
    done = start("-s", "TMAPI_MAX_CONCURRENCY=1", **ONE_PAGE)
    assert done.exit_status == 0, done.log
    assert slow.stats["calls"] == 3
    assert slow.stats["max_in_flight"] == 1


def test_an_export_awaits_what_comes_of_them(
    slow: SandboxThread, start: Crawler, redis_server: RedisServer
) -> None:
    worker = start.start(**ONE_PAGE)
    wait_until(lambda: slow.stats["calls"] == 3)
    wait_until(lambda: Shared(redis_server.client).facts["state"] == "ended")
    exported = start.command("tmapi", "export", "j", "--follow")
    assert exported.exit_status == 0, exported.log
    assert start.finish(worker).exit_status == 0
    rows = Crawl(0, "", "", start.output / "j").products
    assert (len([row for row in rows if "is_own" in row]), len(rows)) == (2, 9)
