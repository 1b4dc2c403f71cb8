"""The sandbox as a server: token, limit, balance, compression, pictures, admin; and its client.

`serving` and `Client` here are what the other tests of the sandbox speak to it with: plain
http.client over loopback, so that nothing is followed, retried or decoded behind a test's back.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import attrs
import pytest

from tests.support import SandboxThread
from tmapi_spiders.sandbox.account import Account
from tmapi_spiders.sandbox.options import SandboxOptions
from tmapi_spiders.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

SEARCH = "/1688/global/search/image/v2"
CONVERT = "/1688/tools/image/convert_url"
TOKEN = "s3cret-t0ken"


@attrs.frozen
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        assert (self.status, self.json["code"]) == (200, 200), self.body
        return self.json["data"]


class Client:
    def __init__(self, base_url: str) -> None:
        self.base_url = base_url

    def send(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: str | None = None,
        timeout: float = 60,
    ) -> Reply:
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=timeout)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            got = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, got, response.read())
        finally:
            connection.close()

    def search(self, img_url: str, timeout: float = 60, **params: Any) -> Reply:
        query = urlencode({"apiToken": TOKEN, "img_url": img_url, **params})
        return self.send("GET", f"{SEARCH}?{query}", timeout=timeout)

    def convert(self, url: object, **fields: object) -> Reply:
        body = {"url": url, "search_api_endpoint": "/global/search/image/v2", **fields}
        return self.send("POST", f"{CONVERT}?apiToken={TOKEN}", body=json.dumps(body))

    def pages(self, img_url: str, **params: Any) -> list[dict[str, Any]]:
        """Return all pages of a search, as the API's `data`."""
        pages = [self.search(img_url, page=1, **params).data]
        while pages[-1]["has_next_page"]:
            pages.append(self.search(img_url, page=len(pages) + 1, **params).data)
        return pages

    def items(self, img_url: str, **params: Any) -> list[dict[str, Any]]:
        return [item for page in self.pages(img_url, **params) for item in page["items"]]

    def admin(self, name: str, **fields: int | str) -> Any:
        if fields or name == "reset":
            return self.send("POST", f"/_sandbox/{name}", body=json.dumps(fields)).json
        return self.send("GET", f"/_sandbox/{name}").json


@contextmanager
def serving(**options: Any) -> Iterator[Client]:
    """A sandbox in a separate thread."""
    thread = SandboxThread(**{"products": 1000, **options})
    try:
        yield Client(thread.url)
    finally:
        thread.stop()


@pytest.fixture(scope="module")
def served() -> Iterator[Client]:
    with serving() as client:
        yield client


@pytest.fixture
def client(served: Client) -> Client:
    served.admin("reset")
    return served


# Token


def test_the_token_travels_in_the_query_or_in_a_header(client: Client) -> None:
    target = f"{SEARCH}?img_url=/search/a.jpg"
    in_query = client.send("GET", f"{target}&apiToken={TOKEN}")
    in_header = client.send("GET", target, {"ApiKey": TOKEN})
    assert in_query.data == in_header.data
    assert [call["auth"] for call in client.admin("calls")] == ["query", "header"]


@pytest.mark.parametrize("query", ["", "apiToken=&"])
def test_a_call_without_token_is_401(client: Client, query: str) -> None:
    reply = client.send("GET", f"{SEARCH}?{query}img_url=/search/a.jpg")
    assert (reply.status, reply.json) == (401, {"message": "No API key found in request"})
    assert client.send("POST", CONVERT, body="{}").status == 401


def test_a_wrong_token_is_401_before_anything_else() -> None:
    with serving(token="right", balance=0) as client:
        reply = client.search("")
        assert (reply.status, reply.json["code"]) == (401, 401)
        assert TOKEN not in reply.body.decode()
        right = client.send("GET", f"{SEARCH}?apiToken=right")
        assert (right.status, right.json["code"]) == (439, 439)


def test_the_records_never_hold_the_token(client: Client) -> None:
    client.search("/search/a.jpg")
    client.send("GET", f"{SEARCH}?img_url=/search/a.jpg", {"apikey": TOKEN})
    client.convert("https://example.com/a.jpg")
    assert TOKEN not in json.dumps([client.admin("calls"), client.admin("stats")])


# Limit and balance


def test_a_call_above_the_limit_is_503_and_the_others_are_answered() -> None:
    with serving(limit=5, latency=0.5) as client, ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda n: client.search(f"/search/{n}.jpg"), range(12)))
        statuses = sorted(reply.status for reply in replies)
        assert statuses == [200] * 5 + [503] * 7
        stats = client.admin("stats")
        assert (stats["calls"], stats["ok"], stats["refused"], stats["in_flight"]) == (12, 5, 7, 0)
        # A refused call is in flight as well, for a moment.
        assert stats["max_in_flight"] == 6
        client.admin("limit", limit=0)
        statuses = [r.status for r in pool.map(client.search, ["/search/a.jpg"] * 12)]
        assert statuses == [200] * 12


