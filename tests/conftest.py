"""Fixtures for all tests."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.distributed.servers import RedisServer
from tests.gallery import browser as browsers
from tests.support import Crawler, SandboxThread
from tests.ways import Way

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A shell makes background processes ignore Ctrl-C, and nohup makes them ignore SIGHUP; the crawls
# that they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    """A sandbox of 2,000 products that accepts any token."""
    thread = SandboxThread()
    yield thread
    thread.stop()


@pytest.fixture
def crawl(sandbox: SandboxThread, tmp_path: Path) -> Crawler:
    """Crawls against that sandbox."""
    return Crawler(tmp_path / "output", sandbox.url)


@pytest.fixture
def offline(tmp_path: Path) -> Crawler:
    """Crawls without a token and without a server."""
    return Crawler(tmp_path / "output")


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis or Valkey server."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(shared_server: RedisServer) -> RedisServer:
    """An empty server, shared with other tests of this process."""
    shared_server.client.flushall()
    return shared_server


@pytest.fixture(params=["alone", "worker"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    """One of the two ways to crawl; a test that uses this runs both ways.

    The way with a worker and an export runs in ``make long``, and in ``make test`` for tests marked
    ``both_ways``.
    """
    name = request.param
    server = request.getfixturevalue("redis_server") if name == "worker" else None
    return Way(name, tmp_path / "output", server)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the parameters that use a worker."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is None or callspec.params.get("way") != "worker":
            continue
        if item.get_closest_marker("both_ways") is None:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def browser() -> Iterator[browsers.Browser]:
    """A browser, shared by all tests."""
    if browsers.MISSING:
        pytest.skip(browsers.MISSING)
    with browsers.browser() as started:
        yield started
