"""Stalls, restarts, stops, garbage: what a shared job survives, and what it reports."""

from __future__ import annotations

import json
import pickle
import re
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from tests.crawl.test_kill import paid
from tests.distributed.proxies import CuttingProxy
from tests.distributed.shared import Shared, result_of
from tests.support import TOKEN, Crawler, SandboxThread
from tmapi_spiders.distributed.seed_queue import enqueue_seeds
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.inputs.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.forkserver import Process

SEEDS = ",".join(f"/search/a/picture-{number}.jpg" for number in range(12))
JOB = "image_search:j:"


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.2, limit=6)
    yield thread
    thread.stop()


def wait_until(condition: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def started(
    start: Crawler,
    sandbox: SandboxThread,
    workers: int,
    *options: str,
    calls: int = 6,
    **arguments: Any,
) -> list[Process]:
    """Start workers; return once all are working and have made this many calls together."""
    before = sandbox.stats["calls"]
    given: dict[str, Any] = {"job": "j", "seeds": SEEDS} | arguments
    processes = [start.start(*options, **given) for _ in range(workers)]
    wait_until(lambda: sandbox.stats["calls"] >= before + calls)
    if workers > 1:
        with Redis.from_url(start.variables["REDIS_URL"]) as client:
            wait_until(lambda: client.zcard("image_search:j:alive") == workers)
    return processes


def test_a_stalled_worker_loses_its_pages_and_comes_back(
    tmp_path: Path, slow: SandboxThread, redis_server: RedisServer
) -> None:
    """SIGSTOP for longer than a lease, then SIGCONT: others took its pages, it writes nothing."""
    start = redis_server.crawler(tmp_path, slow.url, TMAPI_LEASE_SECONDS="1")
    stalled, other = started(start, slow, 2)
    stalled.send_signal(signal.SIGSTOP)
    time.sleep(1.6)
    stalled.send_signal(signal.SIGCONT)
    done = [start.finish(process) for process in (stalled, other)]
    assert [crawl.exit_status for crawl in done] == [0, 0], "".join(crawl.log for crawl in done)
    shared = Shared(redis_server.client)
    shared.check()
    assert {row["status"] for row in shared.outcomes.values()} == {"complete"}
    again = sum(count - 1 for count in paid(slow).values())
    assert again <= 12, "no more than what it had in hand"
    made = slow.stats["calls"] - slow.stats["refused"]
    assert made <= int(shared.facts["calls"]) <= made + 12, "Redis can't know which it has made"


@pytest.mark.parametrize(
    "downtime",
    [pytest.param(0.3, marks=pytest.mark.chaos), pytest.param(3.0, marks=pytest.mark.long)],
)
def test_redis_is_killed_and_comes_back(
    tmp_path: Path, slow: SandboxThread, own_server: RedisServer, downtime: float
) -> None:
    start = own_server.crawler(tmp_path / "out", slow.url, TMAPI_LEASE_SECONDS="4")
    workers = started(start, slow, 2, sort="default,sales")
    wait_until(lambda: own_server.client.zcard(JOB + "alive") == 2)
    own_server.kill()
    time.sleep(downtime)
    during = slow.stats["calls"]
    if downtime > 1:
        time.sleep(0.5)
        assert slow.stats["calls"] == during, "nothing is called while Redis is away"
    own_server.start()
    done = [start.finish(process) for process in workers]
    assert [crawl.exit_status for crawl in done] == [0, 0], "".join(crawl.log for crawl in done)
    assert any("Redis is away" in crawl.log for crawl in done)
    assert all("Traceback" not in crawl.log for crawl in done)
    shared = Shared(own_server.client)
    shared.check()
    assert {row["status"] for row in shared.outcomes.values()} == {"complete"}
    # AOF is written to disk each second: killing only the server loses none of it.
    assert sum(count - 1 for count in paid(slow).values()) == 0


def test_sigterm_of_one_of_three(
    tmp_path: Path, slow: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, slow.url)
    leaving, *staying = started(start, slow, 3)
    leaving.send_signal(signal.SIGTERM)
    left = start.finish(leaving)
    assert left.exit_status == 4
    assert "STOPPED EARLY: interrupted" in left.log
    assert "scrapy crawl image_search -a job=j" in left.log
    done = [start.finish(process) for process in staying]
    assert [crawl.exit_status for crawl in done] == [0, 0], "".join(crawl.log for crawl in done)
    shared = Shared(redis_server.client)
    shared.check()
    assert {row["status"] for row in shared.outcomes.values()} == {"complete"}
    assert sum(count - 1 for count in paid(slow).values()) == 0


def test_garbage_in_the_queue_does_no_harm(
    tmp_path: Path, slow: SandboxThread, redis_server: RedisServer
) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, (str(tmp_path / "ran"), "w"))

    start = redis_server.crawler(tmp_path, slow.url)
    enqueued = start.command("tmapi", "enqueue", "j", seeds=SEEDS)
    assert enqueued.exit_status == 0, enqueued.log
    client = redis_server.client
    task = client.lindex(JOB + "requests", -1)
    known = client.hkeys(JOB + "seeds")[0]
    client.rpush(JOB + "requests", known + b"/c", known + b"/99", known + b"/zz")
    odd = (pickle.dumps(Evil()), b"\xff\x00garbage", b"{}", b"abc/0", b"", "灯/0".encode())
    for garbage in odd:
        client.lpush(JOB + "requests", garbage)
    client.lpush(JOB + "requests", task)  # queued twice
    client.hset(JOB + "query:" + task.decode(), mapping={"page": "no number"})
    done = start(job="j")
    assert "Traceback" not in done.log
    assert not (tmp_path / "ran").exists()
    shared = Shared(client)
    letters = shared.dead
    assert len(letters) == 10
    statuses = [row["status"] for row in shared.outcomes.values()]
    assert sorted(statuses) == ["complete"] * 11 + ["failed"]
    assert done.exit_status == 3


