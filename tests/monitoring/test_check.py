"""``scrapy tmapi check`` judges a job later exactly as at the end of its crawl."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from tests.gallery.gallery_jobs import JobFolder, product
from tests.monitoring.receivers import HttpReceiver
from tests.monitoring.test_monitors import ENABLED, monitors_of
from tests.ways import Way
from tmapi_spiders.commands import check
from tmapi_spiders.commands.tmapi import run_subcommand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import Crawler, SandboxThread

FIRST, SECOND = "watch-20991230T180000Z", "watch-20991231T180000Z"

#: Each page of two queries is refused twice, two fail, and one image has items without an id.
SEEDS = (
    "/search/a/mixed.jpg,/search/a/fail-status-503-x2.jpg,/search/a/fail-422-denied.jpg,"
    "/search/a/onepage.jpg"
)
ARGUMENTS: dict[str, Any] = {"seeds": SEEDS, "sort": "default,sales", "max_pages": 2}

BUDGET = "-sTMAPI_BUDGET=1000"

STRICT = {
    "QUERIES": "1",
    "FIELDS": '{"title": 0.5, "shpo": 1}',
    "REJECTED": "0",
    "PRICES_MOVED": "0",
    "VOLUME": "1",
    "GONE": "0",
    "DUPLICATES": "0",
    "REFUSALS": "0",
    "CALLS": "0",
    "BUDGET": "0",
}
LENIENT = {"QUERIES": "0", "REJECTED": "1", "REFUSALS": "1"}

#: The keys of job.json that monitors use.
JUDGED_BY = ("queries", "errors", "evidence", "products", "refusals", "unreadable", "budget")


def options_of(thresholds: dict[str, str]) -> list[str]:
    return [f"-sTMAPI_MONITOR_{name}={value}" for name, value in thresholds.items()]


def spoil(folder: Path) -> None:
    """Make an earlier job differ: other prices, and more products."""
    path = folder / "products.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        row["price"] = row["price"] and f"1{row['price']}"
    more = [{**rows[0], "item_id": item_id} for item_id in range(1, 201)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, *more]), "utf-8")


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """A receiver of webhooks."""
    with HttpReceiver() as started:
        yield started


def test_a_crawl_is_judged_again_word_for_word(
    crawl: Crawler, sandbox: SandboxThread, receiver: HttpReceiver
) -> None:
    webhook = f"-sSPIDERMON_DISCORD_WEBHOOK_URL={receiver.url}/hook"
    for job, thresholds in ((FIRST, LENIENT), (SECOND, STRICT)):
        sandbox.reset()  # what it refuses, it refuses twice
        options = [*options_of(thresholds), webhook]
        process = crawl.start(*ENABLED, *options, BUDGET, job=job, **ARGUMENTS)
        done = crawl.finish(process, job)
        messages = [one.json for one in receiver.told]
        receiver.told.clear()
        # SPIDERMON_ENABLED is for crawls.
        checked = crawl.command("tmapi", "check", job, *options)
        assert checked.exit_status == done.exit_status == 3, checked.log
        assert monitors_of(checked.stdout) == monitors_of(done.log)
        skipped = re.findall(r"(\w+)/[^/]*\.\.\. SKIPPED \((.*)\)$", done.log, re.MULTILINE)
        told = re.findall(r"^  nothing to judge: (\w+): (.*)$", checked.stdout, re.MULTILINE)
        assert told == skipped
        first, *_, last = checked.stdout.splitlines()
        assert f"\n{first}\n" in done.log
        assert last == f"  exit status 3, files in {done.folder}"
        assert checked.log == ""
        assert [one.json for one in receiver.told] == messages
        receiver.told.clear()
        if job == FIRST:
            assert messages == []
            assert monitors_of(done.log) == {"": "8 passed, 3 had nothing to judge"}
            spoil(done.folder)
    assert len(messages) == 1
    failed = {name.lower() for name in STRICT} - {"prices_moved"} | {"prices"}
    assert monitors_of(done.log).keys() == failed | {""}


@pytest.mark.long
def test_a_job_of_workers_is_judged_as_a_crawl(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    checked, judged_by = {}, {}
    alone = Way("alone", tmp_path / "alone", None)
    for way in (alone, Way("worker", tmp_path / "worker", redis_server)):
        for job, thresholds in ((FIRST, LENIENT), (SECOND, STRICT)):
            sandbox.reset()
            crawl = way(sandbox.url)
            done = crawl(BUDGET, job=job, **ARGUMENTS)
            told = crawl.command("tmapi", "check", job, *options_of(thresholds))
            assert told.exit_status == done.job["exit_status"] == 3, told.log
            assert told.log == ""
            checked[way.name, job] = told.stdout.replace(str(way.output), "")
            judged_by[way.name, job] = {name: done.job.get(name) for name in JUDGED_BY}
            if job == FIRST:
                spoil(done.folder)
    for job in (FIRST, SECOND):
        assert judged_by["worker", job] == judged_by["alone", job]
        assert checked["worker", job] == checked["alone", job]
    assert judged_by["worker", SECOND]["refusals"] == {"sent": 20, "refused": 8}
    assert len(monitors_of(checked["worker", SECOND])) == 1 + len(STRICT)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    """A small job that has ended."""
    lines = {"products.jsonl": {"lines": 1}, "sightings.jsonl": {"lines": 1}}
    facts = {"exit_status": 0, "files": lines, "queries": {"all": 1, "complete": 1}}
    made = JobFolder(tmp_path / "lamps", **facts)
    made.seed("A", product(1))
    return made


def run(job: str, output: Path, **settings: Any) -> int:
    """Run the command in this process."""
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    given = {"TMAPI_OUTPUT_DIR": str(output), **settings}
    return run_subcommand("check", parser.parse_args([job]), Settings(given))


def change(folder: JobFolder, **facts: Any) -> Path:
    path = folder.write() / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))
    return path.parent


Printed = pytest.CaptureFixture[str]


def refusal(capsys: Printed) -> str:
    """Return the single line of a refusal."""
    told = capsys.readouterr()
    (line,) = told.err.splitlines()
    assert told.out == ""
    assert line.startswith("check: ")
    return line.removeprefix("check: ")


def test_no_such_job(folder: JobFolder, capsys: Printed) -> None:
    output = folder.write().parent
    assert run("lmaps", output) == 2
    told = refusal(capsys)
    assert "lmaps: there is no such job in " in told
    assert 'Did you mean "lamps"? A job on Redis is written there first: ' in told
    assert told.endswith("scrapy tmapi export lmaps")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (
            {"running": True},
            "it is running, or was killed. Wait for it, or continue it: scrapy crawl ",
        ),
        (
            {"running": True, "shared": {"id": "x"}},
            "a job of workers that is not fully exported yet: once it has ended, scrapy ",
        ),
    ],
)
def test_a_job_that_has_not_ended(
    folder: JobFolder,
    capsys: Printed,
    monkeypatch: pytest.MonkeyPatch,
    facts: dict[str, Any],
    told: str,
) -> None:
    monkeypatch.delenv("SCRAPY_PROJECT", raising=False)
    assert run("lamps", change(folder, **facts).parent) == 2
    assert refusal(capsys).startswith(f"lamps: {told}")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"exit_status": None}, "job.json: it does not say how the job ended: exit_status is mi"),
        ({"exit_status": 300}, "job.json: it does not say how the job ended: exit_status is mis"),
        ({"files": {}}, "job.json: it does not say how long products.jsonl is."),
        ({"products": {"new": "1"}}, "job.json: it is damaged: products is not an object of wh"),
        ({"refusals": [1]}, "job.json: it is damaged: refusals is not an object of whole number"),
    ],
)
def test_damaged_figures(
    folder: JobFolder, capsys: Printed, facts: dict[str, Any], told: str
) -> None:
    assert run("lamps", change(folder, **facts).parent) == 4
    assert f"/lamps/{told}" in refusal(capsys)


def test_damaged_products(folder: JobFolder, capsys: Printed, receiver: HttpReceiver) -> None:
    with (folder.write() / "products.jsonl").open("a") as file:
        file.write('{"item_id": 1,')
    webhook = {"SPIDERMON_DISCORD_WEBHOOK_URL": receiver.url}
    assert run("lamps", folder.folder.parent, **webhook) == 4
    assert "/lamps/products.jsonl, line 2: it is not JSON (" in refusal(capsys)
    assert receiver.told == []


def test_what_an_earlier_version_did_not_count(folder: JobFolder, capsys: Printed) -> None:
    thresholds = {"TMAPI_MONITOR_FIELDS": {"company_name": 0.5}, "TMAPI_MONITOR_CALLS": 0}
    assert run("lamps", change(folder, exit_status=3).parent, **thresholds) == 3
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "lamps: 1 query: 1 complete",
        "  monitors: 1 of 11 failed, 9 had nothing to judge",
    ]
    assert told[2].startswith("    fields: too few of 1 product have a value: company_name 0 % (")
    assert told[3].startswith("  nothing to judge: rejected: not known (products): the job was run")
    assert sum("not known (refusals)" in line for line in told) == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"SPIDERMON_SLACK_SENDER_TOKEN": "secret"},
            "SPIDERMON_SLACK_RECIPIENTS: missing; Slack needs it together with SPIDERMON_SLACK_S",
        ),
        (
            {"SPIDERMON_SPIDER_CLOSE_MONITORS": ["shop.monitors.Suite"]},
            "SPIDERMON_SPIDER_CLOSE_MONITORS: shop.monitors.Suite can't be loaded: No module named",
        ),
        (
            {"SPIDERMON_SPIDER_CLOSE_MONITORS": ["scrapy.Spider"]},
            "SPIDERMON_SPIDER_CLOSE_MONITORS: scrapy.Spider is not a MonitorSuite of spidermon.",
        ),
        ({"TMAPI_MONITOR_QUERIES": 95}, "TMAPI_MONITOR_QUERIES=95: accepted: a number from 0 to 1"),
    ],
)
def test_unusable_settings_are_refused(
    folder: JobFolder, capsys: Printed, settings: dict[str, Any], told: str
) -> None:
    assert run("lamps", folder.write().parent, **settings) == 2
    problem = refusal(capsys)
    assert problem.startswith(told)
    assert "secret" not in problem


def test_missing_spidermon(
    folder: JobFolder, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spidermon", None)
    assert run("lamps", folder.write().parent) == 2
    assert refusal(capsys).startswith("spidermon is not installed. Install it: pip install ")


def test_a_suite_with_its_own_actions(folder: JobFolder, capsys: Printed) -> None:
    suites = {"SPIDERMON_SPIDER_CLOSE_MONITORS": ["spidermon.MonitorSuite"]}
    assert run("lamps", folder.write().parent, **suites) == 0
    told = capsys.readouterr().out
    assert (
        "\n  monitors: notifications are up to the suites in SPIDERMON_SPIDER_CLOSE_MONITORS\n"
        in told
    )
