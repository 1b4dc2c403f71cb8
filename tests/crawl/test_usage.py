"""Wrong input: one clear message, exit status 2, nothing sent, no traceback, no folder."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.support import Crawler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawl, SandboxThread
    from tests.ways import Way

SEED = "/search/a/teapot.jpg"
GOOD = {"seeds": SEED}


def refused(done: Crawl, sandbox: SandboxThread) -> str:
    assert done.exit_status == 2
    assert "Traceback" not in done.log
    assert "nothing was sent" in done.log
    assert sandbox.stats["calls"] == 0
    assert not done.folder.exists()
    return done.log


@pytest.mark.both_ways
def test_all_problems_at_once(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(
        "-s",
        "TMAPI_DEDUPE=jobs",
        "-s",
        "TMAPI_BUGET=5",
        seeds="missing.txt",
        sort="sale",
        langage="en",
        price="50-10",
        page_size=51,
    )
    log = refused(done, sandbox)
    for given, remedy in (
        ("TMAPI_DEDUPE=jobs", 'Did you mean "job"?'),
        ("TMAPI_BUGET", 'Did you mean "TMAPI_BUDGET"?'),
        ("seeds=missing.txt", "no such file"),
        ("sort=sale", 'Did you mean "sales"?'),
        ("langage", 'Did you mean "language"?'),
        ("price=50-10", "ends below its start"),
        ("page_size=51", "from 1 to 50"),
    ):
        (line,) = [line for line in log.splitlines() if line.strip().startswith(given)]
        assert remedy in line


@pytest.mark.parametrize(
    ("options", "arguments", "message"),
    [
        ((), {}, "job=j: it has not run before in "),
        ((), GOOD | {"keep_alive": 1}, "keep_alive: it is for workers"),
    ],
)
def test_one_problem(
    alone: Crawler,
    sandbox: SandboxThread,
    options: tuple[str, ...],
    arguments: dict[str, str],
    message: str,
) -> None:
    assert message in refused(alone(*options, **arguments), sandbox)


def test_a_folder_is_no_seeds_file(crawl: Crawler, sandbox: SandboxThread) -> None:
    assert "it is a folder" in refused(crawl(seeds="/etc"), sandbox)


def test_a_mistyped_setting_in_the_environment_is_refused(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    done = crawl(**GOOD, env={"TMAPI_BUDGETS": "5", "TMAPI_HOME": "/x"})
    log = refused(done, sandbox)
    assert 'TMAPI_BUDGETS in the environment: no such setting. Did you mean "TMAPI_BUDGET"?' in log
    assert "TMAPI_HOME" not in log, "the environment belongs to others too"


def test_seeds_files(way: Way, crawl: Crawler, tmp_path: Path) -> None:
    path = tmp_path / "seeds.txt"
    path.write_bytes(
        b"\xef\xbb\xbf# my lamps\r\n\r\n"
        b"  https://cbu01.alicdn.com/onepage-1.jpg  \r\n"
        b"//CBU01.alicdn.com/onepage-1.jpg # the same\r\n"
        b"/search/a/onepage-2.jpg\r"
        b"https://cbu01.alicdn.com/onepage,3.jpg"
    )
    done = crawl(seeds=str(path))
    assert done.exit_status == 0
    assert sorted(row["seed"] for row in done.outcomes) == [
        "/search/a/onepage-2.jpg",
        "https://cbu01.alicdn.com/onepage,3.jpg",
        "https://cbu01.alicdn.com/onepage-1.jpg",
    ]
    told = "3 seeds, 1 duplicate left out" if way.alone else "3 queries added (3 new seeds of 4)"
    assert told in done.log


def test_a_job_has_one_source(crawl: Crawler, sandbox: SandboxThread) -> None:
    made_up = crawl("-s", "TMAPI_SANDBOX=1", **GOOD, max_pages=1)
    assert (made_up.exit_status, made_up.job["source"], made_up.job["made_up"]) == (
        0,
        "sandbox",
        True,
    )
    assert "SANDBOX: these products are made up" in made_up.log
    before = (made_up.folder / "products.jsonl").read_bytes()
    mixed = crawl(**GOOD)
    assert mixed.exit_status == 2
    assert "its products come from sandbox" in mixed.log
    assert sandbox.stats["calls"] == 0
    assert (made_up.folder / "products.jsonl").read_bytes() == before


def test_a_running_job_is_refused(alone: Crawler, sandbox: SandboxThread) -> None:
    running = alone.start(seeds="/search/a/slow-60-1.jpg,/search/a/onepage.jpg", job="j")
    while sandbox.stats["ok"] < 1:
        assert running.poll() is None
    second = alone(**GOOD)
    assert second.exit_status == 2
    assert f"it is running now (process {running.pid} on" in second.log
    running.kill()
    alone.finish(running)
    assert alone(**GOOD, max_pages=1).exit_status == 0


def test_a_schedulers_own_argument_is_let_through(way: Way, crawl: Crawler) -> None:
    done = crawl(**GOOD, max_pages=1, _job="26d1b1a6d6f111e0be5c001e648c57f8")
    assert done.exit_status == 0
    seeds = {"seeds", "job"} if way.alone else set()
    assert set(done.job["arguments"]) == {"max_pages", *seeds}


def test_page_size_above_20_warns(crawl: Crawler) -> None:
    done = crawl(**GOOD, page_size=21, max_pages=1)
    assert done.exit_status == 0
    assert "above 20 is not documented" in done.log


def test_the_first_line_says_what_will_run(alone: Crawler) -> None:
    done = alone(
        "-s", "TMAPI_CALL_PRICE=0.01", **GOOD, sort="default,sales", price="0-10,10-", max_pages=3
    )
    expected = (
        "j: 4 queries (1 seed × 2 sorts × 2 price ranges), at least 4 calls (cost 0.04), "
        "at most 12 calls (cost 0.12) without retries, no budget, into "
        f"{os.fspath(done.folder)}"
    )
    assert expected in done.log


def test_a_mistyped_spider(way: Way, tmp_path: Path) -> None:
    log = tmp_path / "crawl.log"
    done = way()("--logfile", str(log), spider="image_serach")
    told = (
        "image_serach: nothing was sent.\n  spider=image_serach: this project has no such spider. "
        'Did you mean "image_search"? It has: image_search.\n'
    )
    assert (done.exit_status, done.log) == (2, told)
    # If Scrapy logs to a file, scrapyd shows nothing else of a crawl.
    assert log.read_text().count(f"ERROR: {told}") == 1


@pytest.mark.parametrize("command", [("crawl", "image_search"), ("tmapi", "jobs")])
def test_a_mistyped_profile(offline: Crawler, command: tuple[str, ...]) -> None:
    done = offline.command(*command, "-L", "ERROR", env={"SCRAPY_PROJECT": "sandbx"})
    assert done.exit_status == 2
    assert "SCRAPY_PROJECT=sandbx: " in done.log
    assert (
        '/scrapy.cfg has no such profile. Did you mean "sandbox"? It has: default, sandbox, '
        "distributed." in done.log
    )
    assert "Traceback" not in done.log


def test_a_scrapy_that_lacks_something(way: Way, sandbox: SandboxThread, tmp_path: Path) -> None:
    lacking = (
        "from scrapy.core.engine import ExecutionEngine\n"
        "from scrapy.extensions.feedexport import FeedSlot\n"
        "del ExecutionEngine.needs_backout\n"
        "del FeedSlot.__init__\n"
    )
    log = refused(way.in_project(tmp_path / "p", sandbox.url, lacking)(**GOOD), sandbox)
    for name in ("core.engine.ExecutionEngine.needs_backout", "feedexport.FeedSlot.itemcount"):
        assert re.search(rf"\n  scrapy \S+: it has no .*{name}", log)


def test_outside_of_a_project(sandbox: SandboxThread, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    crawl = Crawler(tmp_path / "output", sandbox.url, tmp_path / "here")
    done = crawl("-L", "ERROR", **GOOD)
    remedy = """-s 'ADDONS={"tmapi_spiders.addon.TmapiAddon": 500}'"""
    assert f"there is no scrapy.cfg in {tmp_path / 'here'} or above" in refused(done, sandbox)
    assert done.log.endswith(
        f"cd to your project, or enable the add-on that image_search needs: {remedy}\n"
    )
    words = shlex.split(remedy)
    assert crawl(*words, **GOOD, max_pages=1).exit_status == 0


def test_a_mistyped_subcommand(offline: Crawler) -> None:
    done = offline.command("tmapi", "jbos")
    assert done.exit_status == 2
    assert 'jbos: no such subcommand. Did you mean "jobs"? Accepted: check, ' in done.log


REFUSED = """
import attrs
from tmapi_spiders.items import Product, extracted
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.spiders.image_search import ImageSearchSpider

SPIDER_MODULES = ["own"]

@attrs.define(kw_only=True)
class Own(Product):
    colour: str | None = extracted("colour[")

class Loader(ProductLoader):
    default_item_class = Own

class Shop(ImageSearchSpider):
    name = "shop"
    loader = Loader
    arguments_model = Own

class Nameless(ImageSearchSpider):
    pass
"""


def test_a_spider_that_cannot_work_is_refused(
    way: Way, tmp_path: Path, sandbox: SandboxThread
) -> None:
    crawl = way.in_project(tmp_path / "p", sandbox.url, REFUSED)
    # Scrapy warns about two spiders of one name, and takes either.
    env = {"PYTHONWARNINGS": "error,ignore:There are several spiders"}
    shop = crawl(spider="shop", seeds=SEED, env=env)
    for problem in (
        "own.Shop.arguments_model: own.Own: accepted: a subclass of",
        "own.Own.colour: 'colour[': it is not valid jmespath",
    ):
        assert f"\n  {problem}" in refused(shop, sandbox)
    ours = crawl(seeds=SEED, env=env)
    assert "own.Nameless: it does not set its own name" in refused(ours, sandbox)
