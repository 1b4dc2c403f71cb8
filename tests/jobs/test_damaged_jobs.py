"""A damaged job's folder is reported, the other jobs are shown, and nothing hangs."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.gallery.gallery_jobs import JobFolder, product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support import Crawler

GALLERY = ("tmapi", "gallery", "damaged", "--thumbnails", "0")

#: A value that each key of job.json can't have.
WRONG: dict[str, Any] = {
    "arguments": ["seeds"],
    "calls": "12",
    "cost": "much",
    "errors": {"422": None},
    "evidence": {"all": "2"},
    "exit_status": [0],
    "files": {"products.jsonl": {"lines": "3"}},
    "finished_at": 7,
    "made_up": "no",
    "products": {"new": 1.5},
    "queries": {"all": [1], "failed": None},
    "readers": 1,
    "refusals": "few",
    "running": "yes",
    "source": {"host": "api.tmapi.io"},
    "started_at": {"at": 1},
    "stop_reason": ["budget"],
    "unreadable": {"price": 3},
}


def make_jobs(offline: Crawler, **facts: Any) -> Path:
    """Write a job that is well, and one to be damaged; return that one's folder."""
    well = JobFolder(offline.output / "well", exit_status=0, started_at="2026-11-23T12:00:00.000Z")
    well.seed("A", product(1))
    well.write()
    damaged = JobFolder(offline.output / "damaged", **facts)
    damaged.seed("A", product(1))
    return damaged.write()


def put_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def put_endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def put_large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(10**12)  # a sparse one: it takes no room


def put_list(path: Path) -> None:
    path.write_text("[1, 2]")


@pytest.mark.parametrize("damage", [put_pipe, put_endless, put_folder, put_large, put_list])
def test_what_is_no_job_json(offline: Crawler, damage: Callable[[Path], None]) -> None:
    damage(make_jobs(offline) / "job.json")
    listed = offline.command("tmapi", "jobs")
    assert listed.exit_status == 0, listed.log
    assert "exit status 0" in listed.stdout
    assert "damaged" in listed.stdout
    assert "damaged/job.json: it " in listed.log
    page = offline.command(*GALLERY)
    assert (page.exit_status, page.stdout) == (4, "")
    assert "damaged/job.json: it " in page.log
    assert "Traceback" not in listed.log + page.log


def test_values_of_another_kind(offline: Crawler) -> None:
    folder = make_jobs(offline)
    facts = json.loads((folder / "job.json").read_text())
    for key, value in WRONG.items():
        other = offline.output / f"damaged-{key}"
        other.mkdir()
        (other / "job.json").write_text(json.dumps(facts | {key: value}))
    listed = offline.command("tmapi", "jobs", "--json")
    assert listed.exit_status == 0, listed.log
    jobs = {job["job"]: job for job in json.loads(listed.stdout)}
    assert jobs["well"]["problem"] is None
    for key in WRONG:
        assert f"it is damaged: {key} is not " in jobs[f"damaged-{key}"]["problem"]
    table = offline.command("tmapi", "jobs").stdout
    assert table.count("job.json is damaged") == len(WRONG)


def test_markup_and_commands_to_the_terminal_are_text(offline: Crawler) -> None:
    make_jobs(
        offline,
        exit_status=4,
        stop_reason="[/bold][red]budget\x1b[2J\u202e" + "x" * 5000,
        queries={"all": 1, "[/]:smile:": 1},
    )
    listed = offline.command("tmapi", "jobs")
    assert listed.exit_status == 0, listed.log
    assert "[/bold][red]budget?[2J?" in listed.stdout
    assert "1 [/]:smile:" in listed.stdout
    assert "xxxx…" in listed.stdout
    assert not {"\x1b", "\u202e"} & set(listed.stdout)
    assert max(map(len, listed.stdout.splitlines())) <= 200


def test_a_file_of_the_job_that_never_ends(offline: Crawler) -> None:
    folder = make_jobs(offline)
    put_pipe(folder / "outcomes.jsonl")
    done = offline.command(*GALLERY)
    assert done.exit_status == 4
    assert "outcomes.jsonl: it can't be read (it is a pipe" in done.log


def test_a_line_with_values_of_another_kind(offline: Crawler) -> None:
    folder = make_jobs(offline)
    rows = json.loads((folder / "outcomes.jsonl").read_text())
    (folder / "outcomes.jsonl").write_text(json.dumps(rows | {"evidence": 7}) + "\n")
    done = offline.command(*GALLERY)
    assert done.exit_status == 4
    assert "was it changed by hand" in done.log
    assert "Traceback" not in done.log


def test_prune_reports_it(offline: Crawler) -> None:
    for day in (1, 2):
        JobFolder(offline.output / f"watch-202511{day:02}T180000Z").write()
    put_pipe(offline.output / "watch-20251101T180000Z" / "job.json")
    done = offline.command("tmapi", "prune", "watch", "--keep", "1", "--yes")
    assert "watch-20251101T180000Z/job.json: it can't be read" in done.log
    assert done.exit_status == 0
