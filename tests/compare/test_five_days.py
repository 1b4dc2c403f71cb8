"""A watch of five days: docs/examples/watch.sh unchanged, a changing sandbox, a real webhook."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.compare.webhook import SECRET, WebhookThread
from tests.support import ROOT, Crawl, Crawler
from tmapi_spiders.sandbox.drift import ADDED, REMOVED, changes
from tmapi_spiders.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = """\
id;image;target_price
mug;https://cbu01.alicdn.com/O1CN010001mug.jpg;12,50
lamp;https://cbu01.alicdn.com/O1CN010010lamp.jpg;
vase;https://cbu01.alicdn.com/O1CN010017vase-fail-status-500-d3.jpg;40
"""
PRODUCTS = 3000


@attrs.define
class Watch:
    """The script, one run a day."""

    folder: Path
    crawler: Crawler
    jobs: dict[int, Crawl] = attrs.field(factory=dict)
    found: dict[int, dict[str, set[int]]] = attrs.field(factory=dict)
    """What each seed found, by day."""

    def start(self, day: int, *words: str, **variables: str) -> subprocess.Popen[str]:
        options = json.dumps({"day": day, "products": PRODUCTS})
        environment = self.crawler.environment(TMAPI_SANDBOX_OPTIONS=options, **variables)
        environment["PATH"] = f"{self.folder / 'bin'}:{environment['PATH']}"
        return subprocess.Popen(
            ["sh", "docs/examples/watch.sh", *words],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, day: int, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Wait for it; return its exit status and its output."""
        stdout, log = process.communicate(timeout=180)
        newest = max(self.crawler.output.glob("watch-*/job.json")).parent
        self.jobs[day] = Crawl(process.returncode, log, stdout, newest)
        found: dict[str, set[int]] = {}
        for row in self.jobs[day].sightings:
            found.setdefault(row["seed_id"], set()).add(row["item_id"])
        self.found[day] = found
        return process.returncode, stdout + log

    def run(self, day: int, *words: str, **variables: str) -> tuple[int, str]:
        return self.finish(day, self.start(day, *words, **variables))


def of(told: dict[str, Any], kind: str, scope: str = "product") -> dict[int, Any]:
    return {
        one["item_id"]: (one["before"], one["after"])
        for one in told["changes"]
        if one["change"] == kind and one["scope"] == scope
    }


def check(watch: Watch, told: dict[str, Any], days: tuple[int, int]) -> None:
    """Compare what the webhook received with what the sandbox really changed."""
    old, new = days
    assert (told["old_job"], told["new_job"]) == tuple(watch.jobs[day].folder.name for day in days)
    assert (told["source"], told["truncated"]) == ("sandbox", False)
    lines = watch.jobs[new].rows("changes")
    assert sorted(map(str, told["changes"])) == sorted(map(str, lines))
    known = changes(SandboxOptions(products=PRODUCTS), old, new)
    was, now = watch.found[old], watch.found[new]
    before, after = set().union(*was.values()), set().union(*now.values())
    assert min(len(before), len(after)) > 60
    # What the failed query had found, or finds again, is neither gone nor new.
    lost, back = (
        one.get("vase", set()) if "vase" not in other else set()
        for one, other in ((was, now), (now, was))
    )
    moved = {item: known[item] for item in before | after if item in known}
    removed = {item for item in before if item in moved and moved[item].kind == REMOVED}
    added = {item for item in after if item in moved and moved[item].kind == ADDED}
    assert set(of(told, "gone")) == removed - lost
    assert set(of(told, "new")) == added - back
    assert removed
    assert added
    assert set(of(told, "unknown")) | set(of(told, "unknown", "seed")) == lost
    assert set(of(told, "first_seen")) | set(of(told, "first_seen", "seed")) == back
    prices = {}
    for item in before & after:
        change = moved.get(item)
        if change and "price" in change.fields and "price_source" not in change.fields:
            assert change.before
            assert change.after
            prices[item] = (change.before.price, change.after.price)
    assert prices
    assert of(told, "price") == prices
    assert told["counts"]["price"] == len(prices)


@pytest.mark.long
def test_five_days(tmp_path: Path) -> None:
    scrapy = tmp_path / "bin" / "scrapy"
    scrapy.parent.mkdir()
    scrapy.write_text(f'#!/bin/sh\nexec {sys.executable} -m scrapy "$@"\n')
    scrapy.chmod(0o755)
    seeds = tmp_path / "seeds.csv"
    seeds.write_text(SEEDS, "utf-8")
    with WebhookThread() as webhook:
        variables = {
            "TMAPI_SANDBOX": "1",
            "TMAPI_NOTIFY_SECRET": SECRET,
            "WATCH_NOTIFY": webhook.url,
            "WATCH_SEEDS": str(seeds),
            "WATCH_KEEP": "3",
        }
        watch = Watch(tmp_path, Crawler(tmp_path / "output", variables=variables))

        status, said = watch.run(1)
        assert status == 0, said
        assert "nothing to compare yet" in said
        assert webhook.messages == []

        webhook.answers = [503]
        status, said = watch.run(2)
        assert status == 5, said
        refused, taken = webhook.messages
        assert (refused.status, taken.status) == (503, 204)
        assert refused.headers["X-Tmapi-Id"] == taken.headers["X-Tmapi-Id"] == taken.json["id"]
        check(watch, taken.json, (1, 2))

        status, said = watch.run(3)
        assert status == 3, said
        assert "some queries failed" in said
        assert "vase" not in watch.found[3]
        check(watch, webhook.taken[1].json, (2, 3))

        status, said = watch.run(4, TMAPI_BUDGET="5")
        assert status == 4, said
        assert len(webhook.taken) == 2
        go_on = said.rstrip().rpartition("docs/examples/watch.sh ")[2]
        assert go_on == watch.jobs[4].folder.name
        status, said = watch.run(4, go_on, TMAPI_BUDGET="500")
        assert status == 5, said
        assert watch.jobs[4].job["calls"] > 5
        check(watch, webhook.taken[2].json, (3, 4))

        process = watch.start(5)
        wait_for(lambda: (tmp_path / "output" / "watch.lock").exists() and is_running(watch))
        second = watch.start(5)
        _, said = second.communicate(timeout=60)
        assert second.returncode == 75
        assert "a run of watch is not done yet" in said
        status, said = watch.finish(5, process)
        assert status == 5, said
        check(watch, webhook.taken[3].json, (4, 5))

        assert len(webhook.messages) == 5
        assert all(message.is_genuine for message in webhook.messages)
        assert len({message.headers["X-Tmapi-Id"] for message in webhook.messages}) == 4
    left = sorted(path.parent.name for path in (tmp_path / "output").glob("watch-*/job.json"))
    assert left == [watch.jobs[day].folder.name for day in (3, 4, 5)]
    assert SECRET not in "".join(job.log + job.stdout for job in watch.jobs.values())


def is_running(watch: Watch) -> bool:
    """Return whether there is a job besides those that ended."""
    known = {job.folder for job in watch.jobs.values()}
    return any(path not in known for path in watch.crawler.output.glob("watch-2*"))


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
