"""Stopping early: no further call, what is in flight is finished and written, exit status 4."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.support import ROOT, Crawl
from tests.ways import Way

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.forkserver import Process
    from tests.support import Crawler, SandboxThread

#: Many pages that take a second each.
SLOW = ",".join(f"/search/a/slow-1-{number}.jpg" for number in range(10))


def wait_for(condition: Callable[[], bool], process: Process) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the crawl ended too early"
        assert time.monotonic() < deadline, "the crawl did not get that far"
        time.sleep(0.02)


def check_stopped(way: Way, done: Crawl, sandbox: SandboxThread, reason: str) -> None:
    """Every query has one outcome, and the files hold exactly what was served.

    Where a worker stops, its job is not over; but what it has brought is in the files.
    """
    answered = [call for call in sandbox.calls if call["code"] == 200]
    assert {row["item_id"] for row in done.products} == {
        item for call in answered for item in call["item_ids"]
    }
    assert done.exit_status == 4
    assert f"STOPPED EARLY: {reason}" in done.log
    assert re.search(
        r"To resume.* \((paid answers|committed pages) cost nothing again\):", done.log
    )
    assert " scrapy crawl image_search -a job=j" in done.log
    assert "Traceback" not in done.log
    if not way.alone:
        assert done.job["running"] is True
        return
    outcomes = done.outcomes
    assert len({row["query_id"] for row in outcomes}) == len(outcomes) == 20
    assert {row["status"] for row in outcomes} == {"partial", "not_started"}
    assert {row["reason"] for row in outcomes} == {reason}
    assert all((row["calls"] == 0) == (row["status"] == "not_started") for row in outcomes)
    assert sum(row["pages"] for row in outcomes) == len(answered) == sandbox.stats["calls"]
    assert sum(row["calls"] for row in outcomes) == len(answered)
    assert done.job["running"] is False
    assert (done.job["exit_status"], done.job["stop_reason"]) == (4, reason)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.both_ways)]
)
def test_one_signal(
    way: Way, crawl: Crawler, sandbox: SandboxThread, number: signal.Signals
) -> None:
    process = crawl.start(seeds=SLOW, sort="default,sales", page_size=5, job="j")
    wait_for(lambda: sandbox.stats["calls"] > 5, process)
    process.send_signal(number)
    check_stopped(way, crawl.finish(process), sandbox, "interrupted")


def test_a_terminal_that_is_closed(alone: Crawler, sandbox: SandboxThread) -> None:
    """The terminal hangs up on the crawl, which can't print how it ended; its files say so."""
    words = alone.words(seeds=SLOW, sort="default,sales", page_size=5, job="j")
    process, terminal = pty.fork()
    if not process:
        os.chdir(ROOT)
        os.execve(words[0], words, alone.environment())
    while sandbox.stats["calls"] <= 5:
        time.sleep(0.02)
    os.close(terminal)
    _, ended = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(ended) == 4
    log = "STOPPED EARLY: interrupted\nTo resume (paid answers cost nothing again):\n"
    done = Crawl(4, f"{log}    scrapy crawl image_search -a job=j", "", alone.output / "j")
    check_stopped(Way("alone", alone.output, None), done, sandbox, "interrupted")


def test_a_hang_up_that_is_ignored_stays_so(crawl: Crawler, sandbox: SandboxThread) -> None:
    words = ["nohup", *crawl.words(seeds="/search/a/onepage-slow-1.jpg", job="j")]
    process = subprocess.Popen(
        words, cwd=ROOT, env=crawl.environment(), stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: sandbox.stats["calls"] == 1, process)
    process.send_signal(signal.SIGHUP)
    assert crawl.finish(process).exit_status == 0


