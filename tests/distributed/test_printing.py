"""Commands whose output is cut off (`| head -1`) end silently."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

import attrs
import pytest

from tests.distributed.desk import Desk
from tests.support import TOKEN
from tmapi_spiders.commands.tmapi import EXIT_BROKEN_PIPE, Command
from tmapi_spiders.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import Crawler

SEED = "seeds=/search/a/teapot.jpg"

COMMANDS: dict[str, dict[str, Any]] = {
    "delete": {"yes": True},
    "enqueue": {"spargs": [SEED, "convert=never"], "spider": None},
    "estimate": {"job": None, "spargs": [SEED], "spider": None},
    "export": {"output": None, "table": None, "bom": False, "follow": False},
    "replay": {"failed": True},
    "sandbox": {
        **attrs.asdict(SandboxOptions(products=10)),
        "host": "127.0.0.1",
        "port": 0,
        "failure_kinds": "",
    },
    "status": {"json": False, "watch": True},
    "stop": {},
}


def closed_pipe() -> IO[str]:
    reads, writes = os.pipe()
    os.close(reads)
    return os.fdopen(writes, "w")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command(
    redis_server: RedisServer,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    desk = Desk(redis_server, tmp_path / "output").with_settings(TMAPI_TOKEN=TOKEN)
    desk.make()
    command = Command()
    command.settings = desk.all_settings()
    with closed_pipe() as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        command.run([], argparse.Namespace(**{"subcommand": name, "job": "j"} | COMMANDS[name]))
    assert command.exitcode == EXIT_BROKEN_PIPE
    assert capsys.readouterr().err == ""


def test_as_a_process(offline: Crawler) -> None:
    """Python's own complaint at exit is absent as well; the exit status is as usual."""
    words = ["-m", "scrapy", "tmapi", "estimate", "-a", SEED]
    with closed_pipe() as stdout:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=offline.project,
            env=offline.environment(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")