def test_what_kills_worker_after_worker_is_not_retried_for_ever(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    start.command("tmapi", "enqueue", "j", seeds="/search/a/onepage.jpg,/search/a/onepage-2.jpg")
    client = redis_server.client
    task = client.lindex(JOB + "requests", 0).decode()
    client.hset(JOB + "query:" + task, "deaths", 10)
    done = start(job="j")
    assert done.exit_status == 3
    shared = Shared(client)
    shared.check()
    assert sandbox.stats["calls"] == 1 == int(shared.facts["calls"])
    (failed,) = (row for row in shared.outcomes.values() if row["status"] == "failed")
    assert failed["message"] == "each of the workers that had it died over it"
    assert shared.dead[task]["error"] == failed["message"]


def test_a_queue_of_another_type_is_moved_away(
    tmp_path: Path, slow: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, slow.url)
    start.command("tmapi", "enqueue", "j", seeds=SEEDS)
    client = redis_server.client
    held = client.lrange(JOB + "requests", 0, -1)
    client.delete(JOB + "requests")
    client.zadd(JOB + "requests", {"pickled": 1})
    worker = start.start(job="j")
    wait_until(lambda: client.exists(JOB + "foreign"))
    client.rpush(JOB + "requests", *held)
    start.finish(worker)
    assert "zset" in Shared(client).dead["foreign"]["error"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("code-4011", "auth"),
        pytest.param("status-439", "balance", marks=pytest.mark.long),
        pytest.param("no-route", "base_url", marks=pytest.mark.long),
    ],
)
def test_one_refusal_stops_all_workers(
    tmp_path: Path, slow: SandboxThread, redis_server: RedisServer, kind: str, reason: str
) -> None:
    """And starting workers again continues the job."""
    start = redis_server.crawler(tmp_path, slow.url)
    seeds = f"{SEEDS},/search/a/onepage-fail-{kind}-x1.jpg"
    workers = [start.start(job="j", seeds=seeds) for _ in range(3)]
    done = [start.finish(process) for process in workers]
    assert [crawl.exit_status for crawl in done] == [4, 4, 4], done[0].log
    for crawl in done:
        assert f"STOPPED EARLY: {reason} (the API said: " in crawl.log
    shared = Shared(redis_server.client)
    assert shared.facts["state"] == "stopped"
    told = start.command("tmapi", "status", "j", "--json").stdout
    assert re.search(rf'"stop_reason":\s*"{reason}"', told), "machines can tell them apart"
    calls = slow.stats["calls"]
    assert len(shared.outcomes) < 13
    again = start(job="j")
    assert again.exit_status == 0, again.log
    shared.check()
    assert {row["status"] for row in shared.outcomes.values()} == {"complete"}
    assert slow.stats["calls"] > calls
    assert sum(count - 1 for count in paid(slow).values()) == 0


