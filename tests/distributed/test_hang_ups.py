"""A SIGHUP ends workers and commands on a shared job as SIGTERM does."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.distributed.shared import Shared
from tests.forkserver import Process, start_scrapy
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import SandboxThread

pytestmark = pytest.mark.long  # make long


def test_hang_ups(tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer) -> None:
    start = redis_server.crawler(tmp_path / "output", sandbox.url)

    def command(*words: str) -> Process:
        return start_scrapy(["tmapi", *words], cwd=ROOT, env=start.environment())

    def hang_up(process: Process) -> tuple[int, str]:
        process.send_signal(signal.SIGHUP)
        done = start.finish(process)
        assert "Traceback" not in done.log
        return done.exit_status, done.log + done.stdout

    worker = start.start(job="j", seeds="/search/a/slow-1.jpg", page_size=1)
    while sandbox.stats["calls"] < 2:
        assert worker.poll() is None
        time.sleep(0.02)
    export, status = command("export", "j", "--follow"), command("status", "j", "--watch")
    assert status.stdout is not None
    assert status.stdout.readline() == "j: running\n"
    while not (start.output / "j" / "job.json").exists():
        assert export.poll() is None
        time.sleep(0.02)
    exit_status, said = hang_up(export)
    assert exit_status == 4
    assert "To continue: scrapy tmapi export j" in said
    assert hang_up(status)[0] == 0
    exit_status, said = hang_up(worker)
    assert exit_status == 4
    assert "STOPPED EARLY: interrupted" in said
    assert Shared(redis_server.client).facts["state"] == "open", "others go on"
    assert not redis_server.client.exists("image_search:j:leases")
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"/search/a/{n}.jpg\n" for n in range(200_000)))
    enqueue = command("enqueue", "k", "-a", f"seeds={seeds}")
    while not redis_server.client.exists("image_search:k:requests"):
        assert enqueue.poll() is None
        time.sleep(0.02)
    exit_status, said = hang_up(enqueue)
    assert exit_status == 4
    assert "Give the same command again" in said
