"""The server that is crawled: quick_api.py, as a separate process on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

import attrs
from processes import HERE, environment

if TYPE_CHECKING:
    from collections.abc import Iterator


@attrs.frozen
class Server:
    """The server that plays the API."""

    url: str
    """Its base URL."""

    def get(self, path: str, data: bytes | None = None) -> Any:
        """Send a request; with *data*, a POST."""
        no_proxy = build_opener(ProxyHandler({}))  # no proxy leads to this machine
        with no_proxy.open(self.url + path, data) as answer:
            return json.loads(answer.read() or b"null")

    def reset(self, workers: int = 1, latency: float = 0.0, limit: int = 0) -> None:
        """Reset the counters.

        :param latency: seconds that each answer takes
        :param limit: most calls in flight; 0: no limit
        """
        self.get(f"/reset?workers={workers}&latency={latency}&limit={limit}", b"")


@contextmanager
def quick_api(
    queries: int, pages: int, *, twins: int = 1, own_core: bool = True
) -> Iterator[Server]:
    """Run quick_api.py.

    :param pages: number of pages of each query
    :param twins: number of queries in a row that share one item in five
    :param own_core: whether it gets a core to itself (if there are two), while this process and
        whatever it starts use the others
    """
    server = subprocess.Popen(
        [sys.executable, str(HERE / "quick_api.py"), *map(str, (queries, pages, twins))],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        with _apart(server.pid) if own_core else nullcontext():
            yield Server(server.stdout.readline().strip())
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@contextmanager
def _apart(server: int) -> Iterator[None]:
    """Keep a process and this one, with those it starts, on different cores, if possible."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(cores) < 2:
        yield
        return
    os.sched_setaffinity(server, {max(cores)})
    os.sched_setaffinity(0, cores - {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
