"""The display: how far a crawl is, live on a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support import Crawler, SandboxThread
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = ",".join(f"/search/a/lamp-{number}.jpg" for number in range(4))

#: Time and logger of a log line.
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.5)
    yield thread
    thread.stop()


def is_shown(terminal: Terminal) -> bool:
    return any(" in flight of " in row for _, row in terminal.lowest)


HEAD = re.compile(
    r"watched [━╸╺ ]+ (\d) of 8 queries · \d+:\d\d · (less than a|about \d+) min\w* left"
)
FIGURES = re.compile(
    r"  (\d+) pages? \(\d+\.\d/s\) · (\d+) products? · (\d+) duplicates? · "
    r"(\d+) of 100 calls, (\d) in flight of 3"
)


def check_display(start: Crawler) -> None:
    with Terminal() as terminal:
        process = start.start(
            *("-s", "TMAPI_BUDGET=100", "-s", "TMAPI_MAX_CONCURRENCY=3", "-L", "DEBUG"),
            seeds=SEEDS,
            sort="default,sales",
            max_pages=2,
            page_size=5,
            job="watched",
            stderr=terminal.file,
        )
        assert start.finish(process).exit_status == 0
        terminal.hang_up()
        after = terminal.rows
    shown = [
        [int(found) for found in (head[1], *figures.groups())]
        for above, lowest in terminal.lowest
        if (head := HEAD.fullmatch(above)) and (figures := FIGURES.fullmatch(lowest))
    ]
    assert shown, terminal.lowest
    for ended, pages, products, duplicates, calls, in_flight in shown:
        assert 2 * ended <= pages <= calls <= pages + 6
        assert in_flight <= 3
        assert products + duplicates <= 5 * pages
    assert max(shown)[0] > 0
    assert terminal.has_cursor
    assert not any(" in flight of " in row for row in after), "nothing is left of it"
    assert not [row for row in after if LINE.search(row) and not LINE.match(row)], "none is torn"
    assert sum("DEBUG: Crawled (200)" in row for row in after) == 16, "no line is lost"

    with Terminal() as terminal:
        process = start.start(
            seeds="https://shop.example/onepage-slow-1.jpg", job="converts", stderr=terminal.file
        )
        start.finish(process)
        terminal.hang_up()
    told = [row for _, row in terminal.lowest if "1 image being converted (2 to 18 s)" in row]
    assert told, terminal.lowest


def test_the_figures_are_below_all_else(tmp_path: Path, slow: SandboxThread) -> None:
    check_display(Crawler(tmp_path, slow.url))


@pytest.mark.parametrize("option", ["TMAPI_PROGRESS=0", "TERM=dumb"])
def test_not_where_it_is_not_wanted(alone: Crawler, option: str) -> None:
    name, _, value = option.partition("=")
    with Terminal() as terminal:
        process = alone.start(
            seeds="/search/a/lamp.jpg", stderr=terminal.file, env={name: value}, job="j"
        )
        assert alone.finish(process).exit_status == 0
        terminal.hang_up()
        assert "j: 1 query" in "\n".join(terminal.rows)
        assert not is_shown(terminal)


def test_not_in_a_pipe(alone: Crawler) -> None:
    done = alone(seeds="/search/a/lamp.jpg")
    assert "\x1b" not in done.log
    assert " in flight of " not in done.log


def test_not_among_rows_on_the_same_terminal(alone: Crawler) -> None:
    with Terminal() as terminal:
        process = subprocess.Popen(
            alone.words("-o", "-:jsonl", seeds="/search/a/lamp.jpg"),
            cwd=alone.project,
            env=alone.environment(),
            stdout=terminal.file,
            stderr=terminal.file,
        )
        assert process.wait(60) == 0
        terminal.hang_up()
        assert sum(row.startswith('{"item_id"') for row in terminal.rows) > 20
        assert not is_shown(terminal)


def test_ctrl_c_twice_leaves_a_terminal_in_order(tmp_path: Path) -> None:
    stuck = SandboxThread(latency=20)
    try:
        with Terminal() as terminal:
            crawl = Crawler(tmp_path, stuck.url)
            process = crawl.start(seeds=SEEDS, stderr=terminal.file, job="j")
            terminal.wait_for(is_shown)
            process.send_signal(signal.SIGINT)
            terminal.wait_for(lambda it: any("SIGINT" in row for row in it.rows))
            process.send_signal(signal.SIGINT)
            assert crawl.finish(process).exit_status == 4
            terminal.hang_up()
            rows = terminal.rows
    finally:
        stuck.stop()
    assert terminal.has_cursor
    assert not any(" in flight of " in row for row in rows)
    assert any("STOPPED EARLY: interrupted" in row for row in rows)


def test_a_terminal_that_is_closed_ends_only_the_display(
    tmp_path: Path, slow: SandboxThread
) -> None:
    crawl = Crawler(tmp_path, slow.url)
    master, file = pty.openpty()
    process = crawl.start("-L", "WARNING", seeds=SEEDS, stderr=file, job="j")
    os.close(file)
    shown = b""
    while b" in flight of " not in shown:
        shown += os.read(master, 65536)
    os.close(master)
    done = crawl.finish(process)
    assert done.exit_status == 0
    assert {row["status"] for row in done.outcomes} == {"complete"}
