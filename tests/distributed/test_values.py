"""Values that can't be read: what a user of workers sees of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from tests.crawl.values import PAGE, PRICES, PROJECT, TITLES, TOO_MANY, UNREADABLE
from tests.support import TOKEN, CannedApi, in_project
from tmapi_spiders.items import versions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

WORKERS = 'SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"\n'


def lines(found: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"    {field} of {one['items']} item{'s' * (one['items'] != 1)}, such as {one['example']}\n"
        for field, one in found.items()
    ]


def test_status_export_and_the_worker_tell_of_them(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    with CannedApi(PAGE) as api:
        crawl = in_project(tmp_path / "p", api.url, WORKERS + PROJECT)
        crawl = attrs.evolve(crawl, variables={"REDIS_URL": redis_server.url})
        process = crawl.start(spider="own", seeds="/search/a.jpg", job="j")
        worker = crawl.finish(process)
        assert worker.exit_status == 0, worker.log
        status = crawl.command("tmapi", "status", "j")
        seen = json.loads(crawl.command("tmapi", "status", "j", "--json").stdout)
        export = crawl.command("tmapi", "export", "j")
        limit = "TMAPI_MONITOR_UNREADABLE=0.2"
        checked = crawl.command("tmapi", "check", "j", "-s", limit)
        # A worker of a version that reads otherwise would mix two readings in one job.
        older = json.dumps(versions() | {"price": 1})
        redis_server.client.hset("image_search:j:job", "readers", older)
        other = crawl.finish(crawl.start(spider="own", job="j"))
    assert len(api.seen) == 1
    assert [row["title"] for row in export.products] == TITLES
    assert [row["price"] for row in export.products] == PRICES
    for text in (worker.log, status.stdout, export.stdout):
        assert text.count("  could not be read, and left out:\n") == 1
        assert all(line in text for line in lines(UNREADABLE)), text
        assert TOKEN not in text
        assert "\x1b" not in text
    assert worker.log.count("its processor failed on") == 1
    assert "'tmapi/value/unreadable/price': 2," in worker.log
    assert seen["unreadable"] == export.job["unreadable"] == UNREADABLE
    assert export.job["readers"] == versions()
    assert checked.exit_status == 0, checked.log
    assert TOO_MANY in checked.stdout
    assert other.exit_status == 2
    assert "which reads price otherwise than this one" in other.log
