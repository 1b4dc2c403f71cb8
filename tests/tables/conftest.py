"""Fixtures for the tests of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tables.export_jobs import Exporter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Exporter:
    """The export of a job that a test writes."""
    return Exporter(tmp_path / "output", capsys)
