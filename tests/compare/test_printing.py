"""Standard output may be closed: files are written and notices sent before anything is printed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.compare.days import Series, item
from tests.gallery.gallery_jobs import JobFolder, product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support import Crawler

    Shell = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.long  # make long

#: Redirections of standard output, and the exit status of "something changed" with each.
GONE = {">&-": 5, "> /dev/full": 5, "2>&- >&-": 5, "2> /dev/full": 5, "| true": 141}


@pytest.fixture
def shell(offline: Crawler) -> Shell:
    def run(line: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f'set -o pipefail; "$@" {line}', "-"]
            + [sys.executable, "-m", "scrapy", "tmapi", *words],
            cwd=offline.project,
            env=offline.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("line", GONE)
def test_a_comparison_delivers_anyway(
    offline: Crawler, tmp_path: Path, shell: Shell, line: str
) -> None:
    series = Series(offline.output)
    series.day(1).query("A", item(1)).write()
    series.day(2).query("A", item(1, "9.00")).write()
    changes, told = tmp_path / "changes.jsonl", tmp_path / "told.jsonl"
    program = tmp_path / "program.sh"
    program.write_text(f"#!/bin/sh\ncat > {told}\n")
    program.chmod(0o755)
    done = shell(line, *("compare", "watch", "-o", str(changes)), *("--exec", str(program)))
    assert done.returncode == GONE[line], done.stderr
    assert '"change":"price"' in changes.read_text()
    assert told.read_text() == changes.read_text()
    assert "Traceback" not in done.stderr
    if line == "> /dev/full":
        assert "compare: its output can't be written (No space left on device)" in done.stderr


def test_a_program_runs_before_anything_is_read(offline: Crawler, tmp_path: Path) -> None:
    """A pager that is left open must not block the command."""
    series = Series(offline.output)
    days = [series.day(number) for number in (1, 2)]
    for day, price in zip(days, ("10.00", "9.00"), strict=True):
        day.query("A", *(item(number, price) for number in range(1, 801))).write()
    told = tmp_path / "told"
    words = ["compare", "watch", "--show", "1000", "--exec", f"touch {told}"]
    with subprocess.Popen(
        [sys.executable, "-m", "scrapy", "tmapi", *words],
        cwd=offline.project,
        env=offline.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == "w"
        assert told.exists(), "the first letter is printed after that"
        process.stdout.read()
        assert process.wait(60) == 5


@pytest.mark.parametrize(
    "line", [">&-", "> /dev/full", pytest.param("2>&- >&-", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("command", ["gallery", "export", "jobs", "estimate", "prune"])
def test_other_commands_still_work(
    offline: Crawler, tmp_path: Path, shell: Shell, command: str, line: str
) -> None:
    for day in (1, 2):
        job = JobFolder(offline.output / f"watch-202511{day:02}T180000Z")
        job.seed("A", product(1))
        job.facts["finished_at"] = "2025-11-23T12:00:00.000Z"
        job.write()
    made = tmp_path / "made.csv"
    words = {
        "gallery": ("watch", "--thumbnails", "0"),
        "export": ("watch", "-o", str(made)),
        "jobs": (),
        "estimate": ("-a", "seeds=/search/a/teapot.jpg"),
        "prune": ("watch", "--keep", "1", "--yes"),
    }[command]
    done = shell(line, command, *words)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Traceback" not in done.stderr
    newest = offline.output / "watch-20251102T180000Z"
    made_it = {
        "gallery": (newest / "gallery.html").exists(),
        "export": made.exists(),
        "prune": not (offline.output / "watch-20251101T180000Z").exists(),
    }
    assert made_it.get(command, True)
    assert (newest / "products.jsonl").read_text().startswith('{"item_id"')
