"""A crawl whose standard streams are closed or full: nothing of them ends up in its files."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support import Crawler

pytestmark = pytest.mark.long  # make long


@pytest.mark.parametrize("line", [">&-", "2>&- >&-", "<&- >&- 2>&-", "2> /dev/full"])
def test_the_files_and_the_exit_status_are_the_same(alone: Crawler, line: str) -> None:
    words = alone.words(seeds="/search/a/teapot.jpg", job="j")
    done = subprocess.run(
        ["bash", "-c", f'"$@" {line}', "-", *words],
        cwd=alone.project,
        env=alone.environment(),
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = alone.output / "j"
    for name in ("products", "sightings", "outcomes"):
        lines = (folder / f"{name}.jsonl").read_text("utf-8").splitlines()
        assert lines
        assert all(isinstance(json.loads(one), dict) for one in lines)
    assert json.loads((folder / "job.json").read_text())["exit_status"] == 0
