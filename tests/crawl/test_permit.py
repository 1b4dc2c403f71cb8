"""A permit comes back whatever happens to its call: else, with just one, a crawl would hang."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import SandboxThread
    from tests.ways import Way


#: A middleware that sends a request once more when its query has ended, and an answer that does not
#: fit in memory.
MODULE = """
import asyncio
from tmapi_spiders import handler

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

read_answer = handler.read_answer

def too_much(status, body, **more):
    if b"Invalid token" in body:
        raise MemoryError
    return read_answer(status, body, **more)

handler.read_answer = too_much
"""

SEEDS = [
    "/search/a/fail-422-parameter.jpg",
    "/search/a/fail-code-401.jpg",
    *(f"/search/a/onepage-slow-0.3-{n}.jpg" for n in range(4)),
]


@pytest.mark.both_ways
def test_whatever_happens(way: Way, tmp_path: Path, sandbox: SandboxThread) -> None:
    crawl = way.in_project(tmp_path / "p", sandbox.url, MODULE)
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=1", seeds=",".join(SEEDS))
    assert done.exit_status == 3, done.log
    statuses = sorted((row["status"], row["calls"]) for row in done.outcomes)
    assert statuses == [("complete", 1)] * 4 + [("failed", 1)] * 2
    assert sandbox.stats["calls"] == 6, "what has ended is not asked again"
    assert sandbox.stats["max_in_flight"] == 1
    assert done.job["calls"] == 6
    assert any(row["message"] == "MemoryError: " for row in done.outcomes)
    if way.server is not None:
        assert not way.server.client.keys("*:permits")
