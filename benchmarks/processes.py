"""Processes that are measured: CPU seconds, peak memory, and progress."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    from types import TracebackType

HERE = Path(__file__).parent
ROOT = HERE.parent
SCRAPY = [sys.executable, "-m", "scrapy"]

_LONGEST = 3 * 3600
"""Seconds after which a process is killed in any case."""

_NOT_INHERITED = ("TMAPI_", "SCRAPY_", "REDIS_", "COVERAGE", "PYTHONWARNINGS")


def environment(**given: object) -> dict[str, str]:
    """Return the environment of what is measured: this one without its settings and proxies."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_NOT_INHERITED) and not name.lower().endswith("_proxy")
    }
    return inherited | {name: str(value) for name, value in given.items()}


@attrs.frozen
class Usage:
    """What a process took."""

    status: int
    """Its exit status; below 0: the signal that ended it."""
    wall: float
    """Seconds from its start to its end."""
    cpu: float
    """Seconds of CPU, user and system."""
    peak: float
    """The most resident memory, in MB."""


class Child:
    """A process that is measured; as a context manager it is killed at the end of the block.

    :param log: for its output
    """

    def __init__(self, command: list[str], log: Path, cwd: Path, env: dict[str, str]) -> None:
        self._log = log
        self.started = time.time()
        self._launcher = subprocess.Popen(
            [sys.executable, "-S", "-E", str(HERE / "launcher.py"), str(log), *command],
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._launcher.stdout is not None
        self._told = self._launcher.stdout
        self.pid = int(self._told.readline())

    def __enter__(self) -> Self:
        """Begin the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill the process, if it has not ended."""
        if self._launcher.poll() is None:
            os.kill(self.pid, 9)  # its launcher has not waited for it yet
            self._launcher.wait()
        self._told.close()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._launcher.poll() is None

    def so_far(self) -> tuple[float, float]:
        """Return the CPU seconds it has taken so far, and the MB it holds. Linux only."""
        process = Path("/proc", str(self.pid))
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        pages = int((process / "statm").read_text().split()[1])
        return ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def wait(self, status: int = 0) -> Usage:
        """Wait until it has ended; end the benchmark if its exit status is not the expected one."""
        timer = Timer(_LONGEST, os.kill, (self.pid, 9))
        timer.start()
        try:
            usage = Usage(**json.loads(self._told.readline()))
            self._launcher.wait()
        finally:
            timer.cancel()
        if usage.status != status:
            sys.exit(f"{self._log.read_text()[-3000:]}\nIt ended with status {usage.status}.")
        return usage
