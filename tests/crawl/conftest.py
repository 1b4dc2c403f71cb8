"""Fixtures of crawls: in one process and by workers, unless a test asks for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import Crawler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import SandboxThread
    from tests.ways import Way


@pytest.fixture
def crawl(way: Way, sandbox: SandboxThread) -> Crawler:
    """Crawls of that sandbox, in one process and by workers."""
    return way(sandbox.url)


@pytest.fixture
def alone(sandbox: SandboxThread, tmp_path: Path) -> Crawler:
    """Crawls of that sandbox in one process; one_way.py says why."""
    return Crawler(tmp_path / "output", sandbox.url)
