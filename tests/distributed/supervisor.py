"""A supervisor that restarts workers and exports when they die, and makes them die."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from tests.project_kinds import unexpected

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.forkserver import Process

__all__ = ["Service", "Supervisor"]

#: Exit status of a worker that exits between two steps.
_INJECTED = 9


@attrs.define
class Service:
    """A command that is to run until it has nothing more to do."""

    name: str
    begin: Callable[[Any], Process]
    """Starts it, given the path of its log."""
    done: frozenset[int]
    """Exit statuses with which it has nothing more to do."""
    is_worker: bool = True
    process: Process | None = None
    log: Path | None = None
    is_done: bool = False
    wakes_at: float | None = None
    """When it continues, once it was stopped."""
    starts: int = 0

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None


@attrs.define
class Supervisor:
    """Runs services, and injects faults at random moments.

    :param faults: kinds of faults, repeated as often as they should be drawn: kill, term, halt and
        exit of a worker, the end of an export, a kill of Redis, and a replay in the middle
    :param most: the number of faults in all
    :param replay: starts a replay
    """

    folder: Path
    draw: random.Random
    server: RedisServer
    lease: float
    faults: list[str]
    most: int
    replay: Callable[[], Process]
    services: list[Service] = attrs.field(factory=list)
    counts: Counter[str] = attrs.field(factory=Counter)
    ended: Counter[str] = attrs.field(factory=Counter)

    @property
    def injected(self) -> int:
        return self.counts.total()

    def run(self, go_on: Callable[[], bool], seconds: float) -> None:
        """Run the services until all are done, and *go_on* says there is no more to do.

        :param go_on: called when all are done; restarts them if it returns True
        """
        deadline = time.monotonic() + seconds
        try:
            next_at = time.monotonic() + self.draw.uniform(0.2, 0.5)
            while True:
                assert time.monotonic() < deadline, f"not done in time: {self}"
                self._look()
                if all(service.is_done for service in self.services):
                    if not go_on():
                        return
                    for service in self.services:
                        service.is_done = False
                if time.monotonic() > next_at and self.injected < self.most:
                    self._fault()
                    next_at = time.monotonic() + self.draw.uniform(0.1, 0.9)
                time.sleep(0.02)
        finally:
            for service in self.services:
                if service.process is not None:
                    service.process.send_signal(signal.SIGCONT)
                    service.process.kill()
                    service.process.communicate()

    def wants_exit(self) -> bool:
        """Return whether a worker that starts now is to exit by itself some time."""
        return "exit" in self.faults and self.injected < self.most and self.draw.random() < 0.5

    def _look(self) -> None:
        """Start what is to run, and note what has ended."""
        for service in self.services:
            if service.wakes_at is not None and time.monotonic() > service.wakes_at:
                assert service.process is not None
                service.process.send_signal(signal.SIGCONT)
                service.wakes_at = None
            if service.is_done or service.runs:
                continue
            if service.process is not None:
                self._ended(service)
            if not service.is_done:
                service.starts += 1
                service.log = self.folder / f"{service.name}-{service.starts}.log"
                with service.log.open("w") as log:
                    service.process = service.begin(log)

    def _ended(self, service: Service) -> None:
        """Check how a service has ended, and whether it is done."""
        assert service.process is not None
        assert service.log is not None
        stdout, _ = service.process.communicate()
        status = service.process.returncode
        service.process, service.wakes_at = None, None
        log = service.log.read_text(errors="replace")
        said = f"{service.log}, exit status {status}: {log[-3000:]}{stdout[-1000:]}"
        self.ended[f"{service.name.rstrip('0123456789')} {status}"] += 1
        was_killed = status in {-signal.SIGKILL, _INJECTED}
        assert not unexpected(log, was_killed=was_killed), said
        if status == _INJECTED:
            self.counts["exit"] += 1
        elif status in service.done:
            service.is_done = True
        else:
            # 4: ended by a signal, or an export that started while Redis was away.
            assert was_killed or status in {4, -signal.SIGTERM}, said

    def _fault(self) -> None:
        """Inject one fault."""
        kind = self.draw.choice([one for one in self.faults if one != "exit"] or [""])
        if kind == "redis":
            self.server.kill()
            time.sleep(self.draw.uniform(0.0, 0.4))
            self.server.start()
            self.counts[kind] += 1
            return
        if kind == "replay":
            replay = self.replay()
            with suppress(subprocess.TimeoutExpired):
                replay.wait(self.draw.uniform(0.1, 0.6))
            replay.kill()
            _, log = replay.communicate()
            assert "Traceback" not in log
            self.counts[kind] += 1
            return
        there = [
            service
            for service in self.services
            if service.runs and service.wakes_at is None and service.is_worker != (kind == "export")
        ]
        if not there:
            return
        victim = self.draw.choice(there)
        assert victim.process is not None
        if kind == "halt":
            victim.process.send_signal(signal.SIGSTOP)
            victim.wakes_at = time.monotonic() + self.lease * self.draw.uniform(1.1, 1.6)
        elif kind == "term" or (kind == "export" and self.draw.random() < 0.3):
            victim.process.terminate()
        elif kind in {"kill", "export"}:
            victim.process.kill()
        else:
            return
        self.counts[kind] += 1
