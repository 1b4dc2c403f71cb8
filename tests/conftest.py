"""Fixtures of all tests."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.results import browser as browsers
from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has them ignore Ctrl-C in the background, and the crawls that they start with them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
def browser() -> Iterator[browsers.Browser]:
    """A browser; one is enough for all tests."""
    if browsers.MISSING:
        pytest.skip(browsers.MISSING)
    with browsers.browser() as started:
        yield started
