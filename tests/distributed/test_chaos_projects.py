"""Projects of every kind, whose workers and exports are killed at random moments.

Nothing is lost or duplicated, and the counts are those of an undisturbed crawl. The long form
(`make chaos`) injects about 300 faults, every test run some of them. A test's id contains the seed
that its faults are drawn with.
"""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.crawl.test_kill import paid
from tests.distributed.shared import Shared
from tests.distributed.supervisor import Service, Supervisor
from tests.forkserver import start_scrapy
from tests.project_kinds import ARGUMENTS, KINDS, Kind, difference, result_of, seeds_of
from tests.support import Crawl, Crawler, SandboxThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.forkserver import Process

LIMIT = 8
LEASE = 1.5
WORKERS = 3
SECONDS = 200
"""How long one job may take."""

#: The faults to draw from, each repeated as often as it should be drawn.
FAULTS = ("kill", "kill", "term", "halt", "exit", "export")


@pytest.fixture(autouse=True)
def forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork processes even in ``make chaos``, where starting them would take most of the time."""
    monkeypatch.delenv("FRESH_PROCESSES", raising=False)


def sandbox_for(kind: Kind, latency: float) -> SandboxThread:
    # Requests of the project's own are not retried.
    rate = 0.0 if kind.asks else 0.05
    return SandboxThread(latency=latency, limit=LIMIT, failure_rate=rate, refused="foreign")


@attrs.define
class Disturbed:
    """A job of one kind of project, under faults."""

    kind: Kind
    project: Path
    folder: Path
    server: RedisServer
    sandbox: SandboxThread
    draw: random.Random
    most_portions: int
    seeds: list[str] = attrs.field(factory=list)
    portions: int = 0
    replays_killed: int = 0

    @property
    def start(self) -> Crawler:
        made = self.server.crawler(
            self.folder / "shared", self.sandbox.url, TMAPI_LEASE_SECONDS=str(LEASE)
        )
        return attrs.evolve(made, project=self.project)

    def arguments(self) -> dict[str, Any]:
        return {**ARGUMENTS, **self.kind.arguments}

    def feed(self) -> bool:
        """Add another portion of seeds, if there is one."""
        if self.portions >= self.most_portions:
            return False
        seeds = seeds_of(self.portions)
        self.portions += 1
        self.seeds += seeds
        done = self.start.command(
            *("tmapi", "enqueue", "j", "--spider", self.kind.spider),
            seeds=",".join(seeds),
            **self.arguments(),
        )
        assert done.exit_status == 0, done.log + done.stdout
        return True

    def replay(self, kills: int) -> None:
        """Replay the dead letters, with a command that is killed a few times."""
        for _ in range(kills):
            process = self.start_command("tmapi", "replay", "j")
            try:
                process.wait(self.draw.uniform(0.0, 0.5))
            except subprocess.TimeoutExpired:
                self.replays_killed += 1
            process.kill()
            _, log = process.communicate()
            assert "Traceback" not in log
        done = self.start.command("tmapi", "replay", "j")
        assert done.exit_status == 0, done.log

    def replay_once_more(self) -> bool:
        self.replay(kills=1)
        return True

    def start_command(self, *words: str, log: Any = subprocess.PIPE) -> Process:
        env = self.start.environment()
        return start_scrapy(words, cwd=self.project, env=env, stderr=log)

    def supervisor(self, most: int, faults: tuple[str, ...]) -> Supervisor:
        folder = self.folder / f"logs-{len(list(self.folder.glob('logs-*')))}"
        folder.mkdir()
        made = Supervisor(
            *(folder, self.draw, self.server, LEASE, list(faults), most),
            replay=lambda: self.start_command("tmapi", "replay", "j"),
        )

        def worker(log: Any) -> Process:
            env = {}
            if made.wants_exit():
                env = {
                    "SCRAPY_PROJECT": "exiting",
                    "EXIT_SHARE": "0.02",
                    "EXIT_SEED": str(self.draw.randrange(10**6)),
                }
            return self.start.start(spider=self.kind.spider, env=env, stderr=log, job="j")

        def export(log: Any) -> Process:
            return self.start_command("tmapi", "export", "j", "--follow", log=log)

        ended = frozenset({0, 3})
        made.services = [
            *(Service(f"worker{number}", worker, ended) for number in range(WORKERS)),
            Service("export", export, frozenset({0}), is_worker=False),
        ]
        return made

    def undisturbed(self, name: str, status: int) -> Crawl:
        """Crawl the same seeds undisturbed, in one process.

        :param status: its exit status
        """
        quiet = sandbox_for(self.kind, 0.0)
        try:
            alone = Crawler(self.folder / name, quiet.url, project=self.project)
            seeds = ",".join(self.seeds)
            done = alone(spider=self.kind.spider, seeds=seeds, **self.arguments())
            assert done.exit_status == status, done.log
            calls = quiet.stats["calls"] - quiet.stats["refused"]
            assert done.job["calls"] == calls
        finally:
            quiet.stop()
        return done

    def exported(self) -> Crawl:
        """Export once more, and return the result."""
        done = self.start.command("tmapi", "export", "j")
        assert done.exit_status == 0, done.log
        return attrs.evolve(done, folder=self.folder / "shared" / "j")

    def check(self, expected: Crawl, faults: int) -> None:
        """Compare the result with what it should be."""
        shared = Shared(self.server.client)
        shared.check_left()
        exported = self.exported()
        found, wanted = result_of(exported), result_of(expected)
        own, all_own = found.pop("own"), wanted.pop("own")
        assert difference(found, wanted) == {}
        assert own.items() <= all_own.items()
        assert bool(all_own) == self.kind.asks
        assert len(shared.dead) == expected.job["dead_letters"]
        facts = shared.facts
        assert int(facts["products"]) == len(found["products"]) + len(own) == len(shared.products)
        calls, made = int(facts["calls"]), self.sandbox.stats["calls"]
        made -= self.sandbox.stats["refused"]
        of_queries = sum(row["calls"] for row in exported.outcomes)
        assert expected.job["calls"] - len(all_own) <= of_queries
        assert of_queries <= calls if self.kind.asks else of_queries == calls
        assert made <= calls <= made + LIMIT * (faults + 1), "calls in flight at a kill are counted"
        assert sum(count - 1 for count in paid(self.sandbox).values()) <= LIMIT * (faults + 1)


@pytest.fixture
def server(request: pytest.FixtureRequest, faults: tuple[str, ...]) -> RedisServer:
    """A server for this test only if Redis is killed, too."""
    name = "own_server" if "redis" in faults else "redis_server"
    found: RedisServer = request.getfixturevalue(name)
    return found


@pytest.fixture
def disturbed(
    kind: str, seed: int, server: RedisServer, most: int, tmp_path: Path
) -> Iterator[Disturbed]:
    chosen = KINDS[kind]
    sandbox = sandbox_for(chosen, 0.15)
    project = chosen.make(tmp_path / "project")
    draw = random.Random(seed)
    yield Disturbed(chosen, project, tmp_path, server, sandbox, draw, 2 + most // 4)
    sandbox.stop()


def long(kind: str, seed: int, most: int, *more: str) -> Any:
    return pytest.param(
        *(kind, seed, most, (*FAULTS, *more)),
        marks=pytest.mark.chaos,
        id=f"{kind}-{seed}-{most}{''.join(f'-{one}' for one in more)}",
    )


@pytest.mark.parametrize(
    ("kind", "seed", "most", "faults"),
    [
        pytest.param("fails", 1, 4, FAULTS, id="fails-1-4"),
        pytest.param("asks", 2, 3, FAULTS, id="asks-2-3", marks=pytest.mark.long),
        long("plain", 11, 30, "redis"),
        long("dicts", 12, 40),
        long("fails", 13, 40),
        long("breaks", 14, 50, "redis"),
        long("breaks", 18, 40),
        long("drops", 15, 40),
        long("arguments", 16, 30, "redis"),
        long("asks", 17, 40),
    ],
)
def test_workers_and_exports_killed_at_any_moment(
    disturbed: Disturbed, most: int, faults: tuple[str, ...]
) -> None:
    kind, shared = disturbed.kind, Shared(disturbed.server.client)
    each = most // 2 if kind.fails else most
    counts = Counter[str]()

    def disturb(go_on: Callable[[], bool], *more: str) -> None:
        supervisor = disturbed.supervisor(each, (*faults, *more))
        supervisor.run(lambda: supervisor.injected < each and go_on(), SECONDS)
        counts.update(supervisor.counts)

    disturbed.feed()
    disturb(disturbed.feed)
    assert counts.total() >= each, f"the job was too short: {counts}"
    expected = disturbed.undisturbed("alone", 3 if kind.breaks else 0)
    disturbed.check(expected, counts.total())
    if kind.fails:
        assert len(shared.dead) > 0
        calls = disturbed.sandbox.stats["calls"]
        disturbed.replay(kills=2)
        disturb(disturbed.replay_once_more, "replay")  # in vain
        assert disturbed.sandbox.stats["calls"] == calls, "a replay costs no call"
        disturbed.check(expected, counts.total())
        kind.mend(disturbed.project)
        disturbed.replay(kills=2)
        disturb(lambda: False, "replay")
        assert kind.breaks or disturbed.sandbox.stats["calls"] == calls, "the same calls"
        expected = disturbed.undisturbed("mended", 0)
        disturbed.check(expected, counts.total())
        assert shared.dead == {}
    counts["replay killed"] = disturbed.replays_killed
    facts = shared.facts
    print(
        f"{kind.name}: {counts.total()} faults {dict(counts)}, "
        f"{facts.get('expired', 0)} leases expired, {facts['calls']} calls of "
        f"{expected.job['calls']}, {disturbed.portions} portions"
    )
