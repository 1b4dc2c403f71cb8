"""Crawls of projects of every kind, killed at random moments and continued by the same command.

The long form (`make chaos`) kills each some 8 times; every test run has a short one. A test's id
has the seed of its random moments.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.project_kinds import ARGUMENTS, KINDS, difference, result_of, seeds_of, unexpected
from tests.support import Crawl, Crawler, SandboxThread

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 8
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]


@pytest.fixture(autouse=True)
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork processes in ``make chaos``, too: otherwise starting them takes most of the time."""
    monkeypatch.delenv("FRESH_PROCESSES", raising=False)


def disturb(
    crawl: Crawler, sandbox: SandboxThread, draw: random.Random, times: int, **arguments: Any
) -> int:
    """Run and kill the job *times* times; return how often it really was in the middle."""
    in_the_middle = 0
    for _ in range(times):
        before = sandbox.stats["calls"]
        path = crawl.output.parent / "killed.log"
        with path.open("w") as log:  # a pipe that is not read would fill up
            process = crawl.start(stderr=log, **arguments)
        chosen = signal.SIGKILL
        if draw.random() < 0.8:  # otherwise perhaps before the first call, or in a replay
            chosen = draw.choice(SIGNALS)
            deadline = time.monotonic() + 60
            while process.poll() is None and sandbox.stats["calls"] == before:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.0, 0.8))
        in_the_middle += process.poll() is None
        process.send_signal(chosen)
        was_killed = crawl.finish(process).exit_status == -signal.SIGKILL
        told = path.read_text(errors="replace")
        assert not unexpected(told, was_killed=was_killed), told[-3000:]
    return in_the_middle


@pytest.mark.parametrize(
    ("kind", "seed", "times"),
    [
        pytest.param("breaks", 1, 2, id="breaks-1-2"),
        *(
            pytest.param(name, seed, 8, marks=pytest.mark.chaos, id=f"{name}-{seed}-8")
            for seed, name in enumerate(KINDS, 21)
        ),
    ],
)
def test_killed_and_run_again(tmp_path: Path, kind: str, seed: int, times: int) -> None:
    chosen = KINDS[kind]
    project = chosen.make(tmp_path / "project")
    seeds = ",".join(seeds_of(0) + seeds_of(1))
    arguments: dict[str, Any] = {"job": "j", "seeds": seeds, **ARGUMENTS, **chosen.arguments}
    arguments["spider"] = chosen.spider
    rate = 0.0 if chosen.asks else 0.05
    options: dict[str, Any] = {"limit": LIMIT, "failure_rate": rate, "refused": "foreign"}
    quiet, busy = SandboxThread(**options), SandboxThread(latency=0.15, **options)
    draw = random.Random(seed)

    def crawler(name: str, sandbox: SandboxThread) -> Crawler:
        made = Crawler(tmp_path / name, sandbox.url, covered=False)
        return attrs.evolve(made, project=project)

    def check(done: Crawl, expected: Crawl) -> None:
        assert done.exit_status == expected.exit_status, done.log
        assert difference(result_of(done), result_of(expected)) == {}
        assert done.job["dead_letters"] == expected.job["dead_letters"]
        made = busy.stats["calls"] - busy.stats["refused"]
        in_flight = LIMIT * in_the_middle
        assert made <= done.job["calls"] <= made + in_flight
        if not chosen.asks:  # a middleware makes its requests in each run
            assert done.job["calls"] <= expected.job["calls"] + in_flight
            assert done.job["calls"] == sum(row["calls"] for row in done.outcomes)

    try:
        crawl = crawler("killed", busy)
        in_the_middle = disturb(crawl, busy, draw, times, **arguments)
        assert in_the_middle >= times // 2
        expected = crawler("undisturbed", quiet)(**arguments)
        check(crawl(**arguments), expected)
        if chosen.fails:
            assert expected.job["dead_letters"] > 0
            chosen.mend(project)
            in_the_middle += disturb(crawl, busy, draw, times, **arguments)
            expected = crawler("mended", quiet)(**arguments)
            assert (expected.exit_status, expected.job["dead_letters"]) == (0, 0)
            check(crawl(**arguments), expected)
        print(f"{kind}: {in_the_middle} ended in the middle")
    finally:
        quiet.stop()
        busy.stop()
