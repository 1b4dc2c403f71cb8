"""A permit comes back whatever happens to its call: with one alone, the crawl would hang."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.distributed.shared import Shared
from tests.support import in_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import SandboxThread


#: A middleware that sends a request once more when its query has ended, and an answer that is too
#: much for the memory there is.
MODULE = """
import asyncio
from tmapi_spiders import download_handler

DOWNLOADER_MIDDLEWARES = {"own.Again": 500}

class Again:
    def __init__(self, crawler):
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler):
        return cls(crawler)

    def process_response(self, request, response):
        if b"Parameter error" in response.body:
            again = lambda: self.crawler.engine.crawl(request.copy())
            asyncio.get_running_loop().call_later(0.3, again)
        return response

read_answer = download_handler.read_answer

def too_much(status, body, **more):
    if b"Invalid token" in body:
        raise MemoryError
    return read_answer(status, body, **more)

download_handler.read_answer = too_much
"""

SEEDS = [
    "/search/a/fail-422-parameter.jpg",
    "/search/a/fail-code-401.jpg",
    *(f"/search/a/onepage-slow-0.3-{n}.jpg" for n in range(4)),
]


@pytest.mark.parametrize("way", ["alone", "worker"])
def test_whatever_happens(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer, way: str
) -> None:
    shared = way == "worker"
    module = MODULE
    if shared:
        module += 'SCHEDULER = "tmapi_spiders.distributed.scheduler.LeaseScheduler"\n'
        module += f'REDIS_URL = "{redis_server.url}"\n'
    crawl = in_project(tmp_path / "p", sandbox.url, module)
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=1", seeds=",".join(SEEDS))
    assert done.exit_status == 3, done.log
    outcomes = list(Shared(redis_server.client).outcomes.values()) if shared else done.outcomes
    statuses = sorted((row["status"], str(row["calls"])) for row in outcomes)
    assert statuses == [("complete", "1")] * 4 + [("failed", "1")] * 2
    assert sandbox.stats["calls"] == 6, "what has ended is not asked again"
    assert sandbox.stats["max_in_flight"] == 1
    if shared:
        assert not redis_server.client.keys("*:permits")
    else:
        assert done.job["calls"] == 6
        assert any(row["message"] == "MemoryError: " for row in outcomes)
