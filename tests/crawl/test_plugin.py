"""One line adds all of this package to any Scrapy project, and breaks nothing in it."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import Crawler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import SandboxThread
    from tests.ways import Way

QUOTES = """
import scrapy

class PlainSpider(scrapy.Spider):
    name = "plain"
    start_urls = ["data:,hello"]

    def parse(self, response):
        settings = self.crawler.settings
        yield {"delay": settings.getfloat("DOWNLOAD_DELAY"),
               "retry": settings.getbool("RETRY_ENABLED"),
               "pipelines": len(settings.getdict("ITEM_PIPELINES"))}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as Scrapy generates it."""
    folder = tmp_path_factory.mktemp("template") / "shop"
    scrapy = [sys.executable, "-m", "scrapy"]
    subprocess.run([*scrapy, "startproject", "shop", str(folder)], check=True, capture_output=True)
    return folder


@pytest.fixture
def usual(template: Path, tmp_path: Path) -> Path:
    """Such a project with that line and a spider of its own."""
    shutil.copytree(template, tmp_path / "shop")
    settings = tmp_path / "shop" / "shop" / "settings.py"
    text = settings.read_text()
    assert "DOWNLOAD_DELAY = 1" in text, "the template that must not hold the crawl back"
    addon = 'ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}\n'
    settings.write_text(f"{text}\n{addon}")
    (tmp_path / "shop" / "shop" / "spiders" / "plain.py").write_text(QUOTES)
    return tmp_path / "shop"


@pytest.fixture
def project(way: Way, usual: Path) -> Path:
    """Such a project whose crawls run in one process, or by a worker."""
    with (usual / "shop" / "settings.py").open("a") as settings:
        settings.write(way.settings)
    return usual


def test_a_new_project_crawls_at_full_speed_and_keeps_its_feed(
    way: Way, project: Path, sandbox: SandboxThread
) -> None:
    crawl = way(sandbox.url, project)
    seeds = ",".join(f"/search/a/onepage-slow-1-{n}.jpg" for n in range(4))
    done = crawl("-O", "mine.csv", seeds=seeds)
    assert done.exit_status == 0
    # A delay of 1 s between calls, or one call at a time, would keep these calls apart.
    assert sandbox.stats["max_in_flight"] == 4
    assert sandbox.stats["no_route"] == {}, "/robots.txt was not requested"
    assert len(done.products) > 7
    assert len(done.outcomes) == 4
    if way.alone:
        with (project / "mine.csv").open(newline="") as file:
            mine = list(csv.DictReader(file))
        assert [int(row["item_id"]) for row in mine] == [row["item_id"] for row in done.products]


def test_a_projects_own_pipeline_and_feeds_still_work(
    way: Way, project: Path, sandbox: SandboxThread
) -> None:
    (project / "shop" / "pipelines.py").write_text(
        "from scrapy.exceptions import DropItem\n"
        "class Cheap:\n"
        "    async def process_item(self, item):\n"
        "        if item.rank % 2: raise DropItem('odd')\n"
        "        return {'id': item.item_id, 'rank': item.rank}\n"
    )
    with (project / "shop" / "settings.py").open("a") as file:
        file.write('ITEM_PIPELINES = {"shop.pipelines.Cheap": 500}\n')
        file.write('FEEDS = {"own-%(name)s.jsonl": {"format": "jsonl"}}\n')
    crawl = way(sandbox.url, project)
    done = crawl(seeds="/search/a/teapot.jpg", page_size=10, max_pages=2)
    assert done.exit_status == 0
    assert [sorted(row) for row in done.products] == [["id", "rank"]] * 10
    assert len(done.sightings) == done.outcome["items"] == 20
    assert done.outcome["new_items"] == 10
    if way.alone:
        assert len((project / "own-image_search.jsonl").read_text().splitlines()) == 10


def test_a_pipeline_that_fails_loses_no_outcome(
    way: Way, project: Path, sandbox: SandboxThread
) -> None:
    (project / "shop" / "pipelines.py").write_text(
        "class Broken:\n    def process_item(self, item):\n        1 / 0\n"
    )
    with (project / "shop" / "settings.py").open("a") as file:
        file.write('ITEM_PIPELINES = {"shop.pipelines.Broken": 500}\n')
    crawl = way(sandbox.url, project)
    done = crawl(seeds="/search/a/onepage.jpg")
    assert (done.outcome["items"], done.outcome["new_items"]) == (7, 0)
    assert done.outcome["rejected_items"] == 7
    assert done.products == []


def test_another_spider_of_the_project_is_left_alone(way: Way, project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "crawl", "plain", "-O", "-:jsonl", "--nolog"],
        cwd=project,
        env=way("", project).environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    assert done.stdout == '{"delay": 1.0, "retry": true, "pipelines": 0}\n'
    assert not way.output.exists()


def test_the_project_has_the_command(usual: Path) -> None:
    def scrapy(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "scrapy", *words],
            cwd=usual,
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        ).stdout

    assert "  tmapi " in scrapy()
    assert "sandbox" in scrapy("tmapi", "-h")


def test_without_the_add_on_the_spider_says_what_is_missing(
    way: Way, project: Path, sandbox: SandboxThread
) -> None:
    settings = project / "shop" / "settings.py"
    settings.write_text(
        settings.read_text() + "ADDONS = {}\nSPIDER_MODULES += ['tmapi_spiders.spiders']\n"
    )
    done = way(sandbox.url, project)(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 2
    assert 'ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}' in done.log
    assert sandbox.stats["calls"] == 0


def test_a_project_without_feed_exporter_is_refused(
    usual: Path, tmp_path: Path, sandbox: SandboxThread
) -> None:
    with (usual / "shop" / "settings.py").open("a") as file:
        file.write('EXTENSIONS = {"scrapy.extensions.feedexport.FeedExporter": None}\n')
    done = Crawler(tmp_path / "output", sandbox.url, usual)(seeds="/search/a/teapot.jpg")
    assert done.exit_status == 2
    assert "FeedExporter is off" in done.log
    assert sandbox.stats["calls"] == 0


def test_a_script_of_the_users_own(way: Way, project: Path, sandbox: SandboxThread) -> None:
    script = (
        "from scrapy.crawler import AsyncCrawlerProcess\n"
        "from scrapy.utils.project import get_project_settings\n"
        "process = AsyncCrawlerProcess(get_project_settings())\n"
        "process.crawl('image_search', seeds='/search/a/onepage.jpg', max_pages=1, job='j')\n"
        "process.start()\n"
    )
    crawl = way(sandbox.url, project)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        env=crawl.environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
    )
    if way.alone:
        assert "j: 1 query: 1 complete" in done.stderr
    else:
        assert crawl.command("tmapi", "export", "j").exit_status == 0
    assert len((way.output / "j" / "products.jsonl").read_text().splitlines()) == 7


def test_a_subclass_of_the_spider_and_its_loader(
    way: Way, project: Path, sandbox: SandboxThread
) -> None:
    (project / "shop" / "spiders" / "loud.py").write_text(
        "from itemloaders.processors import MapCompose\n"
        "from tmapi_spiders.loaders import ProductLoader\n"
        "from tmapi_spiders.spiders.image_search import ImageSearchSpider\n"
        "class LoudLoader(ProductLoader):\n"
        "    title_in = MapCompose(str.upper)\n"
        "class LoudSpider(ImageSearchSpider):\n"
        "    name = 'loud'\n"
        "    loader = LoudLoader\n"
    )
    crawl = way(sandbox.url, project)
    done = crawl(spider="loud", seeds="/search/a/onepage.jpg")
    assert done.exit_status == 0
    assert len(done.products) == 7
    assert all(row["title"] == row["title"].upper() for row in done.products)
