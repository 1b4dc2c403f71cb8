"""Killed at random moments and run again, a job has the result of an undisturbed crawl.

The long form (`make chaos`) kills some 30 times; every test run has a short one.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.support import Crawl, Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Many pages of every kind of query, images that need a conversion, and transient failures.
ARGUMENTS: dict[str, Any] = {
    "seeds": ",".join(
        [
            *(f"https://cbu01.alicdn.com/{number}.jpg" for number in range(6)),
            *(f"https://shop.example/{number}.jpg" for number in range(6)),
            "https://cbu01.alicdn.com/onepage-unreadable.jpg",
            "https://shop.example/overlap-fail-html-x1-p2.jpg",
            "https://shop.example/convert-status-500-x1.jpg",
            "https://shop.example/unconvertible.jpg",
            "https://cbu01.alicdn.com/ragged-fail-422-denied-p3.jpg",
            "https://cbu01.alicdn.com/nothing.jpg",
            "/search/a/endless.jpg",
            "/search/a/gap-p3.jpg",
        ]
    ),
    "sort": "default,sales",
    "price": "none,0-0.001",
    "page_size": 10,
    "job": "j",
}
OPTIONS = ("-s", "TMAPI_MAX_CONCURRENCY=12")


@contextmanager
def sandbox_of(refused: str, latency: float) -> Iterator[SandboxThread]:
    """Serve a sandbox with a limit, some latency and failures that pass.

    :param refused: the hosts whose images it wants converted first
    """
    thread = SandboxThread(refused=refused, latency=latency, limit=8, failure_rate=0.05)
    yield thread
    thread.stop()


@pytest.fixture
def busy(refused: str) -> Iterator[SandboxThread]:
    """A sandbox whose calls take a while."""
    with sandbox_of(refused, 0.15) as thread:
        yield thread


def result(done: Crawl) -> tuple[Any, ...]:
    """Return what must not depend on timing."""
    names = ("query_id", "status", "reason", "pages", "items")
    return (
        {(row["item_id"], row["language"]) for row in done.products},
        {tuple(row[name] for name in names) for row in done.outcomes},
        {(row["query_id"], row["page"], row["rank"], row["item_id"]) for row in done.sightings},
    )


def archived(folder: Path) -> Counter[str]:
    """Return the requests in a job's archive, as the sandbox's books name them.

    An image may be converted twice, which reads the same.
    """
    found = Counter[str]()
    if not (folder / "archive.sqlite").exists():
        return found
    connection = sqlite3.connect(folder / "archive.sqlite")
    rows: list[tuple[str]] = []
    with suppress(sqlite3.OperationalError):  # killed before it had its tables
        rows = connection.execute("SELECT request FROM answers").fetchall()
    connection.close()
    for (request,) in rows:
        if request.startswith("GET "):
            params = dict(parse_qsl(urlsplit(request.removeprefix("GET ")).query))
            found[json.dumps(params, sort_keys=True)] += 1
        else:
            body = json.loads("{" + request.partition(" {")[2])
            found[json.dumps(body, sort_keys=True)] += 1
    return found


def paid(sandbox: SandboxThread) -> Counter[str]:
    """Return how often each request was answered with what it asked for."""
    return Counter(
        json.dumps(call["params"], sort_keys=True)
        for call in sandbox.calls
        if call["status"] == call["code"] == 200
    )


def disturb(
    crawl: Crawler, sandbox: SandboxThread, times: int, signals: list[signal.Signals], seed: int
) -> tuple[int, list[dict[str, int]]]:
    """Run the job and end it *times* times.

    Return how often it was really in the middle, and what was in the archive after each end with
    how often it had been paid for by then beyond what is there.
    """
    moment = random.Random(seed)
    disturbed = 0
    kept = []
    arguments: dict[str, Any] = dict(ARGUMENTS)
    for _ in range(times):
        before = sandbox.stats["calls"]
        process = crawl.start(*OPTIONS, **arguments)
        if moment.random() < 0.8:  # otherwise perhaps before the first call, or in a replay
            while process.poll() is None and sandbox.stats["calls"] == before:
                time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment.uniform(0.0, 1.2))
        disturbed += process.poll() is None and sandbox.stats["calls"] > before
        process.send_signal(moment.choice(signals))
        killed = crawl.finish(process)
        assert "Traceback" not in killed.log
        stored, counts = archived(killed.folder), paid(sandbox)
        assert stored <= counts
        kept.append({request: counts[request] - stored[request] for request in stored})
    return disturbed, kept


@pytest.mark.parametrize(
    ("times", "signals", "seed", "refused"),
    [
        (2, [signal.SIGKILL], 1, "all"),
        pytest.param(8, [signal.SIGKILL], 2, "foreign", marks=pytest.mark.chaos),
        pytest.param(8, [signal.SIGKILL], 3, "all", marks=pytest.mark.chaos),
        pytest.param(8, [signal.SIGKILL], 4, "none", marks=pytest.mark.chaos),
        pytest.param(
            8, [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], 5, "all", marks=pytest.mark.chaos
        ),
    ],
)
def test_killed_and_run_again(  # noqa: PLR0917
    busy: SandboxThread,
    tmp_path: Path,
    times: int,
    signals: list[signal.Signals],
    seed: int,
    refused: str,
) -> None:
    with sandbox_of(refused, 0.01) as quiet:
        undisturbed = Crawler(tmp_path / "undisturbed", quiet.url)(*OPTIONS, **ARGUMENTS)
    crawl = Crawler(tmp_path / "killed", busy.url, covered=False)
    disturbed, kept = disturb(crawl, busy, times, signals, seed)
    assert disturbed >= times // 2
    done = crawl(*OPTIONS, job="j")
    assert done.exit_status == undisturbed.exit_status == 3
    assert result(done) == result(undisturbed)
    final = paid(busy)
    there = archived(done.folder)
    for stored in kept:
        for request, beyond in stored.items():
            assert final[request] - there[request] == beyond, request
    lost = final.total() - there.total()
    assert lost <= 12 * times + 2, "what may be paid again is only what was in flight at a kill"
    again = crawl(*OPTIONS, job="j")
    assert result(again) == result(undisturbed)
