"""URLs with secrets: no message quotes more than scheme, host and port."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from tests.crawl.test_hostile import SEED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import Crawler
    from tests.ways import Way

SECRET = "hunter2"

LONG = pytest.mark.long


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nothing listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize(
    "odd",
    ["@", "/", "?", "", *(pytest.param(odd, marks=LONG) for odd in ("#", ":", "/@", "1/", "@#"))],
)
@pytest.mark.parametrize("user", ["", pytest.param("me", marks=pytest.mark.long)])
def test_a_password_of_redis(odd: str, user: str, offline: Crawler, closed_port: int) -> None:
    url = f"redis://{user}:{SECRET}{odd}{SECRET}@127.0.0.1:{closed_port}/0"
    done = offline.command("tmapi", "status", env={"REDIS_URL": url, "TMAPI_REDIS_WAIT": "0"})
    assert SECRET not in done.log + done.stdout
    assert "Traceback" not in done.log
    if odd in {"@", ":", ""}:
        assert done.exit_status == 4
        assert f"Redis at redis://127.0.0.1:{closed_port}/0: " in done.log
    else:
        assert done.exit_status == 2
        assert "REDIS_URL=redis://…: its host can't be told from the rest" in done.log
        assert "write @ as %40" in done.log


@pytest.mark.parametrize(
    "settings",
    [
        {"REDIS_URL": f"redis://127.0.0.1:1/0?password={SECRET}&socket_timeout=x"},
        {"REDIS_URL": f"redis://127.0.0.1:1/0?password=a@{SECRET}"},
        {"REDIS_URL": f"redis://{SECRET}:{SECRET}"},
        {"REDIS_URL": SECRET},
        {"REDIS_SENTINELS": f"redis://:{SECRET}@127.0.0.1:1"},
        {"REDIS_SENTINELS": f"redis://:{SECRET}@127.0.0.1"},
        {"REDIS_URL": "redis://127.0.0.1:1", "REDIS_PARAMS": f'{{"password": ["{SECRET}"]}}'},
    ],
)
def test_secrets_in_other_places(settings: dict[str, str], offline: Crawler) -> None:
    given = [word for name, value in settings.items() for word in ("-s", f"{name}={value}")]
    done = offline.command("tmapi", "status", *given, env={"TMAPI_REDIS_WAIT": "0"})
    away = "Connection refused" in done.log
    assert done.exit_status == (4 if away else 2), done.log
    assert SECRET not in done.log + done.stdout
    assert "Traceback" not in done.log


@pytest.mark.parametrize(
    "url",
    [
        f"https://api.example/?apiToken={SECRET}",
        f"https://me:{SECRET}@api.example",
        f"https://me:{SECRET}/{SECRET}@api.example",
        f"https://me:{SECRET}#{SECRET}@api.example",
        f"https://{SECRET}@{SECRET}@api.example",
        f"http://api.example/{SECRET}",
        f"https://api.example:{SECRET}",
        SECRET,
    ],
)
def test_a_base_url(url: str, way: Way) -> None:
    done = way()("-s", f"TMAPI_BASE_URL={url}", seeds=SEED)
    assert done.exit_status == 2
    assert "TMAPI_BASE_URL=" in done.log
    assert SECRET not in done.log


@pytest.mark.parametrize("name", ["TMAPI_BASE_URL", "TMAPI_BUDGET", "TMAPI_AUTH"])
def test_a_token_that_was_pasted_elsewhere(name: str, crawl: Crawler) -> None:
    token = "a-token-of-mine-1234567890"
    place = f"https://{token}?x" if name == "TMAPI_BASE_URL" else token
    done = crawl("-s", f"{name}={place}", "-s", f"TMAPI_TOKEN={token}", seeds=SEED)
    assert done.exit_status == 2
    assert f"{name}=" in done.log
    assert token not in done.log


@pytest.mark.parametrize("odd", ["/", pytest.param("?", marks=LONG), pytest.param("#", marks=LONG)])
def test_a_proxy_whose_parts_are_ambiguous(odd: str, way: Way) -> None:
    proxy = f"http://me:{SECRET}{odd}{SECRET}@127.0.0.1:1"
    done = way("https://api.tmapi.example")(seeds=SEED, env={"https_proxy": proxy})
    assert done.exit_status == 2
    assert "https_proxy=http://…: its host can't be told from the rest" in done.log
    assert SECRET not in done.log


def test_a_proxy_that_refuses_the_password(way: Way) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def proxy() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
            )

    thread = threading.Thread(target=proxy)
    thread.start()
    variables = {
        "TMAPI_RETRY_TIMES": "0",
        "https_proxy": f"http://me:{SECRET}@127.0.0.1:{listener.getsockname()[1]}",
    }
    done = way("https://api.tmapi.example")("-L", "DEBUG", seeds=SEED, env=variables)
    thread.join()
    listener.close()
    assert done.outcome["status"] == "failed"
    assert "407" in done.outcome["message"]
    assert SECRET not in done.log
    for path in done.folder.iterdir():
        assert SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize(
    "odd", ["/", "@", *(pytest.param(odd, marks=LONG) for odd in ("?", "#", ":"))]
)
def test_a_webhook(odd: str, offline: Crawler) -> None:
    url = f"http://me:{SECRET}{odd}{SECRET}@hooks.example/{SECRET}"
    done = offline.command("tmapi", "compare", "a", "b", "--notify", url)
    assert done.exit_status == 2
    assert "--notify" in done.log
    assert SECRET not in done.log
    assert "Traceback" not in done.log