def test_a_balance_of_n_is_exactly_n_calls_at_any_concurrency() -> None:
    with serving(balance=7, latency=0.05) as client, ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda n: client.search(f"/search/{n}.jpg"), range(20)))
        assert sorted(reply.status for reply in replies) == [200] * 7 + [439] * 13
        assert client.admin("stats")["balance"] == 0
        assert client.convert("https://example.com/a.jpg").json == {
            "code": 439,
            "msg": "Insufficient API balance",
            "data": None,
        }
        assert client.admin("balance", balance=1) == {"balance": 1}
        assert client.convert("https://example.com/a.jpg").status == 200
        assert client.search("/search/a.jpg").status == 439


def test_only_answers_of_code_200_are_paid_for() -> None:
    with serving(balance=1) as client:
        for name in ("fail-status-503", "fail-code-500", "fail-html", "echo"):
            client.search(f"/search/{name}.jpg")
        client.search("")
        assert client.admin("stats")["balance"] == 1
        client.search("/search/fail-empty.jpg")
        assert client.admin("stats")["balance"] == 0


def test_latency_is_added_to_a_call_but_not_to_a_refusal() -> None:
    with serving(latency=0.2, balance=1) as client:
        started = time.monotonic()
        assert client.search("/search/a.jpg").status == 200
        answered = time.monotonic()
        assert client.search("/search/a.jpg").status == 439
        assert answered - started >= 0.2 > time.monotonic() - answered


# HTTP