def test_deadline(way: Way, crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(
        *("-s", "CLOSESPIDER_TIMEOUT=1.5", "-s", "TMAPI_MAX_CONCURRENCY=6"),
        seeds=SLOW,
        sort="default,sales",
        page_size=5,
    )
    check_stopped(way, done, sandbox, "deadline")
    assert "closespider_timeout" in done.log


def test_scrapys_other_limits_stop_early_too(
    way: Way, crawl: Crawler, sandbox: SandboxThread
) -> None:
    done = crawl(
        *("-s", "CLOSESPIDER_PAGECOUNT=5", "-s", "TMAPI_MAX_CONCURRENCY=6"),
        seeds=SLOW,
        sort="default,sales",
        page_size=5,
    )
    check_stopped(way, done, sandbox, "interrupted")
    assert "STOPPED EARLY: interrupted (closespider_pagecount)." in done.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_second_signal_ends_at_once_and_still_settles(
    way: Way, crawl: Crawler, sandbox: SandboxThread, number: signal.Signals
) -> None:
    seeds = "/search/a/onepage.jpg,/search/a/slow-20.jpg,/search/a/teapot.jpg"
    process = crawl.start(*("-s", "TMAPI_MAX_CONCURRENCY=1", "-L", "DEBUG"), seeds=seeds, job="j")
    wait_for(lambda: sandbox.stats["calls"] == 2, process)
    process.send_signal(number)
    time.sleep(0.5)
    assert process.poll() is None, "the call in flight is finished first"
    before = time.monotonic()
    process.send_signal(number)
    done = crawl.finish(process)
    assert time.monotonic() - before < 10
    assert done.exit_status == 4
    assert len(done.products) == len(done.sightings) == 7
    if way.alone:  # what the worker held goes to other workers
        assert sorted((row["status"], row["calls"]) for row in done.outcomes) == [
            ("complete", 1),
            ("failed", 1),
            ("not_started", 0),
        ]
        assert (done.job["running"], done.job["exit_status"]) == (False, 4)
    assert "STOPPED EARLY: interrupted" in done.log
    assert "Traceback" not in done.log
    assert "Unclosed" not in done.log


@pytest.mark.parametrize("line", ["Spider opened", "j: 20 queries", "Closing spider"])
def test_a_signal_at_an_awkward_moment(alone: Crawler, sandbox: SandboxThread, line: str) -> None:
    """While the engine is starting, and while it is closing with everything done."""
    seeds = ",".join(f"/search/a/onepage-{number}.jpg" for number in range(20))
    process = alone.start(seeds=seeds, job="j")
    assert process.stderr is not None
    before = ""
    for text in process.stderr:
        before += text
        if line in text:
            process.send_signal(signal.SIGINT)
            break
    done = alone.finish(process)
    assert "Traceback" not in before + done.log
    if done.exit_status == 4 and "nothing was sent" in done.log:
        assert sandbox.stats["calls"] == 0
        return
    outcomes = done.outcomes
    assert len({row["query_id"] for row in outcomes}) == len(outcomes) == 20
    complete = [row for row in outcomes if row["status"] == "complete"]
    assert done.exit_status == (0 if len(complete) == 20 else 4)
    assert sum(row["calls"] for row in outcomes) == sandbox.stats["calls"]
    assert len(done.sightings) == 7 * len(complete)
    assert done.job["running"] is False
    assert done.job["exit_status"] == done.exit_status


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_seeds_are_read(
    crawl: Crawler, sandbox: SandboxThread, tmp_path: Path, number: signal.Signals
) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"/search/a/{n}.jpg\n" for n in range(1_000_000)))
    crawl = attrs.evolve(crawl, covered=False)
    process = crawl.start(seeds=str(seeds), job="j")
    assert process.stderr is not None
    for line in process.stderr:
        if "Scrapy" in line:
            break
    time.sleep(0.5)
    process.send_signal(number)
    done = crawl.finish(process)
    assert done.exit_status == 4
    assert "interrupted while reading the seeds" in done.log
    assert "Traceback" not in done.log
    assert sandbox.stats["calls"] == 0


def test_a_signal_after_the_end_changes_nothing(crawl: Crawler) -> None:
    for _ in range(3):
        process = crawl.start(seeds="/search/a/onepage.jpg", job="j")
        assert process.stderr is not None
        for line in process.stderr:
            if "  files in" in line or "  Its files: " in line:
                process.send_signal(signal.SIGTERM)
        done = crawl.finish(process)
        assert done.exit_status == done.job["exit_status"] == 0


