"""What is refused before anything is paid, what a failing server leads to, and the messages."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.crawl.test_kill import paid
from tests.distributed.servers import RedisServer, free_port
from tests.distributed.shared import Shared
from tests.distributed.test_failures import SEEDS, started, wait_until
from tests.support import Crawler, SandboxThread
from tmapi_spiders.crawl.concurrency_limit import FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.2)
    yield thread
    thread.stop()


def refused(start: Crawler, message: str, sandbox: SandboxThread, **arguments: str) -> None:
    """A worker and, with seeds, the enqueue command are refused alike."""
    env: Any = arguments.pop("env", {})
    done = start.finish(start.start(env=env, **{"job": "j"} | arguments))
    assert done.exit_status == 2, done.log
    assert message in done.log
    assert "nothing was sent" in done.log
    assert "Traceback" not in done.log
    assert sandbox.stats["calls"] == 0


def test_no_server(tmp_path: Path, sandbox: SandboxThread) -> None:
    nowhere = RedisServer(tmp_path, port=free_port())
    start = nowhere.crawler(tmp_path, sandbox.url, TMAPI_REDIS_WAIT="0")
    done = start(job="j")
    assert done.exit_status == 4, done.log
    assert f"Redis at redis://127.0.0.1:{nowhere.port}/0: " in done.log
    assert "nothing was sent" in done.log
    for command in (["enqueue", "j"], ["status"], ["export", "j"], ["stop", "j"], ["delete", "j"]):
        done = start.command("tmapi", *command)
        assert done.exit_status == 4, command
        line, *more = done.log.strip().splitlines()
        # `status` also names the command that lists local jobs, which needs no Redis.
        assert [one.rpartition(": ")[2] for one in more] == (
            ["scrapy tmapi jobs"] if command == ["status"] else []
        )
        assert "Start it, or set REDIS_URL" in line


def test_wrong_password(tmp_path: Path, sandbox: SandboxThread) -> None:
    with RedisServer(tmp_path / "redis", "--requirepass", "right") as server:
        for url in (server.url, f"redis://:wrong@127.0.0.1:{server.port}/0"):
            start = server.crawler(tmp_path, sandbox.url, REDIS_URL=url)
            refused(start, "it refused the password", sandbox)
        url = f"redis://:right@127.0.0.1:{server.port}/0"
        start = server.crawler(tmp_path, sandbox.url, REDIS_URL=url)
        done = start(seeds="/search/a/onepage.jpg")
        assert done.exit_status == 0, done.log
        assert "right" not in done.log


def test_a_cluster(tmp_path: Path, sandbox: SandboxThread) -> None:
    # Its bus is at the port + 10,000; only Redis 7 and newer can be told otherwise.
    port = next(port for port in iter(free_port, None) if port < 55_000)
    with RedisServer(tmp_path / "redis", "--cluster-enabled", "yes", port=port) as server:
        start = server.crawler(tmp_path, sandbox.url)
        refused(start, "it is a Cluster", sandbox)


def test_a_replica(tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer) -> None:
    follows = ("--replicaof", "127.0.0.1", str(redis_server.port))
    with RedisServer(tmp_path / "redis", *follows) as server:
        start = server.crawler(tmp_path, sandbox.url)
        refused(start, "it is a replica", sandbox)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "there is no such job on this Redis. Create it first: scrapy tmapi enqueue j"),
        ({"job": "no/name"}, "job: missing"),
        ({"sort": "price"}, "sort=price: 'price' is not known"),
        ({"env": {"SCRAPY_PROJECT": "distributed", "REDIS_URL": "http://x"}}, "REDIS_URL=redis://"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path,
    sandbox: SandboxThread,
    redis_server: RedisServer,
    arguments: dict[str, str],
    message: str,
) -> None:
    refused(redis_server.crawler(tmp_path, sandbox.url), message, sandbox, **arguments)


def test_a_worker_that_differs_from_the_job(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    fed = start.command("tmapi", "enqueue", "j", env={"TMAPI_BUDGET": "5"}, seeds=SEEDS)
    assert fed.exit_status == 0
    for env, arguments, message in (
        ({"TMAPI_BUDGET": "7"}, {}, "TMAPI_BUDGET=7: the job j has 5"),
        ({"TMAPI_MAX_CONCURRENCY": "9"}, {}, "TMAPI_MAX_CONCURRENCY=9: the job j has 16"),
        ({"TMAPI_DEDUPE": "seed"}, {}, "TMAPI_DEDUPE=seed: the job j has job"),
        ({"TMAPI_TOKEN": "another-token-0123456789"}, {}, "another account's token"),
        ({"TMAPI_SANDBOX": "1"}, {}, "Products of two sources don't mix"),
        ({}, {"sort": "sales"}, "sort=sales: the job j was enqueued with another value"),
    ):
        refused(start, message, sandbox, env=env, **arguments)  # type: ignore[arg-type]
    again = start.command("tmapi", "enqueue", "j", seeds=SEEDS)
    assert "0 queries added (0 new seeds of 12)" in again.stdout
    assert Shared(redis_server.client).facts["queries"] == "12"


def test_stock_scrapy_redis_is_refused(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    stock = ("-s", "SCHEDULER=scrapy_redis.scheduler.Scheduler")
    done = start(*stock, seeds=SEEDS)
    assert done.exit_status == 2
    assert "SCHEDULER=scrapy_redis.scheduler.Scheduler: a worker that dies would lose" in done.log
    assert "tmapi_spiders.distributed.scheduler.LeaseScheduler" in done.log


def test_out_of_memory_in_the_middle(tmp_path: Path, slow: SandboxThread) -> None:
    """Workers hold what they have until there is memory again, and pay for nothing twice."""
    with RedisServer(tmp_path / "redis") as server:
        start = server.crawler(tmp_path / "out", slow.url, TMAPI_LEASE_SECONDS="2")
        (worker,) = started(start, slow, 1)
        server.client.config_set("maxmemory", 1)
        with pytest.raises(AssertionError):
            wait_until(lambda: worker.poll() is not None, 3)
        calls = slow.stats["calls"]
        with pytest.raises(AssertionError):
            wait_until(lambda: slow.stats["calls"] > calls, 0.5)
        server.client.config_set("maxmemory", 0)
        done = start.finish(worker)
        assert done.exit_status == 0, done.log
        assert "Redis can't be written to" in done.log
        assert "Traceback" not in done.log
        Shared(server.client).check()
        assert sum(count - 1 for count in paid(slow).values()) == 0


def test_out_of_memory_while_enqueuing(tmp_path: Path, sandbox: SandboxThread) -> None:
    with RedisServer(tmp_path / "redis", "--maxmemory", "1") as server:
        done = server.crawler(tmp_path, sandbox.url).command("tmapi", "enqueue", "j", seeds=SEEDS)
    assert done.exit_status == 4
    (line,) = done.log.strip().splitlines()
    assert "maxmemory" in line


def test_read_only_in_the_middle(tmp_path: Path, slow: SandboxThread) -> None:
    with (
        RedisServer(tmp_path / "master") as master,
        RedisServer(tmp_path / "redis") as server,
    ):
        start = server.crawler(tmp_path / "out", slow.url, TMAPI_LEASE_SECONDS="2")
        (worker,) = started(start, slow, 1)
        # It keeps its data until it has reached a master, and refuses writes at once.
        server.client.replicaof("127.0.0.1", 1)
        wait_until(lambda: not master.client.info()["connected_clients"] > 99)
        with pytest.raises(AssertionError):
            wait_until(lambda: worker.poll() is not None, 1.5)
        server.client.replicaof("NO", "ONE")
        done = start.finish(worker)
        assert done.exit_status == 0, done.log
        assert "Redis can't be written to" in done.log or "Redis is away" in done.log
        Shared(server.client).check()
        assert sum(count - 1 for count in paid(slow).values()) == 0


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, redis_server: RedisServer) -> None:
    """What it held goes to others when its leases expire."""
    stuck = SandboxThread(latency=30)
    try:
        start = redis_server.crawler(tmp_path, stuck.url, TMAPI_LEASE_SECONDS="1")
        worker = start.start(job="j", seeds=SEEDS)
        wait_until(lambda: stuck.stats["calls"] == FIRST)
        worker.send_signal(signal.SIGINT)
        with pytest.raises(AssertionError):
            wait_until(lambda: worker.poll() is not None, 1)
        worker.send_signal(signal.SIGINT)
        done = start.finish(worker)
    finally:
        stuck.stop()
    assert done.exit_status == 4, done.log
    assert "STOPPED EARLY: interrupted" in done.log
    assert Shared(redis_server.client).facts["calls"] == str(FIRST)


def test_the_feeder_dies(tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer) -> None:
    """A partly enqueued job is not taken for complete: its workers say so and leave."""
    start = redis_server.crawler(tmp_path, sandbox.url)
    start.command("tmapi", "enqueue", "j", seeds=SEEDS)
    client = redis_server.client
    client.hset("image_search:j:job", mapping={"fed": 0, "fed_at": 1000})
    done = start(job="j")
    assert done.exit_status == 4
    assert "the process that fed the job has died" in done.log
    assert "scrapy tmapi enqueue j" in done.log
    start.command("tmapi", "enqueue", "j", seeds=SEEDS)
    again = start(job="j")
    assert again.exit_status == 0, again.log
    Shared(client).check()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"/search/1.jpg\rlamp.jpg\r", "line 2: 'lamp.jpg'"),
        (b"/search/1.jpg\ncaf\xe9\n", "line 2: it is not UTF-8"),
        (b"# nothing\n", "it holds no image"),
    ],
)
def test_wrong_seeds_put_nothing_in(
    tmp_path: Path,
    sandbox: SandboxThread,
    redis_server: RedisServer,
    content: bytes,
    message: str,
) -> None:
    """A file is checked completely before anything is added, but is never held in memory."""
    (tmp_path / "seeds.txt").write_bytes(content)
    start = redis_server.crawler(tmp_path, sandbox.url)
    done = start.command("tmapi", "enqueue", "j", seeds=str(tmp_path / "seeds.txt"))
    assert done.exit_status == 2
    assert message in done.log
    assert not redis_server.client.keys("*:j:*")


def test_repeated_seeds_and_odd_lines(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    lines = "\ufeff/search/1.jpg\r\n\r\n# no\r\n/search/2.jpg # two\r\n/search/1.jpg\r\n"
    (tmp_path / "seeds.txt").write_bytes(lines.encode())
    start = redis_server.crawler(tmp_path, sandbox.url)
    done = start.command("tmapi", "enqueue", "j", seeds=str(tmp_path / "seeds.txt"))
    assert done.exit_status == 0, done.log
    assert "2 queries added (2 new seeds of 3)" in done.stdout
