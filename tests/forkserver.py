"""Starts Scrapy's commands as separate processes in which all modules are already loaded.

Loading Scrapy, Twisted, pydantic and this package is most of what a short crawl costs. So one
process loads them, and each command is a fork of it: a real process with its own pid, streams,
folder and environment, which is signalled and killed like any other. Nothing in the package may
read these at import. Whatever a fork can't have (its own ``PYTHON…`` variables, a terminal, an
operating system other than Linux) is started normally, and so is everything with
``FRESH_PROCESSES=1``.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any, Self

from scrapy.settings import default_settings
from scrapy.utils.misc import load_object, walk_modules_iter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["SCRAPY", "Fork", "Process", "start_scrapy"]

SCRAPY = (sys.executable, "-m", "scrapy")

#: Third-party modules that a crawl, a worker and the commands load.
LIBRARIES = (
    "aiohttp.web",
    "itemadapter",
    "itemloaders",
    "jmespath",
    "orjson",
    "pydantic.fields",
    "redis.asyncio",
    "rich.console",
    "rich.progress",
    "scrapy.cmdline",
    "scrapy.core.downloader.handlers.http11",
    "scrapy.core.scheduler",
    "scrapy.exporters",
    "scrapy.loader",
    "scrapy.spiders",
    "scrapy.squeues",
    "sqlite3",
    "twisted.internet.asyncioreactor",
)

#: Modules of the package that they load.
PACKAGE = (
    "tmapi_spiders.addon",
    "tmapi_spiders.commands.crawl",
    "tmapi_spiders.commands.runspider",
    "tmapi_spiders.commands.tmapi",
    "tmapi_spiders.distributed.components",
    "tmapi_spiders.distributed.join",
    "tmapi_spiders.distributed.scheduler",
    "tmapi_spiders.handler",
    "tmapi_spiders.extensions",
    "tmapi_spiders.local.preparation",
    *(
        f"tmapi_spiders.commands.{name}"
        for name in ("compare", "delete", "enqueue", "estimate", "export", "gallery", "jobs")
    ),
    *(f"tmapi_spiders.commands.{name}" for name in ("prune", "replay", "status", "stop")),
)

#: Prefixes of variables that take effect when Python starts, and so not in a fork.
AT_THE_START = ("PYTHON", "LD_", "LC_", "LANG", "COVERAGE", "SSL_")


class Fork:
    """A process, with the part of `subprocess.Popen` that the tests use, in text mode."""

    def __init__(self, words: Sequence[str], pid: int, reply: IO[str], streams: list[int]) -> None:
        self.args = list(words)
        self.pid = pid
        self.returncode: int | None = None
        self.stdout, self.stderr = (None if fd < 0 else os.fdopen(fd) for fd in streams)
        self._reply = reply
        self._status = threading.Thread(target=self._await_end, daemon=True)
        self._status.start()
        self._readers: list[tuple[threading.Thread, list[str]]] | None = None

    def _await_end(self) -> None:
        with self._reply:
            status = self._reply.readline()
        # The server is gone, and its forks may be in any state.
        self.returncode = int(status) if status else -signal.SIGKILL

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._join(self._status, timeout)
        assert self.returncode is not None
        return self.returncode

    def _join(self, thread: threading.Thread, timeout: float | None) -> None:
        thread.join(timeout)
        if thread.is_alive():
            raise subprocess.TimeoutExpired(self.args, timeout or 0)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        deadline = None if timeout is None else time.monotonic() + timeout

        def left() -> float | None:
            return None if deadline is None else max(0, deadline - time.monotonic())

        if self._readers is None:
            self._readers = []
            for stream in (self.stdout, self.stderr):
                read: list[str] = []
                thread = threading.Thread(target=self._read, args=(stream, read), daemon=True)
                thread.start()
                self._readers.append((thread, read))
        for thread, _ in self._readers:
            self._join(thread, left())
        self.wait(left())
        stdout, stderr = ("".join(read) for _, read in self._readers)
        return stdout, stderr

    @staticmethod
    def _read(stream: IO[str] | None, into: list[str]) -> None:
        if stream is not None and not stream.closed:
            with stream:
                into.append(stream.read())

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()


Process = subprocess.Popen[str] | Fork


class _Client:
    """The fork server of this process, started on first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        self._environment = {**os.environ, "PYTHONWARNINGS": "error"}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self._stop)

    def _stop(self) -> None:
        self._control.close()
        self._server.wait()

    def serves(self, env: Mapping[str, str]) -> bool:
        def at_the_start(variables: Mapping[str, str]) -> dict[str, str]:
            return {name: text for name, text in variables.items() if name.startswith(AT_THE_START)}

        return at_the_start(env) == at_the_start(self._environment)

    def start(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], stdout: Any, stderr: Any
    ) -> Fork:
        ends: list[int] = []
        ours: list[int] = []
        to_close: list[int] = []
        for stream in (stdout, stderr):
            read = -1
            if stream == subprocess.PIPE:
                read, write = os.pipe()
                to_close.append(write)
            elif stream == subprocess.DEVNULL:
                write = os.open(os.devnull, os.O_WRONLY)
                to_close.append(write)
            elif stream == subprocess.STDOUT:
                write = ends[0]
            else:
                write = stream if isinstance(stream, int) else stream.fileno()
            ends.append(write)
            ours.append(read)
        reply, theirs = socket.socketpair()
        with theirs, reply, self._lock:
            socket.send_fds(self._control, [b"."], [theirs.fileno(), *ends])
            request = {"words": list(words), "cwd": str(cwd), "env": dict(env)}
            reply.sendall(json.dumps(request).encode() + b"\n")
            lines = reply.makefile()
        for fd in to_close:
            os.close(fd)
        return Fork(words, int(lines.readline()), lines, ours)