def test_no_call_leaves_after_a_stop_however_many_wait(
    way: Way, crawl: Crawler, sandbox: SandboxThread
) -> None:
    done = crawl(
        *("-s", "CONCURRENT_REQUESTS=32", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=32"),
        *("-s", "TMAPI_MAX_CONCURRENCY=1", "-s", "CLOSESPIDER_ITEMCOUNT=1"),
        seeds=",".join(f"/search/a/onepage-{number}.jpg" for number in range(40)),
    )
    assert done.exit_status == 4
    assert sandbox.stats["calls"] < 5
    assert sandbox.stats["max_in_flight"] == 1
    assert not way.alone or len(done.outcomes) == 40


def test_an_interrupted_replay_writes_every_line_again(
    alone: Crawler, sandbox: SandboxThread
) -> None:
    """Ctrl-C ends calls but not replays; what is new in the arguments does not begin."""
    seeds = ",".join(f"/search/a/{number}.jpg" for number in range(40))
    first = alone(seeds=seeds)
    before = {name: len(first.rows(name)) for name in ("products", "sightings", "outcomes")}
    calls = sandbox.stats["calls"]
    new = ",".join(f"/search/a/slow-2-{number}.jpg" for number in range(20))
    process = alone.start("-s", "LOG_LEVEL=INFO", seeds=f"{new},{seeds}", job="j")
    wait_for(lambda: sandbox.stats["calls"] > calls, process)
    process.send_signal(signal.SIGINT)
    done = alone.finish(process)
    assert done.exit_status == 4
    after = {name: len(done.rows(name)) for name in before}
    assert after["products"] >= before["products"]
    assert after["sightings"] >= before["sightings"]
    assert after["outcomes"] == 60
    assert sum(row["status"] == "complete" for row in done.outcomes) >= 40
    assert not list(done.folder.glob("*.last"))


def test_a_signal_before_the_first_replay_leaves_every_line(alone: Crawler) -> None:
    """The engine has not started yet, and Scrapy would drop all its work."""
    seeds = ",".join(f"/search/a/{number}.jpg" for number in range(60))
    first = alone(seeds=seeds)
    before = len(first.products), len(first.sightings)
    heard = 0
    for _ in range(10):
        process = alone.start(job="j")
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("j: replays the answers paid for on "):
                break
        process.send_signal(signal.SIGINT)
        done = alone.finish(process)
        assert done.exit_status in {0, 4}, "0: on a busy machine it may have ended before"
        heard += done.exit_status == 4
        assert (len(done.products), len(done.sightings)) == before
        assert {row["status"] for row in done.outcomes} == {"complete"}
        assert done.job["running"] is False
        if heard == 2:
            break
    assert heard


def test_ending_a_replay_at_once_keeps_the_last_complete_files(alone: Crawler) -> None:
    seeds = ",".join(f"/search/a/{number}.jpg" for number in range(50))
    first = alone(seeds=seeds)
    before = (first.folder / "products.jsonl").read_bytes()
    process = alone.start(seeds=seeds, job="j")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("j: replays the answers paid for on "):
            break
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    done = alone.finish(process)
    assert done.exit_status in {0, 4}, "0: on a busy machine it may have ended before"
    assert len(done.outcomes) == 50
    assert (first.folder / "products.jsonl").read_bytes().count(b"\n") == before.count(b"\n")
    assert not list(first.folder.glob("*.part"))
    assert (done.job["running"], done.job["exit_status"]) in {(False, 0), (False, 4)}
    again = alone(job="j")
    assert again.exit_status == 0
    assert not list(first.folder.glob("*.last"))
    assert len(again.products) == before.count(b"\n")


def test_a_killed_job_can_be_run_again(alone: Crawler, sandbox: SandboxThread) -> None:
    first = alone(seeds="/search/a/teapot.jpg", page_size=5)
    before = (first.folder / "products.jsonl").read_bytes()
    process = alone.start(seeds="/search/a/slow-9.jpg", job="j")
    wait_for(lambda: sandbox.stats["in_flight"] == 1, process)
    process.kill()
    killed = alone.finish(process)
    assert killed.exit_status == -signal.SIGKILL
    assert killed.job["running"] is True
    assert (first.folder / "products.jsonl").read_bytes() == before
    again = alone(seeds="/search/a/teapot.jpg", page_size=5)
    assert again.exit_status == 0
    assert {row["item_id"] for row in again.products} == {row["item_id"] for row in first.products}
    assert not list(again.folder.glob("*.part"))
