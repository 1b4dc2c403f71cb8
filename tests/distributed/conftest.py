"""A real Redis or Valkey server for a single test, and workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.distributed.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support import Crawler, SandboxThread


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for this test only, which may be killed; it writes everything to disk (AOF)."""
    with RedisServer(tmp_path / "redis", "--appendonly", "yes") as server:
        yield server


@pytest.fixture
def worker(tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer) -> Crawler:
    """Starts workers that crawl the sandbox, on the shared server."""
    return redis_server.crawler(tmp_path / "output", sandbox.url)
