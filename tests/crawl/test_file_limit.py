"""Too few open files allowed: reported as such, at the start or later, not as an outage."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT, in_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import Crawler, SandboxThread

pytestmark = pytest.mark.long  # make long

SEEDS = ",".join(f"/search/a/{number}.jpg" for number in range(30))

LIMITED = """
import resource, sys
soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
sys.argv = ["scrapy", *sys.argv[3:]]
from scrapy.cmdline import execute
execute()
"""

#: Lets two more files be opened than are open when the spider opens.
HOG = """
import os, resource
from scrapy import signals
EXTENSIONS = {"own.Hog": 900}
class Hog:
    @classmethod
    def from_crawler(cls, crawler):
        self = cls()
        crawler.signals.connect(self.opened, signals.spider_opened)
        return self
    def opened(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        held = [os.dup(2) for _ in range(8)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1] + 1, hard))
        for one in held[-2:]:
            os.close(one)
"""


def limited(start: Crawler, soft: int, hard: int, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(soft), str(hard), "crawl", "image_search", *words],
        cwd=ROOT,
        env=start.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_limit_that_is_too_low(alone: Crawler, sandbox: SandboxThread) -> None:
    given = ("-a", f"seeds={SEEDS}", "-a", "job=j")
    status, said = limited(alone, 20, 20, *given)
    assert status == 2, said
    assert "RLIMIT_NOFILE: this process may have 20 files open" in said
    assert "16 calls in flight need 64. Raise the limit (ulimit -n 64)" in said
    assert "Traceback" not in said
    assert sandbox.stats["calls"] == 0
    status, said = limited(alone, 60, 60, *given)
    assert status == 2, said
    assert "or set TMAPI_MAX_CONCURRENCY=12 or fewer" in said
    status, said = limited(alone, 60, 60, *given, "-s", "TMAPI_MAX_CONCURRENCY=12")
    assert status == 0, said
    assert "can't" not in said


def test_one_that_may_be_raised_is(alone: Crawler) -> None:
    status, said = limited(alone, 20, 200, "-a", f"seeds={SEEDS}", "-a", "job=j")
    assert status == 0, said


def test_a_worker(redis_server: RedisServer, sandbox: SandboxThread, tmp_path: Path) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    status, said = limited(start, 20, 20, "-a", f"seeds={SEEDS}", "-a", "job=j")
    assert status == 2, said
    assert "RLIMIT_NOFILE: this process may have 20 files open" in said
    assert "Traceback" not in said
    assert not redis_server.client.keys("*")


def test_files_that_run_out_later(tmp_path: Path, sandbox: SandboxThread) -> None:
    crawl = in_project(tmp_path / "own", sandbox.url, HOG)
    done = crawl(seeds=SEEDS)
    assert done.exit_status == 4, done.log
    assert "STOPPED EARLY: storage (no more files can be opened: this process may have" in done.log
    assert "at once (RLIMIT_NOFILE), and each call in flight takes one" in done.log
    assert "the API fails" not in done.log
    outcomes = done.outcomes
    assert len(outcomes) == 30
    assert {row["reason"] for row in outcomes} <= {"storage", "last_page"}
    again = crawl("-s", "EXTENSIONS={}")
    assert again.exit_status == 0, again.log
    pages = sum(row["pages"] for row in again.outcomes)
    assert sandbox.stats["calls"] == pages, "what was answered is paid for once"
