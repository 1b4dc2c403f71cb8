"""Values that someone has edited in a job on Redis: workers and commands name them, and end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.distributed.test_failures import SEEDS, wait_until
from tests.support import SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import Crawl, Crawler

pytestmark = pytest.mark.long  # make long

JOB = "image_search:j:job"

FIELDS = [
    ("max_concurrency", "0", "a whole number from 1 to 1000"),
    ("max_concurrency", "-1", "a whole number from 1 to 1000"),
    ("max_concurrency", "many", "a whole number from 1 to 1000"),
    ("state", "running", "open, stopped, ended, deleting"),
    ("fed", "yes", "0 while seeds are being added, 1 afterwards"),
    ("dedupe", "jobs", "job, seed, query"),
    ("budget", "-5", "a whole number from 0 up"),
    ("budget", "1e3", "a whole number from 0 up"),
    ("stops", "x", "a whole number from 0 up"),
    ("calls", "\x1b[2J", "a whole number from 0 up"),
    ("schema", "x", "a whole number from 0 up"),
    ("queries", "9" * 5000, "a whole number from 0 up"),
    ("arguments", "[]", "it is not a JSON object"),
]


def said_it(done: Crawl, field: str, rule: str) -> None:
    assert "Traceback" not in done.log + done.stdout, done.log
    assert JOB in done.log, done.log
    assert field in done.log
    assert rule in done.log
    assert "\x1b[2J" not in done.log + done.stdout


@pytest.fixture
def start(redis_server: RedisServer, sandbox: SandboxThread, tmp_path: Path) -> Crawler:
    start = redis_server.crawler(tmp_path, sandbox.url)
    assert start.command("tmapi", "enqueue", "j", seeds="/search/a/onepage.jpg").exit_status == 0
    return start


#: ``make long`` tries the others.
BRIEFLY = {
    ("max_concurrency", "0"),
    ("state", "running"),
    ("calls", "\x1b[2J"),
    ("arguments", "[]"),
}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(
            one, marks=[] if one[:2] in BRIEFLY else pytest.mark.long, id=" ".join(one)[:30]
        )
        for one in FIELDS
    ],
)
def test_a_field_of_the_job(
    damage: tuple[str, str, str],
    start: Crawler,
    redis_server: RedisServer,
    sandbox: SandboxThread,
) -> None:
    field, value, rule = damage
    redis_server.client.hset(JOB, field, value)
    worker = start()
    assert worker.exit_status == 4, worker.log
    said_it(worker, field, rule)
    seeds = ("-a", "seeds=/search/b/onepage.jpg")
    for words in (("enqueue", "j", *seeds), ("replay", "j"), ("export", "j")):
        done = start.command("tmapi", *words)
        assert done.exit_status == 4, done.log
        said_it(done, field, rule)
    done = start.command("tmapi", "status", "j")
    assert done.exit_status == 0
    assert "Traceback" not in done.log
    assert field == "arguments" or f"damaged: Redis, key {JOB}, field '{field}'" in done.stdout
    done = start.command("tmapi", "stop", "j")
    assert "Traceback" not in done.log
    assert done.exit_status == (4 if field in {"state", "stops"} else 0)
    done = start.command("tmapi", "delete", "j", "--yes")
    assert done.exit_status == 0, done.log
    assert sandbox.stats["calls"] == 0


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.2)
    yield thread
    thread.stop()


@pytest.mark.parametrize(
    "damage",
    [one for one in FIELDS if one[0] in {"max_concurrency", "state", "fed", "budget"}],
    ids=lambda one: " ".join(one)[:30],
)
def test_a_field_while_a_worker_runs(
    damage: tuple[str, str, str], redis_server: RedisServer, tmp_path: Path, slow: SandboxThread
) -> None:
    field, value, rule = damage
    start = redis_server.crawler(tmp_path, slow.url)
    process = start.start(seeds=SEEDS, job="j")
    wait_until(lambda: slow.stats["calls"] > 3)
    redis_server.client.hset(JOB, field, value)
    done = start.finish(process)
    assert done.exit_status == 4, done.log
    said_it(done, field, rule)


def test_permits_that_no_worker_holds(start: Crawler, redis_server: RedisServer) -> None:
    account = redis_server.client.hget(JOB, "account").decode()
    hour = (time.time() + 3000) * 1000
    foreign = {f"mine {number}": hour for number in range(1000)}
    redis_server.client.zadd(f"{account}:permits", foreign)
    done = start()
    assert done.exit_status == 4, done.log
    assert f"Redis, key {account}:permits, member 'mine " in done.log
    assert f"redis-cli ZREM {account}:permits MEMBER" in done.log
    assert "Traceback" not in done.log
    seen = start.command("tmapi", "status", "j")
    assert f"damaged: Redis, key {account}:permits, member 'mine " in seen.stdout
    redis_server.client.delete(f"{account}:permits")
    done = start()
    assert done.exit_status == 0, done.log


@pytest.mark.parametrize("key", ["permits", "leases", "delayed"])
def test_what_holds_for_ever(key: str, start: Crawler, redis_server: RedisServer) -> None:
    account = redis_server.client.hget(JOB, "account").decode()
    whole = f"{account}:permits" if key == "permits" else f"image_search:j:{key}"
    member = "image_search:j ab/0 1" if key == "permits" else "ab/0"
    redis_server.client.zadd(whole, {member: float("inf")})
    done = start()
    assert done.exit_status == 4, done.log
    assert f"Redis, key {whole}, member '{member}'" in done.log
    assert "two hours ahead at most" in done.log
    assert "Traceback" not in done.log


@pytest.mark.parametrize(("field", "value"), [("allowed", "0"), ("paused_until", "9" * 15)])
def test_the_accounts_limit(
    field: str, value: str, start: Crawler, redis_server: RedisServer
) -> None:
    account = redis_server.client.hget(JOB, "account").decode()
    redis_server.client.hset(f"{account}:limit", field, value)
    done = start()
    assert done.exit_status == 4, done.log
    assert f"Redis, key {account}:limit, field {field}: '{value}'" in done.log
    assert f"redis-cli DEL {account}:limit" in done.log
