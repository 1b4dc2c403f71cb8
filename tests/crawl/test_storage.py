"""A file that can't be written stops the job with exit status 4: never a log line and exit 0."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.support import ROOT, Crawl

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread

#: Runs scrapy with a limit on the size of files, which looks like a full disk.
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["scrapy", *sys.argv[2:]]
from scrapy.cmdline import execute
execute()
"""
SEEDS = ",".join(f"/search/a/{number}.jpg" for number in range(40))


def crawl_on_full_disk(crawl: Crawler, size: int = 70_000, seeds: str = SEEDS) -> Crawl:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(size), "crawl", "image_search"]
        + ["-a", f"seeds={seeds}", "-a", "job=j"],
        cwd=ROOT,
        env=attrs.evolve(crawl, covered=False).environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Crawl(done.returncode, done.stderr, done.stdout, crawl.output / "j")


@pytest.fixture
def full_disk(alone: Crawler) -> Crawl:
    return crawl_on_full_disk(alone)


def test_a_full_disk_is_a_clear_stop(full_disk: Crawl, sandbox: SandboxThread) -> None:
    assert full_disk.exit_status == 4
    assert "STOPPED EARLY: storage" in full_disk.log
    assert "archive.sqlite: it can't be used (" in full_disk.log
    assert "Traceback" not in full_disk.log
    assert sandbox.stats["calls"] < 100, "most of the 40 seeds' pages are not asked for"
    outcomes = full_disk.outcomes
    assert len({row["query_id"] for row in outcomes}) == 40
    assert {row["reason"] for row in outcomes} <= {"storage", "last_page"}


def test_what_was_written_before_the_disk_was_full_is_whole(full_disk: Crawl) -> None:
    content = (full_disk.folder / "products.jsonl").read_bytes()
    assert content.endswith(b"\n")
    lines = [json.loads(line) for line in content.splitlines()]
    assert 0 < len(lines) == full_disk.job["files"]["products.jsonl"]["lines"]


def test_a_full_disk_does_not_cost_the_last_runs_file(alone: Crawler) -> None:
    first = alone(seeds=SEEDS)
    before = (first.folder / "products.jsonl").read_bytes()
    assert len(before) > 70_000
    assert crawl_on_full_disk(alone).exit_status == 4
    assert (first.folder / "products.jsonl.last").read_bytes() == before


def test_a_disk_that_is_full_at_the_very_end_does_not_cost_it_either(alone: Crawler) -> None:
    first = alone(seeds="/search/a/teapot.jpg")
    before = (first.folder / "products.jsonl").read_bytes()
    assert 34_000 < len(before) < 64 * 1024, "more than the disk, less than a buffer"
    again = crawl_on_full_disk(alone, 34_000, "/search/a/teapot.jpg")
    assert again.exit_status == 4
    assert (first.folder / "products.jsonl.last").read_bytes() == before


@pytest.mark.parametrize("name", ["products.jsonl", "sightings.jsonl", "outcomes.jsonl"])
def test_a_file_that_cant_be_begun(alone: Crawler, sandbox: SandboxThread, name: str) -> None:
    (alone.output / "j" / f"{name}.part").mkdir(parents=True)
    done = alone(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 4
    assert f"{name}.part: it can't be written (Is a directory)" in done.log
    assert "Traceback" not in done.log
    assert sandbox.stats["calls"] == 0


def test_a_users_own_feed_that_cant_be_written(alone: Crawler, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = alone("-O", f"{tmp_path}/file/mine.csv", seeds="/search/a/onepage.jpg")
    assert done.exit_status == 4
    assert "STOPPED EARLY: storage" in done.log
    assert "mine.csv was not written" in done.log
    assert "Spider not opened" not in done.log
    assert len(done.products) == 7
    assert done.outcome["status"] == "complete"


@pytest.mark.parametrize("items", [1, 0], ids=["few", "all"])
def test_a_users_own_feed_on_a_full_disk(alone: Crawler, items: int) -> None:
    """Some are written when the feed is closed, others before; how many depends on Python."""
    done = alone("-O", "/dev/full:csv", seeds="/search/a/teapot.jpg", max_items=items)
    assert done.exit_status == 4
    assert "/dev/full" in done.log.rpartition("STOPPED EARLY")[2]
    assert len(done.products) == done.outcome["new_items"] == done.outcome["items"]


def test_a_folder_that_cant_be_made(alone: Crawler, sandbox: SandboxThread) -> None:
    alone.output.mkdir()
    (alone.output / "j").write_text("a file stands in the way")
    done = alone(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 4
    assert "it can't be used (File exists)" in done.log
    assert sandbox.stats["calls"] == 0


def test_a_damaged_job_json(alone: Crawler, sandbox: SandboxThread) -> None:
    (alone.output / "j").mkdir(parents=True)
    (alone.output / "j" / "job.json").write_text("{")
    done = alone(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 4
    assert "job.json: it can't be read" in done.log
    assert sandbox.stats["calls"] == 0
