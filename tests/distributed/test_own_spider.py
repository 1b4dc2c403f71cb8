"""A project's own spider of this package's kind has its own jobs and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import orjson
import pytest

from tests.distributed.shared import Shared
from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

pytestmark = pytest.mark.long  # make long

SETTINGS = """
ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}
SPIDER_MODULES = ["shop.spiders"]
"""

SHARED = """
import os
from shop.settings import *
SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"
REDIS_URL = os.environ["REDIS_URL"]
"""

SPIDER = """
import os
from pydantic import Field
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.spiders.image_search import SEARCH_PATH, ImageSearchSpider

class ShopArguments(Arguments):
    shop: str = Field(default="", description="Whose shop it is.")
    max_pages: int = 1

class ShopSpider(ImageSearchSpider):
    name = "shop_search"
    arguments_model = ShopArguments
    endpoint = os.environ.get("SHOP_ENDPOINT", SEARCH_PATH)
"""

LAMPS = "/search/a/lamp.jpg,/search/a/lamp-2.jpg"
WHOSE = "job=j: it belongs to the spider shop_search, and this is image_search."


@pytest.fixture
def project(tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer) -> Crawler:
    """A project with its own spider, for local crawls and (SCRAPY_PROJECT=shared) for workers."""
    package = tmp_path / "shop"
    package.mkdir()
    (tmp_path / "scrapy.cfg").write_text(
        "[settings]\ndefault = shop.settings\nshared = shop.shared\n"
    )
    for name, text in {"settings": SETTINGS, "shared": SHARED, "spiders": SPIDER}.items():
        (package / f"{name}.py").write_text(text)
    return Crawler(
        tmp_path / "output", sandbox.url, tmp_path, variables={"REDIS_URL": redis_server.url}
    )


def test_a_job_is_its_spiders(project: Crawler, sandbox: SandboxThread) -> None:
    done = project("-s", "TMAPI_BUDGET=1", spider="shop_search", seeds=LAMPS, shop="x")
    assert done.exit_status == 4, done.log
    assert "    scrapy crawl shop_search -a job=j -s TMAPI_BUDGET=2\n" in done.log
    assert done.job["spider"] == "shop_search"
    assert done.job["endpoint"] == "/1688/global/search/image/v2"

    estimate = project.command("tmapi", "estimate", "j")
    assert estimate.stdout.splitlines()[1].startswith("  least   1 call: "), estimate.log
    assert estimate.stdout.splitlines()[2].startswith("  most    2 calls: 2 pages"), estimate.log
    named = project.command("tmapi", "estimate", "--spider", "shop_search", seeds=LAMPS, shop="x")
    assert named.exit_status == 0, named.log

    other = project(seeds=LAMPS)
    assert other.exit_status == 2
    assert WHOSE in other.log
    assert "Traceback" not in other.log
    elsewhere = project.finish(
        project.start(job="j", spider="shop_search", env={"SHOP_ENDPOINT": "/1688/another"})
    )
    assert elsewhere.exit_status == 2
    assert "now calls /1688/another. Choose another job name" in elsewhere.log
    for words, message in (
        (("--spider", "image_search", "j"), WHOSE),
        (("--spider", "shop_serch", "j"), 'no such spider. Did you mean "shop_search"?'),
        (("-a", f"seeds={LAMPS}", "-a", "shop=x"), "shop: no such argument."),
    ):
        refused = project.command("tmapi", "estimate", *words)
        assert refused.exit_status == 2
        assert message in refused.log
    assert sandbox.stats["calls"] == 1
    assert project(spider="shop_search").exit_status == 0
    assert sandbox.stats["calls"] == 2, "one page of each, by the spider's own default"


def test_a_job_of_workers_is_its_spiders(
    project: Crawler, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = attrs.evolve(project, variables={**project.variables, "SCRAPY_PROJECT": "shared"})
    named = ("--spider", "shop_search")
    fed = start.command("tmapi", "enqueue", "j", *named, seeds=LAMPS, shop="x")
    assert fed.exit_status == 0, fed.log
    assert "start workers: SCRAPY_PROJECT=shared scrapy crawl shop_search -a job=j\n" in fed.stdout
    for refused in (
        start.command("tmapi", "enqueue", "j", "--spider", "image_search", seeds=LAMPS),
        start(seeds=LAMPS),
        start(job="j"),
    ):
        assert refused.exit_status == 2
        assert WHOSE in refused.log
        assert "Traceback" not in refused.log
    more = start.command("tmapi", "enqueue", "j", seeds="/search/a/lamp-3.jpg")
    assert more.exit_status == 0, more.log
    seen = orjson.loads(start.command("tmapi", "status", "j", "--json").stdout)
    assert (seen["spider"], seen["queries"]["left"]) == ("shop_search", 3)

    done = start(spider="shop_search")
    assert done.exit_status == 0, done.log
    assert sandbox.stats["calls"] == 3, "one page of each, by the spider's own default"
    facts = Shared(redis_server.client).facts
    assert (facts["status:complete"], facts["endpoint"]) == ("3", "/1688/global/search/image/v2")
    stopped = start.command("tmapi", "stop", "j")
    assert "Its files: SCRAPY_PROJECT=shared scrapy tmapi export j\n" in stopped.stdout
    exported = start.command("tmapi", "export", "j")
    assert exported.exit_status == 0, exported.log
    assert exported.job["spider"] == "shop_search"
    assert {row["reason"] for row in exported.outcomes} == {"max_pages"}


def test_scrapys_looks_at_one_url_leave_no_job(
    project: Crawler, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    shared = attrs.evolve(project, variables={**project.variables, "SCRAPY_PROJECT": "shared"})
    url = f"{sandbox.url}/_sandbox/stats"
    assert '"calls"' in shared.command("fetch", "--nolog", url).stdout
    assert "200" in project.command("shell", "--nolog", "-c", "response.status", url).stdout
    parse = ("parse", "--spider=image_search", "-a", f"seeds={LAMPS}", "-a", "job=j", url)
    for look, command in (
        (project, ("fetch", "--spider=shop_search", url)),
        (project, parse),
        (shared, parse),
        (project, ("shell", "--spider=image_search", "-c", "1", url)),
    ):
        done = look.command(*command)
        assert done.exit_status == 2
        assert "nothing was sent: fetch, parse, view and shell are not for this spider" in done.log
        assert "Traceback" not in done.log
    assert not project.output.exists()
    assert redis_server.client.keys() == []
    assert sandbox.stats["calls"] == 0
