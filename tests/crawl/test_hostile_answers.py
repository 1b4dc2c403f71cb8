"""One bad answer: it must not hang the crawl, leak the token, or be paid for twice."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
import zlib
from contextlib import closing
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.support import TOKEN, CannedApi, Crawler, in_project, page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from redis import Redis

    from tests.support import Crawl
    from tests.ways import Way

pytestmark = pytest.mark.long  # make long

SEED = "/search/a/teapot.jpg"

#: Each character by its number, as JSON, a URL and HTML write it; and one inside another.
JSON_ESCAPED = "".join(f"\\u{ord(one):04x}" for one in TOKEN)
PERCENT = "".join(f"%{ord(one):02x}" for one in TOKEN)
SPELLINGS = {
    "plain": TOKEN,
    "json": JSON_ESCAPED,
    "one letter": TOKEN.replace("t", "\\u0074", 1),
    "upper case": JSON_ESCAPED.replace("\\u006f", "\\u006F"),
    "percent": PERCENT,
    "percent twice": quote(PERCENT),
    "html": "".join(f"&#{ord(one)};" for one in TOKEN),
    "html twice": escape("".join(f"&#x{ord(one):x};" for one in TOKEN)),
    "json in json": JSON_ESCAPED.replace("\\", "\\\\"),
    "percent in json": PERCENT.replace("%", "\\u0025"),
    "html in percent in json": quote("".join(f"&#{ord(one)};" for one in TOKEN)).replace(
        "%", "\\u0025"
    ),
}


def texts_of_archive(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as archive:
        for (body,) in archive.execute("SELECT body FROM answers"):
            yield zlib.decompress(body).decode()


def texts_of_redis(client: Redis) -> Iterator[str]:
    for key in client.scan_iter():
        yield repr(key)
        kind = client.type(key)
        if kind == b"hash":
            yield repr(client.hgetall(key))
        elif kind == b"list":
            yield repr(client.lrange(key, 0, -1))
        elif kind == b"string":
            yield repr(client.get(key))


def everything(done: Crawl, way: Way) -> Iterator[str]:
    """Yield all texts that a crawl has left anywhere."""
    yield done.log
    yield done.stdout
    for path in sorted(way.output.rglob("*")):
        if path.suffix == ".sqlite" and path.name == "archive.sqlite":
            yield from texts_of_archive(path)
        elif path.is_file():
            yield path.read_bytes().decode("utf-8", "replace")
    if way.server is not None:
        yield from texts_of_redis(way.server.client)


_ESCAPED = re.compile(r"(?<!\\)\\++u([0-9a-fA-F]{4})")


def meanings(text: str) -> set[str]:
    """Return a text as a reader who undoes JSON's escapes would see it."""
    once = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return {text, once, _ESCAPED.sub(lambda found: chr(int(found[1], 16)), once)}


#: The others are tried by ``make long``, and by the fuzz tests.
BRIEFLY = {"one letter", "json", "percent twice", "html in percent in json"}


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(spelling, marks=[] if name in BRIEFLY else pytest.mark.long, id=name)
        for name, spelling in SPELLINGS.items()
    ],
)
def test_a_token_however_it_is_spelt(way: Way, spelling: str) -> None:
    item = (
        f'{{"item_id": 1, "title": "lamp {spelling} new", "img": "https://cbu01.alicdn.com/'
        f'{spelling}.jpg", "shop_info": {{"company_name": "{spelling}"}}}}'
    )
    with CannedApi(page_of(item)) as api:
        done = way(api.url)("-L", "DEBUG", seeds=SEED)
    assert done.exit_status == 0, done.log
    assert done.outcome["items"] == 1, "it costs the texts that hold it, and no more"
    assert done.products[0]["item_id"] == 1
    assert "***" in done.products[0]["title"]
    for text in everything(done, way):
        for meaning in meanings(text):
            assert TOKEN not in meaning
            assert spelling not in meaning


