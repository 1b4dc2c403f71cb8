"""The script of docs/watch.md: how it handles each exit status, with fake commands."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = ROOT / "docs" / "examples" / "watch.sh"

#: Records its arguments, and exits with STATUS_CRAWL, STATUS_COMPARE or STATUS_PRUNE.
PRETENDER = """\
#!/bin/sh
case $1 in crawl) what=crawl ;; *) what=$2 ;; esac
echo "$*" >>asked
[ "$what" != "${STAY:-}" ] || exec PYTHON stay.py
case $what in
    crawl) exit ${STATUS_CRAWL:-0} ;;
    compare) exit ${STATUS_COMPARE:-5} ;;
esac
"""


#: Runs until a signal, and a moment longer. It handles Ctrl-C as well, as Scrapy always does.
STAYER = """\
import os, pathlib, signal, sys, time
signals = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: signals.append(signal.Signals(number).name))
pathlib.Path("ready").touch()
while not signals:
    time.sleep(0.02)
time.sleep(0.2)
pathlib.Path("signals").write_text(" ".join(signals))
sys.exit(int(os.environ.get("STATUS_STAY", "4")))
"""


@attrs.frozen
class Script:
    """The script in a project's folder, with a fake ``scrapy``."""

    folder: Path
    shell: str = "sh"

    def __call__(self, *words: str, **environment: str) -> tuple[int, str, list[str]]:
        """Run it; return its exit status, its output, and the calls of scrapy."""
        path = environment.pop("PATH", os.environ["PATH"])
        asked = self.folder / "asked"
        asked.unlink(missing_ok=True)
        done = subprocess.run(
            [shutil.which(self.shell) or self.shell, str(SCRIPT), *words],
            cwd=self.folder,
            env={"PATH": f"{self.folder / 'bin'}:{path}", **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        lines = asked.read_text().splitlines() if asked.exists() else []
        return done.returncode, done.stderr, lines

    def start(self, **environment: str) -> tuple[int, int]:
        """Start it on a separate terminal, and return when scrapy is running.

        :return: its process, and the other end of the terminal
        """
        for name in ("ready", "signals", "asked"):
            (self.folder / name).unlink(missing_ok=True)
        process, terminal = pty.fork()
        if not process:
            os.chdir(self.folder)
            path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
            words = [shutil.which(self.shell) or self.shell, str(SCRIPT), "watch-3"]
            os.execve(words[0], words, {"PATH": path, **environment})
        for _ in range(500):
            if (self.folder / "ready").exists():
                return process, terminal
            time.sleep(0.02)
        raise AssertionError("scrapy was not started")

    def told(self) -> list[str]:
        return (self.folder / "output" / "watch.told").read_text().split()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    (tmp_path / "bin").mkdir()
    scrapy = tmp_path / "bin" / "scrapy"
    scrapy.write_text(PRETENDER.replace("PYTHON", sys.executable))
    (tmp_path / "stay.py").write_text(STAYER)
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


def test_what_was_not_delivered_is_delivered_the_next_day(script: Script) -> None:
    told_of(script, "-", "watch-1")
    script("watch-2", STATUS_COMPARE="4")
    script("watch-3", STATUS_CRAWL="4")
    status, _, asked = script("watch-4")
    assert status == 5
    assert asked[1].startswith("tmapi compare watch-1 watch-4 ")
    # Again, after failures: compared with the same old job.
    _, _, asked = script("watch-4")
    assert asked[1].startswith("tmapi compare watch-1 watch-4 ")
    assert asked[0] == "crawl image_search -a job=watch-4"


def test_a_job_older_than_the_last_delivered_is_refused(script: Script) -> None:
    told_of(script, "watch-2", "watch-3")
    status, says, asked = script("watch-2")
    assert (status, asked) == (2, [])
    assert "watch-2 is older than the last job reported (watch-3)" in says


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


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("how", ["kill", "interrupt", "hang up", "Ctrl-C", "closed"])
def test_a_signal_reaches_the_child_once_and_nothing_more_starts(
    script: Script, how: str, shell: str
) -> None:
    told_of(script, "watch-1", "watch-2")
    script = attrs.evolve(script, shell=shell)
    process, terminal = script.start(STAY="crawl")
    numbers = {"kill": signal.SIGTERM, "interrupt": signal.SIGINT, "hang up": signal.SIGHUP}
    if how in numbers:
        os.kill(process, numbers[how])
    elif how == "Ctrl-C":
        os.write(terminal, b"\x03")
    else:
        os.close(terminal)
    _, ended = os.waitpid(process, 0)
    if how != "closed":
        os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == 4
    assert (script.folder / "signals").read_text() == "SIGTERM"
    asked = (script.folder / "asked").read_text().splitlines()
    assert [line.split()[0] for line in asked] == ["crawl"]
    assert script.told() == ["watch-1", "watch-2"]


@pytest.mark.parametrize(
    ("stay", "ends_with", "status", "begun", "is_told"),
    [
        ("crawl", "0", 4, ["crawl"], False),
        ("crawl", "3", 4, ["crawl"], False),
        ("compare", "4", 4, ["crawl", "compare"], False),
        ("compare", "5", 5, ["crawl", "compare"], True),
        ("prune", "4", 5, ["crawl", "compare", "prune"], True),
    ],
)
def test_what_a_signal_leaves(
    script: Script, stay: str, ends_with: str, status: int, begun: list[str], *, is_told: bool
) -> None:
    """Also if the process it reaches was just about to exit."""
    told_of(script, "watch-1", "watch-2")
    process, terminal = script.start(STAY=stay, STATUS_STAY=ends_with)
    os.kill(process, signal.SIGTERM)
    _, ended = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(ended) == status
    asked = (script.folder / "asked").read_text().splitlines()
    assert [line.removeprefix("tmapi ").split()[0] for line in asked] == begun
    assert script.told() == (["watch-2", "watch-3"] if is_told else ["watch-1", "watch-2"])
