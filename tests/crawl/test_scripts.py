"""Crawls started by scripts and in other projects, not by this project's `scrapy crawl`."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import ROOT, Crawler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import SandboxThread
    from tests.ways import Way

EXAMPLES = ROOT / "docs" / "examples"

SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"
ADDON = '{"tmapi_spiders.addon.TmapiAddon": 500}'

SCRIPT = """
from scrapy.crawler import AsyncCrawlerProcess
from tmapi_spiders.spiders.image_search import ImageSearchSpider
process = AsyncCrawlerProcess(SETTINGS)
process.crawl(ImageSearchSpider, GIVEN)
process.start()
"""


def python(crawl: Crawler, script: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a script, or the text of one."""
    words = ["-c", script] if isinstance(script, str) else [str(script)]
    return subprocess.run(
        [sys.executable, *words],
        cwd=crawl.project,
        env=crawl.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def script(settings: str, given: str) -> str:
    return SCRIPT.replace("SETTINGS", settings).replace("GIVEN", given)


@pytest.fixture
def anywhere(tmp_path: Path, sandbox: SandboxThread) -> Crawler:
    """Crawls in a folder without a project."""
    (tmp_path / "here").mkdir()
    return Crawler(tmp_path / "output", sandbox.url, tmp_path / "here")


def test_without_the_add_on_a_script_is_refused(anywhere: Crawler, sandbox: SandboxThread) -> None:
    done = python(anywhere, script("{'LOG_LEVEL': 'INFO'}", "seeds='/search/a/onepage.jpg'"))
    told = "ERROR: image_search: nothing was sent.\n  ADDONS: the add-on is missing."
    assert done.stderr.count(told) == 1
    assert f"UsageProblems: ADDONS: the add-on is missing. {PUT_IT}" in done.stderr
    assert sandbox.stats["calls"] == 0
    assert not anywhere.output.exists()


PUT_IT = f"Put it into settings.py, or into the settings that a script gives: ADDONS = {ADDON}"

LAMPS = """
from tmapi_spiders.spiders.image_search import ImageSearchSpider

class Lamps(ImageSearchSpider):
    name = "lamps"
"""


def test_runspider_is_refused_without_the_add_on_and_has_an_exit_status_with_it(
    anywhere: Crawler, sandbox: SandboxThread
) -> None:
    (anywhere.project / "lamps.py").write_text(LAMPS)
    command = "runspider", "lamps.py", "-L", "ERROR"
    given: dict[str, Any] = {"seeds": "/search/a/teapot.jpg,/search/b/teapot.jpg", "job": "j"}
    refused = anywhere.command(*command, **given)
    assert (refused.exit_status, refused.stdout) == (2, "")
    assert refused.log == f"lamps: nothing was sent.\n  ADDONS: the add-on is missing. {PUT_IT}\n"
    assert sandbox.stats["calls"] == 0
    assert not anywhere.output.exists()
    stopped = anywhere.command(*command, "-s", f"ADDONS={ADDON}", "-s", "TMAPI_BUDGET=1", **given)
    assert stopped.exit_status == 4
    assert "    scrapy runspider lamps.py -a job=j -s TMAPI_BUDGET=2\n" in stopped.log


def test_a_script_learns_how_to_resume(anywhere: Crawler) -> None:
    settings = f"{{'ADDONS': {ADDON}, 'TMAPI_BUDGET': 1, 'LOG_LEVEL': 'ERROR'}}"
    done = python(anywhere, script(settings, "seeds=['/search/a/teapot.jpg'], job='j'"))
    assert "    the same script, with the argument job='j' and the setting TMAPI_BUDGET=2\n" in (
        done.stderr
    )


def test_python_values_are_those_of_the_command_line(
    way: Way, sandbox: SandboxThread, tmp_path: Path
) -> None:
    """Odd ones, too: what a script gives is what ``-a`` would give, and what job.json has."""
    table = tmp_path / "odd ,=name.csv"
    table.write_text("Nr;Bild, groß\n7;/search/a/onepage.jpg\n", "utf-8")
    (tmp_path / "here").mkdir()
    crawl = way(sandbox.url, tmp_path / "here")
    settings = f"{{'ADDONS': {ADDON}, 'LOG_LEVEL': 'ERROR'}}"
    if not way.alone:
        settings = settings[:-1] + f", 'SCHEDULER': {SCHEDULER!r}}}"
    given = (
        f"seeds=__import__('pathlib').Path({str(table)!r}), job='j', max_pages=1, series=None, "
        "columns={'image': 'Bild, groß', 'id': 'Nr'}, sort=['sales', 'default'], sheet=None"
    )
    done = python(crawl, script(settings, given))
    assert done.returncode == 0, done.stderr
    assert "image: “Bild, groß”, id: “Nr”" in done.stderr
    if not way.alone:
        assert crawl.command("tmapi", "export", "j", "-s", f"ADDONS={ADDON}").exit_status == 0
    folder = crawl.output / "j"
    rows = [json.loads(line) for line in (folder / "outcomes.jsonl").read_text().splitlines()]
    assert {(row["seed_id"], row["sort"], row["status"]) for row in rows} == {
        ("7", "sales", "complete"),
        ("7", "default", "complete"),
    }
    kept = json.loads((folder / "job.json").read_text())["arguments"]
    assert (kept["sort"], kept["max_pages"]) == ("sales,default", "1")
    calls = sandbox.stats["calls"]
    if way.alone:
        assert kept["columns"] == "image=Bild, groß,id=Nr"
        again = crawl("-s", f"ADDONS={ADDON}", job="j")
        assert again.exit_status == 0, again.log
        assert sandbox.stats["calls"] == calls


def test_the_example_of_a_script(anywhere: Crawler, sandbox: SandboxThread) -> None:
    done = python(anywhere, EXAMPLES / "two_crawls.py")
    assert done.returncode == 0, done.stderr
    counts = [line.split(", the cheapest")[0] for line in done.stdout.splitlines()]
    assert counts == ["default: 40 products", "sales: 40 products"]
    # One of the seeds is asked about in both orders from a conversion that both use, or none.
    calls = sandbox.stats["calls"]
    assert calls == 4
    # The list of seeds is in job.json in a form that a command can continue with.
    on = ("crawl", "image_search", "-s", f"ADDONS={ADDON}", "-L", "ERROR", "-O", "again.jsonl")
    again = anywhere.command(*on, job="lamps-sales")
    assert again.exit_status == 0, again.log
    assert "replays the answers paid for on" in again.log
    assert sandbox.stats["calls"] == calls
    assert len((anywhere.project / "again.jsonl").read_text().splitlines()) == 40


def test_the_example_of_a_project(way: Way, tmp_path: Path, sandbox: SandboxThread) -> None:
    shutil.copytree(EXAMPLES / "shop", tmp_path / "shop")
    with (tmp_path / "shop" / "shop" / "settings.py").open("a") as settings:
        settings.write(way.settings)
    crawl = way(sandbox.url, tmp_path / "shop")
    done = crawl(spider="lamps", seeds="/search/a/cup.jpg", max_pages=1)
    assert done.exit_status == 0, done.log
    assert {lamp["kind"] for lamp in done.products} == {"p4p", None}
    for lamp in done.products:
        assert float(lamp["landed_price"]) == pytest.approx(float(lamp["price"]) * 1.3, abs=0.006)
    priced = {row["item_id"] for row in done.sightings if row["price"] is not None}
    assert {lamp["item_id"] for lamp in done.products} == priced
    assert len(priced) < len(done.sightings), "those without a price are dropped"
    if not way.alone:
        return
    (table,) = crawl.project.glob("lamps-*.csv")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["item_id", "title", "landed_price", "product_url", "seed"]
    assert [row["landed_price"] for row in rows] == [lamp["landed_price"] for lamp in done.products]