def test_answers_are_compressed_when_asked_for(client: Client) -> None:
    target = f"{SEARCH}?img_url=/search/a.jpg&apiToken={TOKEN}"
    plain = client.send("GET", target)
    zipped = client.send("GET", target, {"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert len(zipped.body) < len(plain.body) / 2


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/robots.txt"), ("GET", "/"), ("POST", SEARCH), ("GET", CONVERT)]
)
def test_any_other_route_is_404_and_no_call(client: Client, method: str, path: str) -> None:
    reply = client.send(method, path, {"apikey": TOKEN})
    assert (reply.status, reply.json) == (404, {"message": "no Route matched with those values"})
    stats = client.admin("stats")
    assert (stats["calls"], stats["no_route"]) == (0, {path: 1})


def test_an_image_url_may_be_very_long(client: Client) -> None:
    reply = client.search(f"/search/{'a' * 100_000}.jpg")
    assert len(reply.data["items"]) == 20


def test_a_picture_shows_the_look_of_its_product(client: Client) -> None:
    by_id = {int(item["item_id"]): item for item in client.items("/search/a.jpg")}
    drawn = {}
    for item_id in by_id:
        reply = client.send("GET", f"/img/{item_id}.svg")
        assert reply.headers["content-type"].startswith("image/svg+xml")
        root = ET.fromstring(reply.body)
        assert root.tag.endswith("}svg")
        assert str(item_id) in "".join(root.itertext())
        drawn[item_id] = reply.body.replace(str(item_id).encode(), b"")
    assert len(set(drawn.values())) > len(drawn) / 2
    some = next(iter(by_id))
    folder = client.send("GET", f"/search/any/where/{some}.svg")
    assert folder.body == client.send("GET", f"/img/{some}.svg").body
    assert client.send("GET", "/img/1.svg").status == 404
    assert client.send("GET", "/img/mug.svg").status == 404


def test_what_a_search_sees_in_an_image_can_be_looked_at(client: Client) -> None:
    def seen(img_url: str) -> bytes:
        reply = client.send("GET", f"/_sandbox/picture?{urlencode({'img_url': img_url})}")
        assert reply.status == 200
        assert reply.headers["content-type"].startswith("image/svg+xml")
        ET.fromstring(reply.body)
        return reply.body

    assert seen("https://a.alicdn.com/mug.jpg") == seen("https://example.com/x/mug.png")
    assert seen("/search/a/mug.jpg") != seen("/search/a/lamp.jpg")
    item_id = client.search("/search/a/mug.jpg").data["items"][0]["item_id"]
    assert seen(f"//a.alicdn.com/{item_id}.jpg") == client.send("GET", f"/img/{item_id}.svg").body
    for odd in ("", "<&>", "http://[", "x" * 2000):
        seen(odd)


# Endpoints for tests and demos


def test_the_calls_in_order_with_what_they_were_answered(client: Client) -> None:
    page = client.search("/search/a.jpg", language="ru", page=2).data
    client.search("/search/fail-code-500.jpg")
    client.convert("https://example.com/a.jpg")
    search, failed, conversion = client.admin("calls")
    assert search["endpoint"] == "search"
    assert search["params"] == {"img_url": "/search/a.jpg", "language": "ru", "page": "2"}
    assert search["headers"]["accept-encoding"] == "identity"
    assert search["item_ids"] == [int(item["item_id"]) for item in page["items"]]
    assert (search["status"], search["code"]) == (200, 200)
    assert (failed["status"], failed["code"], failed["item_ids"]) == (200, 500, [])
    assert conversion["endpoint"] == "convert_url"
    assert conversion["params"]["url"] == "https://example.com/a.jpg"
    assert client.admin("served") == {"ru": sorted(search["item_ids"])}
    stats = client.admin("stats")
    assert (stats["calls"], stats["ok"], stats["conversions"]) == (3, 2, 1)
    assert stats["by_status"] == {"200": 3}


def test_a_reset_clears_records_and_tries(client: Client) -> None:
    image = "/search/fail-status-500-x1.jpg"
    assert [client.search(image).status for _ in range(2)] == [500, 200]
    assert client.admin("reset")["calls"] == 0
    assert client.admin("calls") == []
    assert client.search(image).status == 500


@pytest.mark.parametrize("body", ["", "[]", '{"balance": "7"}', '{"balance": -2}', '{"limit": 1}'])
def test_a_wrong_balance_is_refused(client: Client, body: str) -> None:
    reply = client.send("POST", "/_sandbox/balance", body=body)
    assert reply.status == 422
    assert "from -1 up" in reply.json["msg"]
    assert client.admin("stats")["balance"] == -1


def test_only_the_last_ten_thousand_calls_are_kept() -> None:
    account = Account("", 0, -1)
    for number in range(10_001):
        call, _ = account.arrive("search", {"page": str(number)}, {})
        account.leave(call)
    assert len(account.books.calls) == 10_000
    assert account.books.calls[0].params == {"page": "1"}
    assert account.stats()["calls"] == 10_001


# Life in another program's event loop


def test_it_stops_at_once_with_calls_in_flight() -> None:
    async def hanging(sandbox: Sandbox, image: str) -> bytes:
        port = urlsplit(sandbox.base_url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET {SEARCH}?apiToken=x&img_url={image} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        )
        try:
            return await reader.read()
        finally:
            writer.close()

    async def scenario() -> None:
        sandbox = Sandbox(SandboxOptions(products=100))
        for _ in range(2):
            await sandbox.start()
            images = ["/search/fail-hang.jpg", "/search/slow-60.jpg"] * 5
            calls = [asyncio.create_task(hanging(sandbox, image)) for image in images]
            await asyncio.sleep(0.1)
            started = time.monotonic()
            await sandbox.stop()
            assert time.monotonic() - started < 1
            assert await asyncio.gather(*calls) == [b""] * 10
            assert asyncio.all_tasks() == {asyncio.current_task()}
        await sandbox.stop()

    asyncio.run(scenario())
    gc.collect()


def test_a_client_that_gives_up_is_no_longer_in_flight(client: Client) -> None:
    with pytest.raises(TimeoutError):
        client.search("/search/fail-hang.jpg", timeout=0.2)
    deadline = time.monotonic() + 60
    while (stats := client.admin("stats"))["in_flight"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (stats["calls"], stats["in_flight"], stats["by_status"]) == (1, 0, {"none": 1})


def test_the_base_url_is_known_only_while_it_serves() -> None:
    async def scenario() -> None:
        sandbox = Sandbox(SandboxOptions(products=10))
        with pytest.raises(RuntimeError, match="not serving"):
            print(sandbox.base_url)
        base_url = await sandbox.start()
        assert sandbox.base_url == base_url
        with pytest.raises(RuntimeError, match="serving already"):
            await sandbox.start()
        other = Sandbox(SandboxOptions(products=10))
        with pytest.raises(OSError, match="in use"):
            await other.start(port=urlsplit(base_url).port or 0)
        await sandbox.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("products", 0),
        ("products", 1_000_001),
        ("products", True),
        ("products", 2.5),
        ("seed", -1),
        ("latency", -0.1),
        ("latency", float("inf")),
        ("latency", float("nan")),
        ("limit", -1),
        ("balance", -2),
        ("failure_rate", 1.01),
        ("failure_kinds", ("html", "whale")),
        ("outage", "whale"),
        ("outage_calls", -2),
    ],
)
def test_a_bad_option_is_refused_with_its_rule(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{option}=.*: must be ") as refused:
        SandboxOptions(**{option: value})
    assert repr(value) in str(refused.value)


def test_the_token_is_not_in_the_repr_of_the_options() -> None:
    assert TOKEN not in repr(SandboxOptions(token=TOKEN))
