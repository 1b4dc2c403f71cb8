"""Workers killed, stopped and cut off: nothing is lost or duplicated.

The long form (`make chaos`) kills more often; every test run has a short one.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.crawl.test_kill import ARGUMENTS, paid, sandbox_of
from tests.distributed.shared import Shared, result_of, result_of_crawl
from tests.distributed.test_workers import differences
from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.forkserver import Process

LIMIT = 8
LEASE = "1.5"
SHARE = {name: value for name, value in ARGUMENTS.items() if name != "job"}


@pytest.fixture
def refused() -> str:
    """Sets whose images the sandbox wants converted first, unless a test says otherwise."""
    return "foreign"


@pytest.fixture
def busy(refused: str) -> Iterator[SandboxThread]:
    """A sandbox with a limit, some latency and transient failures."""
    with sandbox_of(refused, 0.15) as thread:
        yield thread


_EXPECTED: dict[str, tuple[Any, ...]] = {}


@pytest.fixture
def expected(refused: str, tmp_path: Path) -> tuple[Any, ...]:
    """The result of an undisturbed crawl in one process."""
    if refused not in _EXPECTED:
        with sandbox_of(refused, 0.01) as quiet:
            local = Crawler(tmp_path / "local", quiet.url)(**ARGUMENTS)
        assert local.exit_status == 3
        _EXPECTED[refused] = result_of_crawl(local)
    return _EXPECTED[refused]


def enqueue(start: Crawler, **arguments: Any) -> None:
    done = start.command("tmapi", "enqueue", "j", **arguments)
    assert done.exit_status == 0, done.log


def lost_calls(sandbox: SandboxThread) -> int:
    """Return how many pages and conversions were paid for more than once."""
    return sum(count - 1 for count in paid(sandbox).values())


@pytest.mark.parametrize(
    ("kills", "exits", "seed", "refused"),
    [
        (4, 2, 1, "all"),
        pytest.param(20, 0, 2, "foreign", marks=pytest.mark.chaos),
        pytest.param(20, 20, 3, "all", marks=pytest.mark.chaos),
        pytest.param(0, 40, 4, "all", marks=pytest.mark.chaos),
    ],
)
def test_workers_killed_at_any_moment(  # noqa: PLR0917
    tmp_path: Path,
    busy: SandboxThread,
    redis_server: RedisServer,
    expected: tuple[Any, ...],
    kills: int,
    exits: int,
    seed: int,
    refused: str,
) -> None:
    start = redis_server.crawler(tmp_path / "shared", busy.url, TMAPI_LEASE_SECONDS=LEASE)
    enqueue(start, **SHARE)
    moment = random.Random(seed)
    shared = Shared(redis_server.client)
    workers: list[Process] = []
    exiting: list[Process] = []
    ended = Counter[str]()

    def begin() -> Process:
        env = {}
        if ended["exit"] + sum(process in exiting for process in workers) < exits:
            env = {
                "SCRAPY_SETTINGS_MODULE": "tests.distributed.exiting_worker",
                "EXIT_SHARE": "0.01" if kills else "0.03",
                "EXIT_SEED": str(moment.randrange(10**6)),
            }
        process = start.start(job="j", env=env)
        if env:
            exiting.append(process)
        return process

    deadline = time.monotonic() + 240
    while ended["kill"] < kills or ended["exit"] < exits:
        assert time.monotonic() < deadline
        if shared.facts["state"] == "ended":
            break
        workers += [begin() for _ in range(3 - len(workers))]
        time.sleep(moment.uniform(0.2, 0.7))
        running = [process for process in workers if process.poll() is None]
        if running and ended["kill"] < kills:
            victim = moment.choice(running)
            victim.kill()
            victim.wait()
            ended["kill"] += 1
        for process in [process for process in workers if process.poll() is not None]:
            workers.remove(process)
            _, log = process.communicate()
            ended["exit"] += process.returncode == 9
            left = {3} if shared.facts["state"] == "ended" else set()
            assert process.returncode in {-9, 9} | left, log
            assert "Traceback" not in log
    assert ended["kill"] >= kills
    assert ended["exit"] >= exits
    for process in workers:
        process.kill()
        process.communicate()
    done = [start.finish(process) for process in [start.start(job="j") for _ in range(2)]]
    assert {crawl.exit_status for crawl in done} == {3}, done[0].log
    shared.check()
    assert differences(result_of(shared), expected) == [[], [], []]
    assert busy.stats["max_in_flight"] <= LIMIT + busy.stats["refused"]
    ends = sum(ended.values()) + 3
    assert lost_calls(busy) <= LIMIT * ends
    print(f"{dict(ended)}, {lost_calls(busy)} paid again, {busy.stats['calls']} calls")
