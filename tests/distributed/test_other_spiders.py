"""Other spiders in a project of workers, and components of scrapy-redis, work as before."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.distributed.shared import Shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import Crawler

SETTINGS = """
ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}
SPIDER_MODULES = ["shop.spiders"]
SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"
TELNETCONSOLE_ENABLED = False
"""

SPIDERS = """
import os
import scrapy
from scrapy_redis.spiders import RedisSpider

class Follows:
    def parse(self, response):
        yield {"url": response.url}
        for link in response.css("a::attr(href)").getall():
            yield response.follow(link, self.parse)

class Plain(Follows, scrapy.Spider):
    name = "plain"
    start_urls = [os.environ.get("SITE", "")]

class Queued(Follows, RedisSpider):
    name = "queued"
    max_idle_time = 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "shop" / "spiders").mkdir(parents=True)
    (folder / "scrapy.cfg").write_text(
        "[settings]\ndefault = shop.settings\ndistributed = shop.settings\n"
    )
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "settings.py").write_text(SETTINGS)
    (folder / "shop" / "spiders" / "__init__.py").write_text(SPIDERS)
    return folder


@pytest.fixture
def site() -> Iterator[str]:
    """Three pages, each with a link to the next."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = int(self.path.strip("/"))
            body = f"<a href='/{page % 3 + 1}'>next</a>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/1"
        server.shutdown()
        thread.join()


def urls(crawler: Crawler, spider: str, site: str, *options: str) -> set[str]:
    """Crawl, and return the last part of each page's URL."""
    out = crawler.output.parent / f"{spider}.csv"
    env = {"SITE": site, "PYTHONWARNINGS": "default"}
    done = crawler.command("crawl", spider, "-O", str(out), *options, env=env)
    assert done.exit_status == 0, done.log
    assert "finish_reason': 'finished'" in done.log
    return {line.rpartition("/")[2] for line in out.read_text().split()[1:]}


def test_a_plain_spider(worker: Crawler, project: Path, site: str) -> None:
    assert urls(attrs.evolve(worker, project=project), "plain", site) == {"1", "2", "3"}


@pytest.mark.long
def test_a_spider_of_scrapy_redis(
    worker: Crawler, project: Path, site: str, redis_server: RedisServer
) -> None:
    redis_server.client.lpush("queued:start_urls", f'{{"url": "{site}"}}')
    url = ("-s", f"REDIS_URL={redis_server.url}")
    assert urls(attrs.evolve(worker, project=project), "queued", site, *url) == {"1", "2", "3"}


def test_the_pipeline_of_scrapy_redis_finds_the_same_server(
    worker: Crawler, project: Path, redis_server: RedisServer
) -> None:
    settings = project / "shop" / "settings.py"
    settings.write_text(
        SETTINGS + 'ITEM_PIPELINES = {"scrapy_redis.pipelines.RedisPipeline": 300}\n'
        'REDIS_START_URLS_KEY = "a"\nSCHEDULER_FLUSH_ON_START = True\n'
        'REDIS_ITEMS_KEY = "theirs"\n'
    )
    start = attrs.evolve(worker, project=project)
    env = {"PYTHONWARNINGS": "default"}
    done = start.finish(start.start(job="j", env=env, seeds="/search/a/onepage.jpg"))
    assert done.exit_status == 0, done.log
    shared = Shared(redis_server.client)
    shared.check()
    assert shared.products
    assert redis_server.client.llen("theirs") >= len(shared.products)
    (line,) = [line for line in done.log.splitlines() if "set for scrapy-redis" in line]
    assert "SCHEDULER_FLUSH_ON_START, REDIS_START_URLS_KEY: " in line
