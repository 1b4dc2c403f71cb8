"""Proxies, and errors that must not contain the signed URL."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from tests.crawl.test_hostile import SEED
from tests.support import TOKEN, CannedApi

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ways import Way


def test_a_proxys_password_goes_to_the_proxy_only(way: Way) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[bytes] = []

    def proxy() -> None:
        connection, _ = listener.accept()
        with connection:
            seen.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=proxy)
    thread.start()
    crawl = way("https://api.tmapi.example")
    done = crawl(
        seeds=SEED,
        env={
            "TMAPI_RETRY_TIMES": "0",
            "https_proxy": f"http://user:pass@127.0.0.1:{listener.getsockname()[1]}",
        },
    )
    thread.join()
    listener.close()
    assert done.outcome["status"] == "failed"
    (request,) = seen
    assert request.startswith(b"CONNECT api.tmapi.example:443 ")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz" in request
    assert TOKEN.encode() not in request, "it travels inside the encrypted tunnel only"


def test_exceptions_do_not_drag_the_signed_url_along(way: Way, tmp_path: Path) -> None:
    module = (
        'DOWNLOADER_MIDDLEWARES = {"own.Nosy": 500}\n'
        "import traceback\n"
        "class Nosy:\n"
        "    def process_exception(self, request, exception):\n"
        "        while exception is not None:\n"
        "            print('NOSY', repr(exception), vars(exception))\n"
        "            exception = exception.__cause__ or exception.__context__\n"
    )
    with CannedApi(b"", headers=(("Bad\x00Header", "x"),)) as api:
        done = way.in_project(tmp_path / "p", api.url, module)(seeds=SEED)
    assert "NOSY" in done.stdout
    assert TOKEN not in done.stdout + done.log


def test_a_redirects_location_never_shows_the_token(way: Way, tmp_path: Path) -> None:
    module = (
        'DOWNLOADER_MIDDLEWARES = {"own.Nosy": 500}\n'
        "class Nosy:\n"
        "    def process_response(self, request, response):\n"
        "        print('NOSY', request.url, response.url, response.headers, response.text)\n"
        "        return response\n"
    )
    echo = f"https://elsewhere.example/?apiToken={TOKEN}"
    with CannedApi(echo.encode(), 302, (("Location", echo), ("Content-Type", "text/plain"))) as api:
        done = way.in_project(tmp_path / "p", api.url, module)(seeds=SEED)
    assert "elsewhere.example/?apiToken=***" in done.stdout
    assert TOKEN not in done.stdout + done.log


def test_a_base_url_is_understood_however_it_is_written(way: Way) -> None:
    with CannedApi(b'{"code": 200, "data": {"items": []}}') as api:
        url = api.url.replace("http://127.0.0.1", "HTTP://LOCALHOST") + "/"
        done = way(url)(seeds=SEED, convert="never")
    assert done.outcome["status"] == "empty"
    assert len(api.seen) == 1
    assert api.seen[0].startswith("/1688/global/search/image/v2?language=en&img_url=")


def test_no_connection(way: Way) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    seeds = ",".join(f"/search/{number}.jpg" for number in range(5))
    done = way(f"http://127.0.0.1:{port}")(seeds=seeds)
    assert done.exit_status == 3
    assert {row["status"] for row in done.outcomes} == {"failed"}
    if way.alone:
        assert "  5 queries: DownloadConnectionRefusedError: " in done.log
    assert {row["message"][:31] for row in done.outcomes} == {"DownloadConnectionRefusedError:"}
    assert "Traceback" not in done.log


def test_the_command_to_run_it_again_has_what_was_given_but_the_token(way: Way) -> None:
    with CannedApi(b"") as api:
        crawl = way(api.url)
        done = crawl("-s", "TMAPI_AUTH=header", "-s", f"TMAPI_TOKEN={TOKEN}", seeds=SEED)
    command = "    scrapy crawl image_search -a job=j -s TMAPI_AUTH=header\n"
    assert not way.alone or command in done.log
    assert TOKEN not in done.log
