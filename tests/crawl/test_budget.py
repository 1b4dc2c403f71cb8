"""The budget is exact over all runs of a job, however many calls are in flight."""

from __future__ import annotations

import argparse
import json
import sqlite3
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from tests.crawl.test_stopping import wait_for
from tests.support import Crawler, SandboxThread
from tmapi_spiders.commands import estimate
from tmapi_spiders.commands.tmapi import run_subcommand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ways import Way

MANY = ",".join(f"/search/a/onepage-{number}.jpg" for number in range(150))
WIDE = ("-s", "TMAPI_MAX_CONCURRENCY=32")


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    """A sandbox whose calls take a moment, so that many are in flight."""
    thread = SandboxThread(latency=0.5)
    yield thread
    thread.stop()


def journal(folder: Path) -> int:
    with sqlite3.connect(folder / "archive.sqlite") as connection:
        (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
    connection.close()
    return int(count)


@pytest.mark.parametrize("budget", [pytest.param(1, marks=pytest.mark.both_ways), 100])
def test_exactly_so_many_calls(slow: SandboxThread, way: Way, budget: int) -> None:
    crawl = way(slow.url)
    done = crawl(*WIDE, "-s", f"TMAPI_BUDGET={budget}", seeds=MANY)
    assert done.exit_status == 4
    assert slow.stats["calls"] == slow.stats["ok"] == done.job["calls"] == budget
    assert budget == 1 or slow.stats["max_in_flight"] > 8
    assert sum(row["calls"] for row in done.outcomes) == budget
    statuses = sorted(row["status"] for row in done.outcomes)
    assert statuses == ["complete"] * budget + ["not_started"] * (150 - budget)
    assert {row["reason"] for row in done.outcomes} == {"last_page", "budget"}
    assert f"STOPPED EARLY: budget ({budget} call" in done.log
    if way.alone:
        assert f"made in all runs, and TMAPI_BUDGET allows {budget})." in done.log
        options = f"-s TMAPI_MAX_CONCURRENCY=32 -s TMAPI_BUDGET={2 * budget}"
        assert f"    scrapy crawl image_search -a job=j {options}\n" in done.log
    else:
        assert f" scrapy tmapi enqueue j -s TMAPI_BUDGET={2 * budget}\n" in done.log


def test_over_several_runs_of_a_job(slow: SandboxThread, way: Way) -> None:
    crawl = way(slow.url)
    seeds = ",".join(MANY.split(",")[:30])
    for budget, calls in ((10, 10), (10, 10), (0, 30), (10, 30)):
        done = crawl(*WIDE, "-s", f"TMAPI_BUDGET={budget}", seeds=seeds)
        assert slow.stats["calls"] == done.job["calls"] == calls
        assert done.exit_status == (4 if calls < 30 else 0)
        assert len(done.outcomes) == 30
        assert len({row["query_id"] for row in done.outcomes}) == 30
        read = sum(row["status"] == "complete" for row in done.outcomes)
        assert read == calls
    if way.alone:  # a worker's job has ended, and has a separate budget
        assert "no call: replayed 30 pages, paid on 20" in done.log
        uncapped = crawl(job="j")
        warned = "warning: the job's last run had TMAPI_BUDGET=10; this one has none."
        assert warned in uncapped.log


@pytest.mark.both_ways
def test_calls_that_do_not_count_are_given_back(way: Way) -> None:
    """Over the limit, out of balance: the API did not do the work."""
    sandbox = SandboxThread(latency=0.5, limit=5, balance=20)
    try:
        crawl = way(sandbox.url)
        options = (*WIDE, "-s", "TMAPI_BUDGET=35")
        done = crawl(*options, seeds=MANY)
        assert sandbox.stats["refused"] > 0
        assert (done.exit_status, done.job["stop_reason"]) == (4, "balance")
        assert sandbox.stats["ok"] == done.job["calls"] == 20
        assert sum(row["calls"] for row in done.outcomes) == 20
        assert {row["status"] for row in done.outcomes} == {"complete", "not_started"}
        top_up(sandbox, 1000)
        done = crawl(*options, job="j")
        assert (done.exit_status, done.job["stop_reason"]) == (4, "budget")
        assert sandbox.stats["ok"] == done.job["calls"] == 35
    finally:
        sandbox.stop()


def test_balance_exhausted_topped_up_and_resumed(way: Way) -> None:
    sandbox = SandboxThread(latency=0.05, balance=30)
    try:
        crawl = way(sandbox.url)
        seeds = ",".join(f"/search/a/{number}.jpg" for number in range(12))
        done = crawl(*WIDE, seeds=seeds, page_size=10)
        assert (done.exit_status, done.job["stop_reason"]) == (4, "balance")
        assert sandbox.stats["ok"] == 30
        assert "Top up the account." in done.log
        assert {row["status"] for row in done.outcomes} <= {"complete", "partial", "not_started"}
        top_up(sandbox, -1)
        resumed = crawl(job="j")
        assert resumed.exit_status == 0
        fresh = crawl(seeds=seeds, page_size=10, job="fresh")
    finally:
        sandbox.stop()
    pages = sum(row["pages"] for row in resumed.outcomes)
    assert pages == sum(row["pages"] for row in fresh.outcomes) == resumed.job["calls"]
    assert same(resumed.outcomes) == same(fresh.outcomes)


def same(outcomes: list[dict[str, object]]) -> set[tuple[object, ...]]:
    """Return the part of the outcomes that must not depend on timing."""
    names = ("query_id", "status", "reason", "pages", "items")
    return {tuple(row[name] for name in names) for row in outcomes}


def top_up(sandbox: SandboxThread, balance: int) -> None:
    body = json.dumps({"balance": balance}).encode()
    urllib.request.urlopen(f"{sandbox.url}/_sandbox/balance", body, timeout=30).close()


@pytest.mark.both_ways
def test_retries_and_conversions_count(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(
        *("-s", "TMAPI_BUDGET=4", "-s", "TMAPI_MAX_CONCURRENCY=1"),
        seeds="https://shop.example/onepage-fail-html-x1.jpg,https://shop.example/b.jpg",
    )
    assert [call["endpoint"] for call in sandbox.calls].count("convert_url") == 2
    assert sandbox.stats["calls"] == done.job["calls"] == 4
    assert sum(row["calls"] for row in done.outcomes) == 4
    assert done.exit_status == 4


def test_after_a_kill_at_most_the_budget(slow: SandboxThread, tmp_path: Path) -> None:
    crawl = Crawler(tmp_path / "output", slow.url, covered=False)
    options = (*WIDE, "-s", "TMAPI_BUDGET=100")
    process = crawl.start(*options, seeds=MANY, job="j")
    wait_for(lambda: slow.stats["calls"] > 40, process)
    process.kill()
    killed = crawl.finish(process)
    in_flight = journal(killed.folder) - slow.stats["ok"]
    assert 0 <= in_flight <= 32
    done = crawl(*options, job="j")
    assert done.exit_status == 4
    assert done.job["calls"] == journal(done.folder) == 100
    assert 100 - in_flight <= slow.stats["calls"] <= 100
    assert "STOPPED EARLY: budget" in done.log


def test_estimate(
    alone: Crawler, sandbox: SandboxThread, capsys: pytest.CaptureFixture[str]
) -> None:
    def estimated(*words: str, **settings: Any) -> tuple[int, str, str]:
        parser = argparse.ArgumentParser()
        estimate.add_arguments(parser)
        ours = {"TMAPI_OUTPUT_DIR": str(alone.output), "TMAPI_BASE_URL": sandbox.url}
        options = parser.parse_args(words)
        status = run_subcommand("estimate", options, Settings({**ours, **settings}))
        return status, *capsys.readouterr()

    arguments = {
        "seeds": "https://cbu01.alicdn.com/teapot.jpg,https://shop.example/onepage.jpg",
        "sort": "default,sales",
        "max_pages": "2",
        "page_size": "5",
    }
    words = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]
    found = alone.command(
        *("tmapi", "estimate", *words, "-s", "TMAPI_CALL_PRICE=0.01"), env={"TMAPI_TOKEN": ""}
    )
    assert found.exit_status == 0
    lines = found.stdout.splitlines()
    assert lines[0] == "a new job: 4 queries (2 seeds × 2 sorts)"
    assert lines[1].startswith("  least   5 calls (cost 0.05): ")
    assert lines[2].startswith("  most    17 calls (cost 0.17): 8 pages; 9 more if ")
    assert lines[3].startswith("          68 calls (cost 0.68) if each ")
    assert lines[4].startswith(
        "  convert 1 image before anything is asked; a conversion is used for 0.5"
    )
    assert lines[5].endswith("a daily series pays for them each day: 1 call (cost 0.01)")
    assert lines[6].startswith(
        "  images  1 image on Alibaba's hosts may be refused until converted"
    )
    assert lines[7].startswith("          1 call (cost 0.01) that convert=always saves")
    assert lines[8] == "  budget  none"
    assert sandbox.stats["calls"] == 0
    assert not alone.output.exists()

    done = alone(**arguments)
    assert 5 <= sandbox.stats["calls"] <= 17
    assert done.exit_status == 0
    for given in (("j",), ("-a", "job=j")):
        _, out, _ = estimated(*given, TMAPI_BUDGET=50)
        assert out.splitlines()[0] == "j: 4 queries (2 seeds × 2 sorts)"
        assert "  least   0 calls" in out
        spent = done.job["calls"]
        assert f"budget  50 calls, {spent} of them spent: {50 - spent} calls" in out

    _, out, _ = estimated("j", "-a", "seeds=https://cbu01.alicdn.com/teapot.jpg,/search/a/new.jpg")
    assert "  least   1 call:" in out, "answers paid for other seeds do not count"
    (done.folder / "archive.sqlite").unlink()
    status, _, err = estimated("j")
    assert status == 4
    assert "archive.sqlite: it is missing" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nix",), "job=nix: it has not run before"),
        (("x" * 300,), "1 to 64 letters"),
        (("..",), "1 to 64 letters"),
        (("-a", "seeds"), "accepted: NAME=VALUE"),
        (("-a", "seeds=x.txt", "-a", "sort=sale"), 'Did you mean "sales"?'),
    ],
)
def test_what_can_not_be_estimated(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    parser = argparse.ArgumentParser()
    estimate.add_arguments(parser)
    settings = Settings({"TMAPI_OUTPUT_DIR": str(tmp_path)})
    assert run_subcommand("estimate", parser.parse_args(words), settings) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
