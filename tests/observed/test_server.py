"""The second TMAPI does what it documents, so tests can rely on it."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import pytest

from tests.observed.answers import CONVERT_FIRST, NO_BALANCE, NO_KEY, NO_ROUTE
from tests.observed.server import ObservedApi
from tests.observed.values import Truth, product

if TYPE_CHECKING:
    import socket

SEARCH = "/1688/global/search/image/v2"
CONVERT = "/1688/tools/image/convert_url"
ALICDN = "https://cbu01.alicdn.com/img/lamp.jpg"
FOREIGN = "https://shop.example/a/lamp.png"

Answer = tuple[int, Any]


def ask(request: urllib.request.Request | str) -> tuple[int, Any, dict[str, str]]:
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status, body, headers = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as exc:
        with exc:
            status, body, headers = exc.code, exc.read(), exc.headers
    try:
        return status, json.loads(body), dict(headers)
    except ValueError:
        return status, body, dict(headers)


def search(api: ObservedApi, img_url: str, page: int = 1, **params: Any) -> Answer:
    query = urlencode({"apiToken": "t", "img_url": img_url, "page": page, **params})
    return ask(f"{api.url}{SEARCH}?{query}")[:2]


def convert(api: ObservedApi, url: str) -> Answer:
    body = json.dumps({"url": url, "search_api_endpoint": "/global/search/image/v2"})
    request = urllib.request.Request(api.url + CONVERT, body.encode(), {"apikey": "t"})
    return ask(request)[:2]


def path_of(api: ObservedApi, url: str = FOREIGN) -> str:
    status, answer = convert(api, url)
    assert (status, answer["code"]) == (200, 200)
    path: str = answer["data"]["image_url"]
    return path


def ids(answer: Answer) -> list[int]:
    assert answer[0] == answer[1]["code"] == 200
    return [int(item["item_id"]) for item in answer[1]["data"]["items"]]


def is_refused(answer: Answer) -> bool:
    return answer[0] == 422 and answer[1]["msg"] == CONVERT_FIRST


def test_routes_and_tokens() -> None:
    with ObservedApi() as api:
        assert ask(f"{api.url}/other?apiToken=t")[:2] == (404, {"message": NO_ROUTE})
        assert ask(f"{api.url}{CONVERT}?apiToken=t")[:2] == (404, {"message": NO_ROUTE})
        assert ask(f"{api.url}{SEARCH}?img_url=x")[:2] == (401, {"message": NO_KEY})
        assert search(api, "")[1]["msg"] == search(api, ALICDN, 0)[1]["msg"] == "Parameter error"
        assert convert(api, "/search/a/lamp.jpg")[1]["code"] == 422
        path_of(api)
        assert [call.endpoint for call in api.log][-4:] == ["search"] * 2 + ["convert"] * 2
        assert [call.token_in for call in api.log][2:] == ["", *["query"] * 2, *["header"] * 2]
        assert api.log[-1].params["url"] == FOREIGN
        assert "apiToken" not in str(api.log)
        with pytest.raises(ValueError, match="accepts='all' is none of none, alibaba"):
            ObservedApi(accepts="all")


def test_conversions_and_paths() -> None:
    with ObservedApi(uses=3, stale="empty") as api:
        first, second = path_of(api), path_of(api, ALICDN)
        assert first != second
        assert first.startswith("/search/imgextra/")
        assert api.paths("lamp") == [first, second]
        truths = [truth.item_id for truth in api.truths("lamp")]
        assert ids(search(api, first)) == ids(search(api, second)) == truths[:20]
        assert ids(search(api, f"https://cbu01.alicdn.com{first}")) == []
        assert ids(search(api, first, 2)) == truths[20:40]
        assert ids(search(api, first, 3)) == truths[40:]
        assert ids(search(api, first, 3)) == []
        api.expire("lamp")
        assert ids(search(api, second)) == []
        assert ids(search(api, path_of(api))) == truths[:20]
        assert api.paths_used == set(api.paths()) == {*api.paths("lamp")}
        assert (api.conversions("lamp"), api.searches("other")) == (3, 0)
        api.script_conversions("lamp", ["denied", "code 500"])
        assert convert(api, FOREIGN)[1]["msg"] == "Access to the image has been denied"
        assert convert(api, FOREIGN)[1]["code"] == 500
        path_of(api)
    with ObservedApi(stale="422") as api:
        assert is_refused(search(api, "/search/a/lamp.jpg"))
        api.register("/search/a/lamp.jpg")
        assert len(ids(search(api, "/search/a/lamp.jpg"))) == 20
        api.expire("lamp")
        assert is_refused(search(api, "/search/a/lamp.jpg"))
        assert api.refused == 2
    with ObservedApi(refusal="code") as api:
        assert search(api, ALICDN) == (200, {"code": 422, "msg": CONVERT_FIRST, "data": None})
    with ObservedApi(refusal="status") as api:
        assert search(api, ALICDN) == (422, {"message": CONVERT_FIRST})


@pytest.mark.parametrize(
    ("accepts", "alibaba", "foreign"),
    [("none", None, None), ("alibaba", 20, None), ("alibaba-foreign-empty", 20, 0)],
)
def test_urls_that_were_not_converted(
    accepts: str, alibaba: int | None, foreign: int | None
) -> None:
    with ObservedApi(accepts=accepts) as api:
        for url, found in [
            (ALICDN, alibaba),
            ("https://1688.com/x/lamp.jpg", alibaba),
            (FOREIGN, foreign),
            ("https://notalicdn.com/lamp.jpg", foreign),
        ]:
            answer = search(api, url)
            assert is_refused(answer) if found is None else len(ids(answer)) == found


def read_all(api: ObservedApi, **params: Any) -> list[list[int]]:
    """Read pages up to an empty one, at most twelve."""
    path = path_of(api)
    found: list[list[int]] = []
    while len(found) < 12:
        answer = search(api, path, len(found) + 1, **params)
        found.append(ids(answer))
        if not found[-1]:
            break
    return found


def test_paging() -> None:
    with ObservedApi(products=50, total="text") as api:
        assert [len(page) for page in read_all(api, page_size=50)] == [20, 20, 10, 0]
        data = [search(api, api.paths()[0], page)[1]["data"] for page in (1, 3)]
        assert [one["has_next_page"] for one in data] == [True, False]
        assert [one["total_count"] for one in data] == ["50"] * 2
        api.size("lamp", 0)
        assert read_all(api) == [[]]
        assert len(ids(search(api, path_of(api, "https://a.example/other.jpg")))) == 20
    with ObservedApi(products=160, overlaps=True, total=688, next_page="always") as api:
        pages = read_all(api)
        truths = [truth.item_id for truth in api.truths("lamp")]
        assert list(dict.fromkeys(chain(*pages))) == truths
        before = [set(chain(*pages[:number])) for number in range(len(pages))]
        repeats = [len(set(page) & seen) for page, seen in zip(pages, before, strict=True)]
        assert repeats[:5] == [0] * 5
        assert all(1 <= count <= 13 for count in repeats[5:-1])
        assert all(len(page) == len(set(page)) for page in pages)
        last = search(api, api.paths()[0], 99, sort="price_up", price_start="2")[1]["data"]
        assert (last["has_next_page"], last["total_count"]) == (True, 688)
        assert (last["sort"], last["filters"]) == ("price_up", {"price_start": "2"})
    with ObservedApi(products=50, ragged=True, after_end="repeat", says_page_size=10) as api:
        pages = read_all(api)
        assert [len(page) for page in pages[:4]] == [19, 18, 13, 13]
        assert pages[2:] == pages[2:3] * 10
    with ObservedApi(without_id=4) as api:
        items = search(api, path_of(api))[1]["data"]["items"]
        assert [item["item_id"] for item in items[20:]] == [None, "", "null", "x"]
        assert len(api.log[-1].item_ids) == 20


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("status 439", 439, {"message": "error 439"}),
        ("code 4011", 200, {"code": 4011, "msg": "error 4011", "data": None}),
        ("both 417", 417, {"code": 417, "msg": "error 417", "data": None}),
        ("no balance 200", 200, {"message": NO_BALANCE}),
        ("no key 200", 200, {"message": NO_KEY}),
        ("timed out", 422, {"code": 422, "msg": "Image download timed out", "data": None}),
        ("list", 200, []),
        ("data null", 200, {"code": 200, "msg": "success", "data": None}),
    ],
)
def test_scripted_answers(name: str, status: int, body: Any) -> None:
    with ObservedApi() as api:
        api.register("/search/lamp.jpg")
        api.script("lamp", 1, [name])
        assert len(ids(search(api, "/search/lamp.jpg", 2))) == 20
        assert search(api, "/search/lamp.jpg") == (status, body)
        assert len(ids(search(api, "/search/lamp.jpg"))) == 20
        code = body.get("code") if isinstance(body, dict) else None
        assert (api.log[1].status, api.log[1].code, api.log[1].item_ids) == (status, code, ())


def test_answers_made_of_good_ones() -> None:
    names = ["items null", "items object", "empty page", "nothing", "half page", "code text"]
    with ObservedApi() as api:
        api.script("lamp", None, [*names, "cut json"])
        assert is_refused(search(api, FOREIGN))
        path = path_of(api)
        pages = [search(api, path, number % 2 + 1)[1] for number in range(6)]
        assert [page["data"]["items"] for page in pages[:4]] == [None, {}, [], []]
        assert [page["data"]["has_next_page"] for page in pages[2:4]] == [True, False]
        assert [page["data"]["total_count"] for page in pages[2:4]] == [60, 0]
        assert len(pages[4]["data"]["items"]) == 10
        assert pages[5]["code"] == "200"
        assert isinstance(search(api, path)[1], bytes)
        api.everything("encoding gzip")
        query = urlencode({"apiToken": "t", "img_url": path})
        for _ in range(2):
            _, body, headers = ask(f"{api.url}{SEARCH}?{query}")
            assert headers["Content-Encoding"] == "gzip"
            assert len(body["data"]["items"]) == 20
        api.everything(("html 403", {"Retry-After": "3"}))
        status, body, headers = ask(f"{api.url}{SEARCH}?{query}")
        assert (status, body[:6], headers["Retry-After"]) == (403, b"<html>", "3")
        assert convert(api, FOREIGN)[0] == 403
        api.everything(None)
        assert len(ids(search(api, path))) == 20
        for wrong in ("statis 500", "status", "code 22"):
            with pytest.raises(ValueError, match="no answer to a search is named"):
                api.script("lamp", 1, [wrong])
        with pytest.raises(ValueError, match="no answer to a conversion is named 'nothing'"):
            api.script_conversions("lamp", ["nothing"])


def test_endings_of_connections() -> None:
    with ObservedApi() as api:
        path = path_of(api)
        api.script("lamp", 1, ["reset", "hang up", "cut connection"])
        with pytest.raises((ConnectionResetError, urllib.error.URLError), match="reset"):
            search(api, path)
        with pytest.raises(http.client.RemoteDisconnected):
            search(api, path)
        with pytest.raises(http.client.IncompleteRead):
            search(api, path)
        assert [call.status for call in api.log] == [200, 0, 0, 200]
        # One connection serves calls of all kinds, one after the other.
        connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=10)
        sockets: list[socket.socket] = []
        for method, target, body in [
            ("POST", "/nowhere", b'{"a": 1}'),
            ("POST", f"{CONVERT}?apiToken=t", b"{"),
            ("GET", f"{SEARCH}?apiToken=t&img_url={quote(path)}", None),
        ]:
            connection.request(method, target, body)
            connection.getresponse().read()
            sockets.append(connection.sock)
        connection.close()
        assert sockets == sockets[:1] * 3
        assert [call.status for call in api.log[4:]] == [404, 422, 200]


def test_a_limit_of_concurrent_calls() -> None:
    threads = threading.active_count()
    with ObservedApi(limit=2, latency=0.01) as api:
        idle = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=10)
        idle.request("GET", "/nowhere")
        idle.getresponse().read()
        path = path_of(api)
        assert [len(ids(search(api, path))) for _ in range(5)] == [20] * 5
        assert (api.max_in_flight, api.over_limit) == (1, 0)
        api.reset()
        api.script("lamp", 1, ["silence"] * 2)
        waiting = [
            threading.Thread(target=pytest.raises, args=(OSError, search, api, path))
            for _ in range(2)
        ]
        for thread in waiting:
            thread.start()
        while len(api.log) < 2:
            time.sleep(0.01)
        assert search(api, path) == (503, {"message": "error 503"})
        assert search(api, path)[1]["code"] == 503
        assert (api.max_in_flight, api.over_limit, len(api.log)) == (3, 2, 4)
    for thread in waiting:  # The end of the server is the end of the silence.
        thread.join(10)
        assert not thread.is_alive()
    assert idle.sock.recv(1) == b""
    idle.close()
    for _ in range(200):
        if threading.active_count() == threads:
            break
        time.sleep(0.05)
    assert threading.active_count() == threads
    api.reset()
    assert (api.log, api.over_limit, api.max_in_flight) == ([], 0, 0)


def test_every_value_of_the_evidence_is_in_twenty_items() -> None:
    products = [product("lamp", index) for index in range(20)]
    raws = json.dumps([one.raw for one in products], ensure_ascii=False)
    for seen in (
        *(
            '"¥',
            '"￥',
            ".0 元",
            ',90"',
            '"null"',
            '"¥1,',
            '"100000+"',
            "已售300+件",
            "全网4.1万+件",
        ),
        *("&#39;", "&amp;", "&quot;", "https:////cbu01", ".com/%22https", '"1000个"', "2147483647"),
        *('"0.1648"', '"sore_info"', '["", "三明市"]', "cbu01-overseas", '"p4p"', '"bid"'),
        *('"quantity_begin"', '"show_price"', 'itemcdn.tmall.com/\\"https', '"price_info": null'),
    ):
        assert seen in raws
    with ObservedApi() as api:
        assert [one.truth for one in products] == api.truths("lamp")[:20]
        assert api.truth(str(products[2].raw["item_id"])) == products[2].truth


@pytest.mark.parametrize("name", [name for name in Truth.__annotations__ if name != "unreadable"])
def test_every_field_is_sometimes_given(name: str) -> None:
    truths = [product("lamp", index).truth for index in range(20)]
    assert any(getattr(truth, name) for truth in truths)
    unreadable = [truth for truth in truths if name in truth.unreadable]
    assert all(getattr(truth, name) is None for truth in unreadable)
    assert bool(unreadable) is (name == "price")
