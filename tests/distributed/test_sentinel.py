"""Sentinel: it is asked for the master, even after that died and a replica was promoted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from scrapy.settings import Settings

from tests.crawl.test_kill import paid
from tests.distributed.proxies import HoldingProxy
from tests.distributed.servers import RedisServer, free_port, sentinel_of
from tests.distributed.shared import Shared, result_of, result_of_crawl
from tests.distributed.test_failures import SEEDS, started, wait_until
from tests.distributed.test_workers import differences
from tests.support import Crawler, SandboxThread
from tmapi_spiders.distributed.connection import check_server, connect
from tmapi_spiders.errors import TmapiError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.2, limit=6)
    yield thread
    thread.stop()


def test_a_job_by_sentinel(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    with sentinel_of(redis_server, tmp_path / "sentinel") as sentinel:
        start = redis_server.crawler(tmp_path, sandbox.url, REDIS_URL="")
        away = f"127.0.0.1:{free_port()}"
        done = start("-s", f"REDIS_SENTINELS={away},127.0.0.1:{sentinel.port}", seeds=SEEDS)
    assert done.exit_status == 0, done.log
    assert "Traceback" not in done.log
    Shared(redis_server.client).check()


def problem_with(*ports: int, **settings: str) -> str:
    """Return the message about sentinels at the start."""
    nodes = ",".join(f"127.0.0.1:{port}" for port in ports)
    given = Settings({"REDIS_SENTINELS": nodes, **settings})
    with pytest.raises(TmapiError) as caught, connect(given) as client:
        check_server(client, given, 0, print, adds=False)
    return str(caught.value)


def test_no_master_is_found(tmp_path: Path, redis_server: RedisServer) -> None:
    """The message is short and soon there; redis-py would print all options, after many seconds."""
    nowhere = free_port()
    begun = time.monotonic()
    line = problem_with(nowhere, nowhere)
    assert time.monotonic() - begun < 1
    assert f"Error 111 connecting to 127.0.0.1:{nowhere}" in line
    assert line.endswith("Start it, or set REDIS_URL or REDIS_SENTINELS to where it is.")
    assert len(line) < 250
    with sentinel_of(redis_server, tmp_path / "sentinel") as sentinel:
        line = problem_with(sentinel.port, REDIS_SENTINEL_SERVICE_NAME="other")
    assert "no sentinel knows a master 'other' that is up. Wait until there is one" in line
    assert "set REDIS_SENTINEL_SERVICE_NAME" in line


def received(replica: RedisServer) -> int:
    """Return how far a replica has replicated its master; -1 while it is not in sync."""
    facts = replica.client.info("replication")
    is_up = facts["master_link_status"] == "up"
    return int(facts["slave_repl_offset"]) if is_up else -1


@pytest.mark.parametrize(
    "behind", [pytest.param(0, marks=pytest.mark.long), pytest.param(0.4, marks=pytest.mark.chaos)]
)
def test_the_master_dies_and_a_replica_takes_over(
    tmp_path: Path, slow: SandboxThread, behind: float
) -> None:
    """The replica may lag: what it lacks is paid again, and nothing is missing.

    :param behind: seconds for which the replica received nothing when the master is killed
    """
    local = Crawler(tmp_path / "local", slow.url)(seeds=SEEDS)
    slow.reset()
    with (
        RedisServer(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master,
        HoldingProxy(master.port) as link,
        RedisServer(tmp_path / "r", "--replicaof", "127.0.0.1", str(link.port)) as replica,
        sentinel_of(master, tmp_path / "sentinel", replicas=1) as sentinel,
    ):
        wait_until(lambda: received(replica) >= 0)
        nodes = f"REDIS_SENTINELS=127.0.0.1:{sentinel.port}"
        start = master.crawler(tmp_path / "out", slow.url, REDIS_URL="", TMAPI_LEASE_SECONDS="4")
        (worker,) = started(start, slow, 1, "-s", nodes)
        written = master.client.info("replication")["master_repl_offset"]
        wait_until(lambda: received(replica) >= written)
        link.held = bool(behind)
        time.sleep(behind)
        master.kill()
        done = start.finish(worker)
        assert done.exit_status == 0, done.log
        shared = Shared(replica.client)
        shared.check()
        assert differences(result_of(shared), result_of_crawl(local)) == [[], [], []]
        calls = int(shared.facts["calls"])
    assert "Redis is away" in done.log
    assert "Redis is back" in done.log
    assert "Traceback" not in done.log
    again = sum(count - 1 for count in paid(slow).values())
    assert again > 0 if behind else again <= 6, "what was committed last may not have left"
    assert slow.stats["calls"] - slow.stats["refused"] == calls + again
