"""Seeds that another program writes to standard input (``seeds=-``), both ways."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.distributed.shared import Shared
from tests.forkserver import SCRAPY

if TYPE_CHECKING:
    from tests.distributed.servers import RedisServer
    from tests.support import Crawler

SEEDS = "/search/a/onepage.jpg\n/search/b/onepage.jpg\n"


def run(start: Crawler, *words: str, **given: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SCRAPY, *words],
        cwd=start.project,
        env=start.environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        **given,
    )


def test_enqueued_by_another_program(worker: Crawler, redis_server: RedisServer) -> None:
    done = run(worker, "tmapi", "enqueue", "j", "-a", "seeds=-", input=SEEDS)
    assert done.returncode == 0, done.stderr
    assert "2 queries added" in done.stdout
    assert Shared(redis_server.client).facts["queries"] == "2"
    empty = run(worker, "tmapi", "enqueue", "j", "-a", "seeds=-", input="")
    assert empty.returncode == 2
    assert "seeds=-: it holds no image" in empty.stderr


@pytest.mark.long
def test_crawled_alone_and_resumed(crawl: Crawler) -> None:
    arguments = ("crawl", "image_search", "-a", "job=j", "-a", "seeds=-")
    done = run(crawl, *arguments, "-s", "TMAPI_BUDGET=1", input=SEEDS)
    assert done.returncode == 4, done.stderr
    assert "-a seeds=-" in done.stderr.rpartition("go on")[2], done.stderr
    refused = run(crawl, *arguments[:4], input=SEEDS)
    assert refused.returncode == 2
    assert "its seeds came through standard input, and are not kept" in refused.stderr
    assert "give them again" in refused.stderr
    assert run(crawl, *arguments, input=SEEDS).returncode == 0


def test_a_terminal_is_not_waited_for(offline: Crawler) -> None:
    leader, terminal = os.openpty()
    try:
        done = run(offline, "tmapi", "estimate", "-a", "seeds=-", stdin=terminal)
    finally:
        os.close(leader)
        os.close(terminal)
    assert done.returncode == 2
    assert "it is standard input, which is a terminal here" in done.stderr
