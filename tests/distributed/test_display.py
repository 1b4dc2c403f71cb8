"""A job's progress, live on a worker's terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crawl.test_display import check_display
from tests.support import SandboxThread

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

pytestmark = pytest.mark.long  # make long


def test_the_figures_are_those_of_the_job(tmp_path: Path, redis_server: RedisServer) -> None:
    slow = SandboxThread(latency=0.5)
    try:
        check_display(redis_server.crawler(tmp_path, slow.url))
    finally:
        slow.stop()
