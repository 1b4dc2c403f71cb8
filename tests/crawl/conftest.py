"""Fixtures of crawls: both ways, unless a test asks for one alone."""

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
    """Crawls of that sandbox, both ways."""
    return way(sandbox.url)


@pytest.fixture
def alone(sandbox: SandboxThread, tmp_path: Path) -> Crawler:
    """Crawls of that sandbox in processes of their own; one_way.py says why."""
    return Crawler(tmp_path / "output", sandbox.url)
