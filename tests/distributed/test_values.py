"""Unreadable values: what a user of workers sees of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import attrs

from tests.crawl.values import PAGE, PROJECT, UNREADABLE
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


def test_status_shows_them_and_another_version_is_refused(
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
        # A worker of a version that reads a field differently would mix two readings in one job.
        older = json.dumps(versions() | {"price": 1})
        redis_server.client.hset("image_search:j:job", "readers", older)
        other = crawl.finish(crawl.start(spider="own", job="j"))
    assert len(api.seen) == 1
    assert status.stdout.count("  could not be read, and left out:\n") == 1
    assert all(line in status.stdout for line in lines(UNREADABLE)), status.stdout
    assert TOKEN not in status.stdout
    assert "\x1b" not in status.stdout
    assert seen["unreadable"] == UNREADABLE
    assert other.exit_status == 2
    assert "which reads price differently from this one" in other.log