def test_the_budget_is_exact_for_all_workers_together(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    budget = 17
    busy = SandboxThread(latency=0.05, limit=3, failure_rate=0.1)
    try:
        start = redis_server.crawler(tmp_path, busy.url, TMAPI_BUDGET=str(budget))
        workers = [start.start(job="j", seeds=SEEDS) for _ in range(3)]
        done = [start.finish(process) for process in workers]
        assert {crawl.exit_status for crawl in done} == {4}, done[0].log
        assert any("STOPPED EARLY: budget" in crawl.log for crawl in done)
        assert busy.stats["calls"] - busy.stats["refused"] == budget
        shared = Shared(redis_server.client)
        assert shared.facts["calls"] == str(budget)
        more = start.command("tmapi", "enqueue", "j", env={"TMAPI_BUDGET": "1000"})
        assert more.exit_status == 0, more.log
        rest = start.start(job="j", env={"TMAPI_BUDGET": "1000"})
        assert start.finish(rest).exit_status == 0
        shared.check()
        assert busy.stats["calls"] - busy.stats["refused"] == int(shared.facts["calls"])
    finally:
        busy.stop()


@pytest.mark.long
def test_two_jobs_share_the_limit_of_their_account(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    busy = SandboxThread(latency=0.2)
    try:
        start = redis_server.crawler(tmp_path, busy.url, TMAPI_MAX_CONCURRENCY="5")
        other = SEEDS.replace("picture", "lamp")
        workers = [start.start(job="j", seeds=SEEDS), start.start(job="k", seeds=other)]
        workers += [start.start(job="j", seeds=SEEDS), start.start(job="k", seeds=other)]
        done = [start.finish(process) for process in workers]
        assert [crawl.exit_status for crawl in done] == [0] * 4
        assert busy.stats["max_in_flight"] == 5
        for name in "jk":
            Shared(redis_server.client, name).check()
    finally:
        busy.stop()


def test_the_token_is_nowhere_on_redis(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    start(job="j", seeds="/search/a/echo.jpg,https://shop.example/a.jpg")
    client = redis_server.client
    digest = TOKEN.encode()
    for key in client.keys("*"):
        assert digest not in key
        assert digest not in (client.dump(key) or b"")
        if client.type(key) == b"hash":
            assert digest not in str(client.hgetall(key)).encode()


@pytest.mark.parametrize("when", ["read", "after"])
def test_a_page_that_cant_be_parsed_goes_to_the_dead_letters(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer, when: str
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    broken = start.start(
        job="j",
        seeds="/search/a/one.jpg,/search/a/two.jpg",
        env={"SCRAPY_SETTINGS_MODULE": "tests.distributed.broken_worker", "BREAK": when},
    )
    done = start.finish(broken)
    assert done.exit_status == 3
    shared = Shared(redis_server.client)
    calls = sandbox.stats["calls"]
    (letter,) = shared.dead.values()
    assert letter["page"] == 2
    assert "KeyError" in letter["error"]
    assert "the answer is kept as a dead letter" in done.log
    body = redis_server.client.hvals(JOB + "bodies")[0]
    assert json.loads(body)["code"] == 200
    partial = [row for row in shared.outcomes.values() if row["status"] == "partial"]
    assert [(row["reason"], row["pages"]) for row in partial] == [
        ("error", "1" if when == "read" else "2")
    ]
    replayed = start.command("tmapi", "replay", "j")
    assert replayed.exit_status == 0, replayed.log
    mended = start(job="j")
    assert mended.exit_status == 0, mended.log
    shared.check()
    assert not shared.dead
    assert {row["status"] for row in shared.outcomes.values()} == {"complete"}
    expected = start.start(job="k", seeds="/search/a/one.jpg,/search/a/two.jpg")
    start.finish(expected)
    assert result_of(shared) == result_of(Shared(redis_server.client, "k"))
    pages = sum(int(row["pages"]) for row in shared.outcomes.values())
    assert calls + sum(count == 1 for count in paid(sandbox).values()) >= pages
    assert int(shared.facts["calls"]) == pages, "the page that could not be parsed was paid once"


def test_what_was_doubted_leaves_nothing_behind(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    """An empty first page that is requested again after the conversion starts afresh.

    Each of its calls has all its tries.
    """
    start = redis_server.crawler(tmp_path, sandbox.url, TMAPI_RETRY_TIMES="2")
    found = "https://cbu01.alicdn.com/onepage-unreadable-fail-html-x2.jpg"
    fails = "https://shop.example/fail-empty-x1-fail-code-422-denied.jpg"
    gap = "https://cbu01.alicdn.com/unreadable-gap-p2-bigtotal.jpg"
    done = start(seeds=f"{found},{fails},{gap}")
    assert done.exit_status == 3, done.log
    shared = Shared(redis_server.client)
    shared.check()
    by_reason = {row["reason"]: row for row in shared.outcomes.values()}
    reasons = ("last_page", "error", "empty_page")
    complete, failed, ends_empty = (by_reason[reason] for reason in reasons)
    assert (complete["calls"], complete["retries"]) == ("7", "4")
    assert (complete["pages"], complete["items"], complete["total_count"]) == ("1", "7", "7")
    fetched = {row["seed"]: row["fetched_at"] for row in shared.products}
    assert complete["finished_at"] == fetched[found]
    assert (failed["calls"], failed["code"], failed["pages"]) == ("4", "422", "0")
    assert "total_count" not in failed
    assert (ends_empty["status"], ends_empty["total_count"]) == ("complete", "2000")
    assert ends_empty["finished_at"] > fetched[gap]
    passing = {"attempt", "refusals", "deaths", "empty_at", "empty_total_count"}
    assert not passing & {*complete, *failed, *ends_empty}
    assert not {"code", "message"} & {*complete}


def test_workers_leave_together(
    tmp_path: Path, slow: SandboxThread, redis_server: RedisServer
) -> None:
    """One long query for three workers: those without work stay until it is done."""
    start = redis_server.crawler(tmp_path, slow.url)
    workers = [start.start(job="j", seeds="/search/a/long.jpg", page_size=5) for _ in range(3)]
    ends = []
    for process in workers:
        assert start.finish(process).exit_status == 0
        ends.append(time.monotonic())
    assert int(Shared(redis_server.client).facts["pages"]) > 5
    assert ends[-1] - ends[0] < 2


def test_keep_alive_waits_for_more(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    worker = start.start(job="j", seeds="/search/a/onepage.jpg", keep_alive=1)
    shared = Shared(redis_server.client)
    wait_until(lambda: shared.facts.get("state") == "ended")
    start.command("tmapi", "enqueue", "j", seeds="/search/a/onepage-2.jpg")
    wait_until(lambda: len(shared.outcomes) == 2)
    assert worker.poll() is None
    worker.send_signal(signal.SIGTERM)
    assert start.finish(worker).exit_status == 4


@pytest.mark.long
def test_a_network_that_is_cut_again_and_again(tmp_path: Path, redis_server: RedisServer) -> None:
    """Requests and replies get lost: nothing else does, and nothing is duplicated or paid twice."""
    busy = SandboxThread(latency=0.1, limit=6)
    try:
        with CuttingProxy(redis_server.port, 0.04) as proxy:
            url = f"redis://127.0.0.1:{proxy.port}/0"
            enqueued = redis_server.crawler(tmp_path, busy.url)
            enqueued.command("tmapi", "enqueue", "j", seeds=SEEDS)
            start = redis_server.crawler(tmp_path, busy.url, REDIS_URL=url, TMAPI_LEASE_SECONDS="3")
            done = []
            for _ in range(20):  # a worker that is cut off while it joins ends
                workers = [start.start(job="j") for _ in range(2)]
                done += [start.finish(process) for process in workers]
                if Shared(redis_server.client).facts["state"] == "ended":
                    break
            assert proxy.cuts > 3
        assert {crawl.exit_status for crawl in done} <= {0, 4}, done[0].log
        assert all("Traceback" not in crawl.log for crawl in done)
        shared = Shared(redis_server.client)
        shared.check()
        assert {row["status"] for row in shared.outcomes.values()} == {"complete"}
        assert sum(count - 1 for count in paid(busy).values()) == 0
    finally:
        busy.stop()


def test_leases_that_come_when_a_worker_leaves_go_back(
    tmp_path: Path, sandbox: SandboxThread, own_server: RedisServer
) -> None:
    """It asked for leases, Redis was away, and by the time of the answer it is leaving."""
    start = own_server.crawler(tmp_path / "out", sandbox.url, TMAPI_LEASE_SECONDS="12")
    worker = start.start(job="j", seeds="/search/a/onepage.jpg", keep_alive=1)
    shared = Shared(own_server.client)
    wait_until(lambda: shared.facts.get("state") == "ended")
    own_server.kill()
    time.sleep(1)  # it has asked by now, and will ask again
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    own_server.start()
    job = SharedJob.load(own_server.client, "j")
    enqueue_seeds(
        own_server.client, job, [Seed.parse(f"/search/a/onepage-{n}.jpg") for n in range(5)]
    )
    done = start.finish(worker)
    assert done.exit_status == 4, done.log
    assert "Traceback" not in done.log
    rest = start(job="j")
    assert rest.exit_status == 0, rest.log
    shared.check()
    assert sandbox.stats["calls"] == 6 == int(shared.facts["calls"])


def test_a_middleware_that_keeps_an_answer_back_loses_no_query(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    env = {"SCRAPY_SETTINGS_MODULE": "tests.distributed.broken_worker", "BREAK": "silently"}
    seeds = "/search/a/one.jpg,/search/a/two.jpg"
    done = start.finish(start.start(job="j", seeds=seeds, env=env))
    assert done.exit_status == 3
    shared = Shared(redis_server.client)
    shared.check()
    (letter,) = shared.dead.values()
    assert letter["error"] == "its answer did not reach the spider: a middleware held it back"
    assert start.command("tmapi", "replay", "j").exit_status == 0
    assert start(job="j").exit_status == 0
    assert {row["status"] for row in shared.outcomes.values()} == {"complete"}


def test_a_second_feeder_opens_a_job_that_has_ended_meanwhile(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    start(job="j", seeds="/search/a/onepage.jpg")
    client = redis_server.client
    job = SharedJob.load(client, "j")
    late = Seed.parse("/search/a/onepage-late.jpg")
    fed = run_script(client, "feed", job.keys, 1, 100, late.key, late.record(), 1, "")
    assert fed == [1, 1, 0]
    done = start(job="j")
    assert done.exit_status == 0, done.log
    Shared(client).check()
    assert sandbox.stats["calls"] == 2
