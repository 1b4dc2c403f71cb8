"""Fixtures of all tests."""

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

# A shell has them ignore Ctrl-C in the background, and nohup that the terminal is gone: and with
# them the crawls that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    """A sandbox of 2,000 products that any token may ask."""
    thread = SandboxThread()
    yield thread
    thread.stop()


@pytest.fixture
def crawl(sandbox: SandboxThread, tmp_path: Path) -> Crawler:
    """Crawls of that sandbox."""
    return Crawler(tmp_path / "output", sandbox.url)


@pytest.fixture
def offline(tmp_path: Path) -> Crawler:
    """Crawls without token and without anybody to ask."""
    return Crawler(tmp_path / "output")


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis or Valkey server."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_server(shared_server: RedisServer) -> RedisServer:
    """A server without any data; it serves other tests of this process too."""
    shared_server.client.flushall()
    return shared_server


@pytest.fixture(params=["alone", "worker"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    """One of the two ways to crawl; a test that takes this runs both ways.

    That of a worker and an export is run by ``make long``, and by ``make test`` where the test is
    marked ``both_ways``.
    """
    name = request.param
    server = request.getfixturevalue("redis_server") if name == "worker" else None
    return Way(name, tmp_path / "output", server)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests' ways with a worker."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if callspec is None or callspec.params.get("way") != "worker":
            continue
        if item.get_closest_marker("both_ways") is None:
            item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session")
def browser() -> Iterator[browsers.Browser]:
    """A browser; one is enough for all tests."""
    if browsers.MISSING:
        pytest.skip(browsers.MISSING)
    with browsers.browser() as started:
        yield started