@functools.cache
def _client() -> _Client:
    return _Client()


def start_scrapy(
    words: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
) -> Process:
    """Start ``scrapy`` with these arguments, without standard input."""
    forks = hasattr(os, "pidfd_open") and not os.environ.get("FRESH_PROCESSES")
    if forks and _client().serves(env):
        return _client().start(words, cwd, env, stdout, stderr)
    return subprocess.Popen(
        [*SCRAPY, *words],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
    )


def _serve(control: int) -> dict[str, Any] | None:
    """Fork for each request; return the request in the fork, and None when there are no more."""
    poll = select.poll()  # has no descriptor that a fork would have to close
    poll.register(control, select.POLLIN)
    running: dict[int, tuple[int, int]] = {}
    while True:
        for ready, _ in poll.poll():
            if ready == control:
                listening = socket.socket(fileno=control)
                _, fds, *_ = socket.recv_fds(listening, 1, 3)
                listening.detach()
                if not fds:
                    return None
                reply, *streams = fds
                with open(reply, "rb", closefd=False) as lines:
                    request: dict[str, Any] = json.loads(lines.readline())
                pid = os.fork()
                if not pid:
                    for number, fd in enumerate(streams, 1):
                        os.dup2(fd, number)
                    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                    return request
                for fd in streams:
                    os.close(fd)
                os.write(reply, b"%d\n" % pid)
                ended = os.pidfd_open(pid)
                running[ended] = pid, reply
                poll.register(ended, select.POLLIN)
            else:
                pid, reply = running.pop(ready)
                poll.unregister(ready)
                os.close(ready)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(BrokenPipeError):
                    os.write(reply, b"%d\n" % status)
                os.close(reply)


def _main() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    components = (
        default_settings.EXTENSIONS_BASE
        | default_settings.DOWNLOADER_MIDDLEWARES_BASE
        | default_settings.SPIDER_MIDDLEWARES_BASE
    )
    for path in components:
        load_object(path)
    list(walk_modules_iter("scrapy.commands"))
    for name in PACKAGE:
        importlib.import_module(name)
    gc.freeze()  # so that forks never scan what exists already
    assert "twisted.internet.reactor" not in sys.modules
    request = _serve(int(sys.argv[1]))
    if request is None:
        return
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.path[0] = request["cwd"]
    sys.argv[1:] = request["words"]
    # As Python opens them; the present ones were made for the server's streams.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    if os.environ.get("PYTHONUNBUFFERED"):
        sys.stdout.reconfigure(write_through=True)
        sys.stderr.reconfigure(write_through=True)
    runpy.run_module("scrapy", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