def test_a_conversion_and_a_message_that_spell_the_token(way: Way) -> None:
    body = f'{{"code": 200, "data": {{"image_url": "/search/{JSON_ESCAPED}.jpg"}}}}'
    with CannedApi(body.encode()) as api:
        converted = way(api.url)("-L", "DEBUG", seeds="https://shop.example/a.jpg", job="a")
    with CannedApi(f'{{"code": 422, "msg": "no {JSON_ESCAPED}"}}'.encode()) as api:
        refused = way(api.url)("-L", "DEBUG", seeds=SEED, job="b")
    assert "***" in refused.outcome["message"]
    for done in (converted, refused):
        for text in everything(done, way):
            assert all(TOKEN not in meaning for meaning in meanings(text))


def test_a_message_commands_no_terminal_and_writes_no_log_line(way: Way) -> None:
    message = (
        "bad\\u001b[2J\\u001b]0;owned\\u0007\\u009b31m\\r\\n2026-11-28 [root] INFO: all is well"
    )
    message += "\\u2028next\\u202etxet"
    with CannedApi(f'{{"code": 422, "msg": "{message}"}}'.encode()) as api:
        done = way(api.url)(seeds=SEED)
    told = "bad?[2J?]0;owned??31m 2026-11-28 [root] INFO: all is well next?txet"
    assert done.outcome["message"] == told
    assert told in done.log or way.name == "worker", "which leaves it to status and export"
    for line in done.log.splitlines():
        assert line.isprintable(), repr(line)
    assert "\n2026-11-28 [root] INFO: all is well" not in done.log


def test_one_number_costs_its_value_and_not_the_page(way: Way) -> None:
    big = "9" * 5000
    items = (
        f'{{"item_id": 1, "title": "a", "moq": {big}}}',
        '{"item_id": 2, "title": "b", "shop_info": {"score_info": {"composite_score": -1e999}}}',
        f'{{"item_id": {big}, "title": "c"}}',
        '{"item_id": 4, "title": "d", "moq": NaN}',
    )
    with CannedApi(page_of(*items)) as api:
        done = way(api.url)(seeds=SEED)
    assert len(api.seen) == 1
    assert (done.exit_status, done.outcome["status"]) == (0, "complete")
    assert [row["title"] for row in done.products] == ["a", "b", "d"]
    assert done.outcome["rejected_items"] == 1
    assert done.job["unreadable"]["moq"]["items"] == 2
    assert done.job["unreadable"]["composite_score"]["items"] == 1
    for path in done.folder.glob("*.json*"):
        assert "Infinity" not in path.read_text("utf-8")


LONG = pytest.mark.long


@pytest.mark.parametrize(
    "element",
    ["{}", '{"item_id": 7}', pytest.param("[]", marks=LONG), pytest.param("1", marks=LONG)],
)
def test_elements_without_end_are_no_work(way: Way, element: str) -> None:
    with CannedApi(page_of('{"item_id": 1}', *[element] * 399_999)) as api:
        done = way(api.url)(seeds=SEED)
    assert len(api.seen) == 1
    assert done.exit_status == 0, done.log
    repeated = 999 if "item_id" in element else 0
    assert done.outcome["items"] == 1 + repeated
    assert done.outcome["rejected_items"] == 399_999 - repeated
    assert "page 1 has 400000 elements: those after the first 1000 are left out" in done.log


def test_values_nested_without_end(way: Way) -> None:
    deep = "[" * 900 + "]" * 900
    with CannedApi(page_of(f'{{"item_id": 1, "title": {deep}, "moq": {deep}}}')) as api:
        done = way(api.url)(seeds=SEED)
    assert done.exit_status == 0, done.log
    assert done.products[0]["title"] is None
    with CannedApi(page_of("[" * 100_000 + "]" * 100_000)) as api:
        done = way(api.url)(seeds=SEED, job="k")
    assert done.outcome["status"] == "failed"
    assert "Traceback" not in done.log


