"""Redis at the start of a worker: not up yet, loading, or of an unusual kind."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.distributed.proxies import RefusingProxy
from tests.distributed.servers import RedisServer, free_port
from tests.distributed.shared import Shared
from tests.distributed.test_failures import SEEDS, wait_until
from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread

LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


def test_a_server_that_comes_late(tmp_path: Path, sandbox: SandboxThread) -> None:
    server = RedisServer(tmp_path / "redis", port=free_port())
    start = server.crawler(tmp_path / "output", sandbox.url, TMAPI_REDIS_WAIT="200")
    log = tmp_path / "log"
    with log.open("w") as stderr:
        worker = start.start(job="j", stderr=stderr, seeds="/search/a/onepage.jpg")
    wait_until(lambda: "waiting for it, up to 200 s" in log.read_text(), 60)
    with server:
        assert start.finish(worker).exit_status == 0, log.read_text()
        Shared(server.client).check()
    assert log.read_text().count("waiting for it") == 1


def test_a_server_that_is_loading(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    with RefusingProxy(redis_server.port, LOADING) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        start = redis_server.crawler(tmp_path, sandbox.url, REDIS_URL=url, TMAPI_REDIS_WAIT="0")
        done = start.command("tmapi", "enqueue", "j", seeds=SEEDS)
        assert done.exit_status == 4, done.log
        assert "loading the dataset" in done.log
        log = tmp_path / "log"
        with log.open("w") as stderr:
            env = {"TMAPI_REDIS_WAIT": "200"}
            worker = start.start(job="j", env=env, stderr=stderr, seeds="/search/a/onepage.jpg")
        wait_until(lambda: "waiting for it, up to 200 s" in log.read_text(), 60)
        proxy.reply = b""
        assert start.finish(worker).exit_status == 0, log.read_text()


def test_a_proxy_that_refuses_hello(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    reply = b"-ERR unknown command 'HELLO', with args beginning with: '3'\r\n"
    with RefusingProxy(redis_server.port, reply, b"HELLO") as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        start = redis_server.crawler(tmp_path / "output", sandbox.url, REDIS_URL=url)
        refused = start.command("tmapi", "enqueue", "j", seeds="/search/a/onepage.jpg")
        assert refused.exit_status == 2
        (line,) = refused.log.strip().splitlines()
        assert "set ?protocol=2 at the end of REDIS_URL" in line
        done = start("-s", f"REDIS_URL={url}?protocol=2", seeds="/search/a/onepage.jpg")
        assert done.exit_status == 0, done.log


def enqueued(start: Crawler) -> tuple[int, str]:
    done = start.command("tmapi", "enqueue", "j", seeds=SEEDS)
    return done.exit_status, done.log


@pytest.mark.long
def test_a_server_that_throws_jobs_away(tmp_path: Path, sandbox: SandboxThread) -> None:
    options = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with RedisServer(tmp_path / "redis", *options) as server:
        start = server.crawler(tmp_path, sandbox.url)
        status, log = enqueued(start)
        assert status == 2
        assert "maxmemory-policy is allkeys-lru" in log
        assert "CONFIG SET maxmemory-policy noeviction" in log
        assert not server.client.keys("*")
        assert start(job="j").exit_status == 2
        assert start.command("tmapi", "status").exit_status == 0  # existing data can still be saved
        server.client.config_set("maxmemory-policy", "volatile-ttl")
        status, log = enqueued(start)
        assert status == 0
        assert "maxmemory-policy is volatile-ttl" in log
        server.client.config_set("maxmemory-policy", "allkeys-lru")
        server.client.config_set("maxmemory", 0)  # without a limit nothing is evicted
        status, log = enqueued(start)
        assert status == 0
        assert "maxmemory" not in log


@pytest.mark.long
def test_a_user_who_may_not_ask_for_info(tmp_path: Path, sandbox: SandboxThread) -> None:
    """As on managed servers: what can't be queried is not checked."""
    with RedisServer(tmp_path / "redis", "--appendonly", "yes") as server:
        server.client.execute_command(
            *["ACL", "SETUSER", "some", "on", ">PASSWORD", "~*", "&*", "+@all", "-info", "-config"]
        )
        url = f"redis://some:PASSWORD@127.0.0.1:{server.port}/0"
        start = server.crawler(tmp_path / "output", sandbox.url, REDIS_URL=url)
        done = start(seeds="/search/a/onepage.jpg", job="j")
        assert done.exit_status == 0, done.log
        assert start.command("tmapi", "export", "j").exit_status == 0


@pytest.mark.long  # make long
def test_a_right_that_is_missed_on_the_way_ends_the_worker(
    tmp_path: Path, sandbox: SandboxThread
) -> None:
    """Even though it still holds pages by then."""
    with RedisServer(tmp_path / "redis", "--appendonly", "yes") as server:
        rights = ("ACL", "SETUSER", "tmapi", "on", ">PASSWORD", "~*", "+@all", "-zscore")
        server.client.execute_command(*rights)
        url = f"redis://tmapi:PASSWORD@127.0.0.1:{server.port}/0"
        start = server.crawler(tmp_path / "output", sandbox.url, REDIS_URL=url)
        done = start(seeds="/search/a/1.jpg,/search/a/2.jpg", sort="default,sales", job="j")
        assert done.exit_status == 4, done.log
        assert "no permissions to run the 'zscore' command" in done.log
        assert "Traceback" not in done.log


@pytest.mark.long
def test_a_user_with_the_documented_rights(tmp_path: Path, sandbox: SandboxThread) -> None:
    docs = (ROOT / "docs" / "distributed.md").read_text("utf-8")
    command = re.findall(r"^    redis-cli (ACL SETUSER (?:.*\\\n)+.*)$", docs, re.MULTILINE)[0]
    with RedisServer(tmp_path / "redis", "--appendonly", "yes") as server:
        server.client.execute_command(*shlex.split(command.replace("\\\n", "")))
        server.client.execute_command("ACL", "LOG", "RESET")
        url = f"redis://tmapi:PASSWORD@127.0.0.1:{server.port}/0"
        start = server.crawler(
            tmp_path / "output", sandbox.url, REDIS_URL=url, TMAPI_TRIM_EXPORTED="1"
        )
        seeds = "/search/a/1.jpg,/search/a/2.jpg,https://example.com/a.jpg,/search/invalid/1.jpg"
        for words in (
            ["enqueue", "j", "-a", f"seeds={seeds}", "-a", "sort=default,sales"],
            ["crawl"],
            ["status", "j", "--json"],
            ["export", "j"],
            ["replay", "j", "--failed"],
            ["enqueue", "j", "-a", "seeds=/search/b/1.jpg"],
            ["stop", "j"],
            ["crawl"],
            ["export", "j"],
            ["status"],
            ["delete", "j", "--yes"],
        ):
            done = start(job="j") if words == ["crawl"] else start.command("tmapi", *words)
            assert done.exit_status in ({0, 3} if words == ["crawl"] else {0}), done.log
            assert "NOPERM" not in done.log
        assert not server.client.keys("image_search:j:*")
        refused = {entry[b"object"] for entry in server.client.execute_command("ACL", "LOG")}
        assert refused <= {b"client|setinfo", b"client"}  # redis-py announces its name, if it may
