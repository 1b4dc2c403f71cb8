"""The script of docs/watch.md: what it does about each exit status, with commands that pretend."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "docs" / "examples" / "watch.sh"

#: Writes down what it is asked, and ends as STATUS_CRAWL, STATUS_COMPARE or STATUS_PRUNE say.
PRETENDER = """\
#!/bin/sh
case $1 in crawl) what=crawl ;; *) what=$2 ;; esac
echo "$*" >>asked
case $what in
    crawl) exit ${STATUS_CRAWL:-0} ;;
    compare) exit ${STATUS_COMPARE:-5} ;;
esac
"""


@attrs.frozen
class Script:
    """The script in a project's folder, with a ``scrapy`` that pretends."""

    folder: Path
    shell: str = "sh"

    def __call__(self, *words: str, **environment: str) -> tuple[int, str, list[str]]:
        """Run it; return exit status, what it says, and what was asked of scrapy."""
        path = environment.pop("PATH", os.environ["PATH"])
        asked = self.folder / "asked"
        asked.unlink(missing_ok=True)
        done = subprocess.run(
            [shutil.which(self.shell) or self.shell, str(SCRIPT), *words],
            cwd=self.folder,
            env={"PATH": f"{self.folder / 'bin'}:{path}", **environment},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        lines = asked.read_text().splitlines() if asked.exists() else []
        return done.returncode, done.stderr, lines

    def told(self) -> list[str]:
        return (self.folder / "output" / "watch.told").read_text().split()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    (tmp_path / "bin").mkdir()
    scrapy = tmp_path / "bin" / "scrapy"
    scrapy.write_text(PRETENDER)
    scrapy.chmod(0o755)
    return Script(tmp_path)


def told_of(script: Script, *jobs: str) -> None:
    (script.folder / "output").mkdir(exist_ok=True)
    (script.folder / "output" / "watch.told").write_text(" ".join(jobs) + "\n")


def test_the_first_day_and_the_next(script: Script) -> None:
    status, says, asked = script(WATCH_SEEDS="my list.csv")
    assert status == 0
    assert "nothing to compare yet" in says
    crawl, prune = asked
    assert crawl.startswith("crawl image_search -a job=watch-20")
    assert crawl.endswith("Z -a seeds=my list.csv")
    assert prune == "tmapi prune watch --keep 30 --yes"
    _, first = script.told()
    status, _, asked = script(
        "watch-21261124T030000Z", WATCH_NOTIFY="https://x.example/?a=1&b=*", WATCH_KEEP="7"
    )
    assert status == 5
    _, compare, prune = asked
    second = compare.split()[3]
    assert compare == (
        f"tmapi compare {first} {second} -o output/{second}/changes.jsonl "
        "--notify https://x.example/?a=1&b=*"
    )
    assert prune == "tmapi prune watch --keep 7 --yes"
    assert script.told() == [first, second]


@pytest.mark.parametrize(
    ("crawled", "compared", "status", "asked", "is_told"),
    [
        ("0", "0", 0, ["crawl", "compare", "prune"], True),
        ("0", "5", 5, ["crawl", "compare", "prune"], True),
        ("3", "0", 3, ["crawl", "compare", "prune"], True),
        ("3", "5", 3, ["crawl", "compare", "prune"], True),
        ("0", "4", 4, ["crawl", "compare"], False),
        ("3", "4", 4, ["crawl", "compare"], False),
        ("0", "2", 2, ["crawl", "compare"], False),
        ("0", "1", 1, ["crawl", "compare"], False),
        ("4", "5", 4, ["crawl"], False),
        ("2", "5", 2, ["crawl"], False),
        ("1", "5", 1, ["crawl"], False),
    ],
)
def test_exit_statuses(
    script: Script, crawled: str, compared: str, status: int, asked: list[str], *, is_told: bool
) -> None:
    told_of(script, "watch-1", "watch-2")
    ended, says, lines = script("watch-3", STATUS_CRAWL=crawled, STATUS_COMPARE=compared)
    assert ended == status
    assert [line.removeprefix("tmapi ").split()[0] for line in lines] == asked
    assert script.told() == (["watch-2", "watch-3"] if is_told else ["watch-1", "watch-2"])
    if status in {3, 4}:
        assert says.rstrip().endswith(f"{SCRIPT} watch-3")


def test_what_was_not_told_is_told_the_next_day(script: Script) -> None:
    told_of(script, "-", "watch-1")
    script("watch-2", STATUS_COMPARE="4")
    script("watch-3", STATUS_CRAWL="4")
    status, _, asked = script("watch-4")
    assert status == 5
    assert asked[1].startswith("tmapi compare watch-1 watch-4 ")
    # The same once more, after failures: with the same job before.
    _, _, asked = script("watch-4")
    assert asked[1].startswith("tmapi compare watch-1 watch-4 ")
    assert asked[0] == "crawl image_search -a job=watch-4"


def test_a_job_from_before_what_was_told_is_refused(script: Script) -> None:
    told_of(script, "watch-2", "watch-3")
    status, says, asked = script("watch-2")
    assert (status, asked) == (2, [])
    assert "watch-2 is older than what was told last (watch-3)" in says


def test_without_flock_a_folder_is_the_lock(script: Script) -> None:
    for name in ("sh", "date", "expr", "mkdir", "rmdir", "mv"):
        (script.folder / "bin" / name).symlink_to(shutil.which(name) or name)
    lock = script.folder / "output" / "watch.lock.d"
    assert script(PATH="/nowhere")[0] == 0
    assert not lock.exists()
    lock.mkdir()
    status, says, asked = script(PATH="/nowhere")
    assert (status, asked) == (75, [])
    assert "is not done yet (output/watch.lock.d)" in says
    assert lock.exists()