class Chatty:
    """A server that fails first, and a moment later sends more without a request."""

    def __init__(self, more: bytes) -> None:
        requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                requests.append(self.path)
                if requests.count(self.path) == 1:
                    self.wfile.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}")
                    time.sleep(0.1)  # the connection is idle by now
                    self.wfile.write(more)
                    return
                asked = parse_qs(urlsplit(self.path).query)
                page = int(asked["page"][0])
                items = (f'{{"item_id": {10 * page + n}}}' for n in range(3))
                body = page_of(*items, has_next_page=page < 3)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                self.wfile.write(head + body)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self.requests = requests
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


FOREIGN = page_of('{"item_id": 666}')


@pytest.mark.parametrize(
    "more",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(FOREIGN), FOREIGN),
        b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"\r\n",
    ],
    ids=["another page", "408", "half a head", "a blank line"],
)
def test_an_unrequested_answer_is_ignored(way: Way, more: bytes) -> None:
    server = Chatty(more)
    try:
        done = way(server.url)("-s", "TMAPI_RETRY_DELAY=0.6", seeds=SEED)
    finally:
        server.stop()
    assert done.exit_status == 0, done.log
    assert len(server.requests) == 6, "each page twice"
    outcome = done.outcome
    assert (outcome["pages"], outcome["calls"], outcome["retries"]) == (3, 6, 3)
    assert [row["item_id"] // 10 for row in done.sightings] == [1, 1, 1, 2, 2, 2, 3, 3, 3]


#: Bodies that are sent instead of an answer.
DAMAGE = {
    "a bomb": lambda: zlib.compress(bytes(2**28), 9),
    "a number": lambda: 7,
    "a text": lambda: "x",
    "cut short": lambda: zlib.compress(b"x" * 1000)[:-4],
    "no JSON": lambda: zlib.compress(b"no JSON"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_an_archive_that_is_not_what_was_written_costs_no_call(
    tmp_path: Path, damage: Callable[[], object]
) -> None:
    with CannedApi(page_of('{"item_id": 1}')) as api:
        crawl = Crawler(tmp_path, api.url)
        first = crawl(seeds=SEED)
        body = damage()
        with closing(sqlite3.connect(first.folder / "archive.sqlite")) as archive, archive:
            archive.execute("UPDATE answers SET body = ?", (body,))
            if isinstance(body, bytes):  # with the right checksum
                archive.execute("UPDATE answers SET crc = ?", (zlib.crc32(body),))
        again = crawl(seeds=SEED)
    assert len(api.seen) == 1, "it was paid for"
    assert again.exit_status == 4, again.log
    assert "Traceback" not in again.log
    assert "archive.sqlite" in again.log


def test_what_cant_be_read_for_want_of_memory_is_not_paid_again(tmp_path: Path) -> None:
    module = """
from tmapi_spiders import httpcache

def too_much(*_, **__):
    raise MemoryError

httpcache.read_answer = too_much
"""
    with CannedApi(page_of('{"item_id": 1}')) as api:
        crawl = in_project(tmp_path / "p", api.url, "")
        assert crawl(seeds=SEED).exit_status == 0
        with (tmp_path / "p" / "own.py").open("a") as settings:
            settings.write(module)
        again = crawl(seeds=SEED)
    assert len(api.seen) == 1
    assert again.exit_status == 4, again.log


def test_a_proxy_that_refuses_to_connect_costs_no_call(way: Way) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            self.send_error(407, "no\x1b[2J entry")

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    env = {"https_proxy": f"http://127.0.0.1:{server.server_port}"}
    try:
        done = way("https://api.tmapi.example")(seeds=SEED, env=env)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert (done.outcome["status"], done.outcome["calls"]) == ("failed", 0)
    assert done.job["calls"] == 0
    assert "the proxy does not connect to the API: 407" in done.outcome["message"]
    assert "\x1b" not in done.log
