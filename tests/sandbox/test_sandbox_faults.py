"""How the sandbox answers images whose names ask for faults and odd pages."""

from __future__ import annotations

import http.client
import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.sandbox.test_sandbox_http import SEARCH, TOKEN, Client, Reply, serving
from tmapi_spiders.sandbox.faults import FAULTS, TRANSIENT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"

# Kind → HTTP status, code in the body (None if there is none), a piece of the body.
EXPECTED: dict[str, tuple[int, int | None, str]] = {
    "status-401": (401, None, "Unauthorized"),
    "code-401": (200, 401, '"data":null'),
    "code-403": (200, 403, '"data":null'),
    "code-4011": (200, 4011, '"data":null'),
    "no-api-key": (200, None, '{"message":"No API key found in request"}'),
    "no-balance": (200, None, '{"message":"Insufficient API balance"}'),
    "status-439": (439, None, "{}"),
    "code-439": (200, 439, '"data":null'),
    "code-text-439": (200, 439, '"code":"439"'),
    "no-route": (404, None, '{"message":"no Route matched with those values"}'),
    "status-503": (503, None, "Service Unavailable"),
    "code-503": (200, 503, '"data":null'),
    "code-text-503": (200, 503, '"code":"503"'),
    "wait-503": (503, None, "Service Unavailable"),
    "status-403": (403, None, "<html>"),
    "status-408": (408, None, "<html>"),
    "status-417": (417, None, "Expectation Failed"),
    "code-417": (200, 417, '"data":null'),
    "status-499": (499, None, "Client Closed Request"),
    "code-499": (200, 499, '"data":null'),
    "status-500": (500, None, "Internal Server Error"),
    "code-500": (200, 500, '"data":null'),
    "code-text-500": (200, 500, '"code":"500"'),
    "status-502": (502, None, "<html>"),
    "status-504": (504, None, "<html>"),
    "status-429": (429, None, "Too Many Requests"),
    "wait-429": (429, None, "Too Many Requests"),
    "status-520": (520, None, "<html>"),
    "status-522": (522, None, "<html>"),
    "status-529": (529, None, "<html>"),
    "422-timeout": (422, 422, "timed out"),
    "422-parameter": (422, 422, "Parameter error"),
    "422-denied": (422, 422, "Access to the image has been denied"),
    "code-422-timeout": (200, 422, "timed out"),
    "code-422-parameter": (200, 422, "Parameter error"),
    "code-422-denied": (200, 422, "Access to the image has been denied"),
    "html": (200, None, "<html>"),
    "cut-json": (200, None, '"data":{"page":1,"items":[{"it'),
    "list": (200, None, "[{"),
    "null-data": (200, 200, '"data":null'),
    "null-items": (200, 200, '"items":null'),
    "object-items": (200, 200, '"items":{}'),
    "empty": (200, 200, '"items":[]'),
}
UNANSWERED = {"reset", "hang"}


@pytest.fixture(scope="module")
def served() -> Iterator[Client]:
    with serving(products=5000) as client:
        yield client


@pytest.fixture
def client(served: Client) -> Client:
    served.admin("reset")
    return served


def code_of(reply: Reply) -> int | None:
    try:
        body = json.loads(reply.body)
    except ValueError:
        return None
    code = body.get("code") if isinstance(body, dict) else None
    return int(code) if isinstance(code, str) else code


def ids(page: dict[str, Any]) -> list[int]:
    return [int(item["item_id"]) for item in page["items"]]


# Faults


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_search_and_a_conversion_can_get_each_fault(client: Client, kind: str) -> None:
    status, code, piece = EXPECTED[kind]
    search = client.search(f"https://cbu01.alicdn.com/a-fail-{kind}.jpg")
    conversion = client.convert(f"https://example.com/a-convert-{kind}.jpg")
    for reply in (search, conversion):
        assert (reply.status, code_of(reply)) == (status, code)
        assert piece in reply.body.decode()
    calls = [(call["status"], call["code"]) for call in client.admin("calls")]
    assert calls == [(status, code)] * 2
    assert client.admin("served") == ({"en": []} if kind == "empty" else {})


def test_the_connection_can_be_dropped(client: Client) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.search("/search/fail-reset.jpg")
    (call,) = client.admin("calls")
    assert (call["status"], call["code"]) == (None, None)


def test_a_dropped_call_can_be_repeated(client: Client) -> None:
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.search("/search/fail-reset-x1.jpg")
    assert client.search("/search/fail-reset-x1.jpg").status == 200


def test_every_kind_is_tested_and_documented(client: Client) -> None:
    assert set(EXPECTED) | UNANSWERED == set(FAULTS)
    documented = re.findall(
        r"^\| `([^`]+)` \| (.+?) \| (.+) \|$", DOCS.read_text("utf-8"), re.MULTILINE
    )
    rows = {kind: row for kind, row, _ in documented if kind in FAULTS}
    assert rows == {kind: fault.row.value for kind, fault in FAULTS.items()}


def test_a_fault_can_hold_for_the_first_tries_of_each_same_call(client: Client) -> None:
    image = "/search/fail-status-503-x2.jpg"
    first = [client.search(image, page=1).status for _ in range(4)]
    other = [client.search(image, page=2).status for _ in range(3)]
    assert (first, other) == ([503, 503, 200, 200], [503, 503, 200])


def test_a_fault_can_hold_for_one_page(client: Client) -> None:
    image = "https://cbu01.alicdn.com/fail-html-p3.jpg"
    pages = [client.search(image, page=n).headers["content-type"] for n in (1, 2, 3, 4)]
    assert [page.partition(";")[0] for page in pages] == [
        "application/json",
        "application/json",
        "text/html",
        "application/json",
    ]


def test_faults_can_be_joined_and_survive_conversion(client: Client) -> None:
    url = "https://example.com/convert-html-x1-fail-code-500-p1-x1-fail-status-504-p2.jpg"
    assert client.convert(url).body.startswith(b"<html>")
    path = client.convert(url).data["image_url"]
    got = [client.search(path, page=page).json.get("code") for page in (1, 1)]
    assert got == [500, 200]
    assert client.search(path, page=2).status == 504
    assert client.search(path, page=3).status == 200


def test_an_empty_page_after_which_a_new_conversion_helps(client: Client) -> None:
    path = client.convert("https://example.com/fail-empty-x1.jpg").data["image_url"]
    empty = client.search(path, page=1, page_size=10, sort="sales", price_end="9").data
    assert (empty["items"], empty["total_count"], empty["has_next_page"]) == ([], 0, False)
    assert (empty["page_size"], empty["sort"], empty["filters"]) == (
        10,
        "sales",
        {"price_end": "9"},
    )
    path = client.convert("https://example.com/fail-empty-x1.jpg").data["image_url"]
    assert client.search(path, page=1, page_size=10, sort="sales", price_end="9").data["items"]


@pytest.mark.parametrize("name", ["fail-whale", "fail-status-505", "fail-"])
def test_an_unknown_fault_is_no_page(client: Client, name: str) -> None:
    reply = client.search(f"/search/{name}.jpg")
    assert reply.status == 422
    assert f"no fault '{name.removeprefix('fail-')}'" in reply.json["msg"]


def test_an_unknown_fault_is_no_conversion(client: Client) -> None:
    reply = client.convert("https://example.com/convert-whale.jpg")
    assert reply.status == 422
    assert "no fault 'whale'" in reply.json["msg"]


def test_a_word_within_a_word_asks_for_nothing(client: Client) -> None:
    for name in ("failsafe", "gecko-echoes", "slowly", "nothings", "bailfail-html"):
        assert len(client.search(f"/search/{name}.jpg").data["items"]) == 20


# Failures at random


def outcomes(client: Client, tries: int = 1) -> list[tuple[int, int | None]]:
    replies = [
        client.search(f"{client.base_url}/img/{n}.svg") for n in range(200) for _ in range(tries)
    ]
    return [(reply.status, code_of(reply)) for reply in replies]


def test_a_share_of_the_calls_fails_the_same_way_in_every_run() -> None:
    options: dict[str, Any] = {"failure_rate": 0.3, "failure_kinds": ("code-500", "status-502")}
    with serving(**options) as one, serving(**options) as same, serving(seed=2, **options) as other:
        first = outcomes(one)
        assert set(first) == {(200, 200), (200, 500), (502, None)}
        assert 0.2 < sum(reply != (200, 200) for reply in first) / len(first) < 0.4
        assert outcomes(same) == first
        assert outcomes(other) != first
        # A repeated call is drawn again.
        again = outcomes(one)
        assert {pair for pair in zip(first, again, strict=True) if pair[0] != (200, 200)} >= {
            ((200, 500), (200, 200)),
            ((502, None), (200, 200)),
        }


def test_conversions_fail_at_random_too() -> None:
    with serving(failure_rate=0.5, failure_kinds=("status-500",)) as client:
        statuses = [client.convert(f"https://example.com/{n}.jpg").status for n in range(40)]
        assert set(statuses) == {200, 500}


def test_what_fails_at_random_is_transient_unless_named(client: Client) -> None:
    rows = {FAULTS[kind].row.name for kind in TRANSIENT_KINDS}
    assert rows == {"TRANSIENT", "FETCH_TIMEOUT", "NOT_A_PAGE"}
    assert not {"hang", "wait-429"} & set(TRANSIENT_KINDS)
    with serving(failure_rate=1.0) as failing:
        seen = set()
        for n in range(150):
            try:
                reply = failing.search(f"/search/{n}.jpg")
            except (http.client.RemoteDisconnected, ConnectionResetError):
                seen.add("reset")
                continue
            got = (reply.status, code_of(reply))
            matching = {
                kind
                for kind in TRANSIENT_KINDS
                if kind != "reset"
                and EXPECTED[kind][:2] == got
                and EXPECTED[kind][2] in reply.body.decode()
            }
            assert matching
            seen |= matching
        assert seen == set(TRANSIENT_KINDS)


def test_some_answers_have_retry_after(client: Client) -> None:
    for status in (429, 503):
        reply = client.search(f"/search/fail-wait-{status}.jpg")
        assert (reply.status, reply.headers["retry-after"]) == (status, "1")


def test_an_outage_fails_every_call_that_is_let_in() -> None:
    with serving(outage="status-520", outage_calls=2) as client:
        search = [client.search(f"/search/{n}.jpg").status for n in range(2)]
        assert (search, client.search("/search/2.jpg").status) == ([520, 520], 200)
        assert client.admin("outage", kind="status-500") == {"kind": "status-500", "calls": -1}
        assert client.search("/search/fail-html-x1.jpg").status == 500
        assert client.convert("https://example.com/a.jpg").status == 500
        assert client.send("GET", SEARCH).status == 401
        assert client.admin("outage", kind="", calls=-1) == {"kind": "", "calls": -1}
        assert client.search("/search/fail-html-x1.jpg").body[:1] == b"<", "that was its first try"
        assert client.search("/search/3.jpg").status == 200
        for wrong in ({"kind": "whale"}, {"kind": "html", "calls": -2}, {"calls": 3}, {"x": 1}):
            reply = client.send("POST", "/_sandbox/outage", body=json.dumps(wrong))
            assert reply.status == 422, wrong


# Odd pages


def test_a_code_as_text_and_a_label_that_is_wrong(client: Client) -> None:
    reply = client.search("/search/onepage-textcode-labelled-br.jpg")
    assert reply.headers["content-encoding"] == "br"
    assert reply.json["code"] == "200"
    assert len(reply.json["data"]["items"]) == 7
    reply = client.convert("https://example.com/textcode-labelled-gzip.jpg")
    assert reply.headers["content-encoding"] == "gzip"
    assert (reply.json["code"], client.admin("stats")["ok"]) == ("200", 2)


def test_nothing(client: Client) -> None:
    data = client.search("/search/nothing.jpg").data
    assert (data["items"], data["total_count"], data["has_next_page"]) == ([], 0, False)


def test_onepage(client: Client) -> None:
    (page,) = client.pages("/search/onepage-2.jpg")
    assert (len(page["items"]), page["total_count"]) == (7, 7)


def test_ragged_pages_serve_every_match_once_in_other_portions(client: Client) -> None:
    pages = client.pages("/search/ragged.jpg")
    served = [item_id for page in pages for item_id in ids(page)]
    assert len(served) == len(set(served)) == pages[0]["total_count"]
    lengths = [len(page["items"]) for page in pages]
    assert lengths[:3] == [17, 24, 19]
    assert all(page["page_size"] not in {20, len(page["items"])} for page in pages)
    tiny = client.pages("/search/ragged.jpg", page_size=1)
    assert [item_id for page in tiny for item_id in ids(page)] == served
    assert client.search("/search/ragged.jpg", page=999_999_999).data["items"] == []


def test_endless_pages_begin_again(client: Client) -> None:
    data = client.search("/search/endless.jpg").data
    total = data["total_count"]
    pages = [client.search("/search/endless.jpg", page=n).data for n in range(1, total // 10 + 2)]
    served = [item_id for page in pages for item_id in ids(page)]
    assert all(page["has_next_page"] for page in pages)
    assert all(len(page["items"]) == 20 for page in pages)
    assert len(set(served)) == total
    assert served[total : 2 * total] == served[:total]


def test_overlapping_pages(client: Client) -> None:
    pages = client.pages("/search/overlap.jpg")
    for one, following in pairwise(pages):
        assert ids(one)[-5:] == ids(following)[:5]
    served = {item_id for page in pages for item_id in ids(page)}
    assert len(served) == pages[0]["total_count"]
    assert len(client.pages("/search/overlap.jpg", page_size=2)[1]["items"]) == 2


def test_a_gap(client: Client) -> None:
    pages = [client.search("/search/gap-p2.jpg", page=n).data for n in (1, 2, 3)]
    assert [len(page["items"]) for page in pages] == [20, 0, 20]
    assert all(page["has_next_page"] for page in pages)


def test_mixed_items_are_all_there_among_others(client: Client) -> None:
    data = client.search("/search/mixed.jpg").data
    usable = [
        item
        for item in data["items"]
        if isinstance(item, dict)
        and type(item.get("item_id")) in {int, str}
        and str(item["item_id"]).isdigit()
        and int(item["item_id"]) > 0
    ]
    assert len(usable) == 20
    assert len(data["items"]) == 27
    unusable = [item for item in data["items"] if item not in usable]
    assert [item for item in unusable if not isinstance(item, dict)] == [None, "not an item"]
    bad = [item.get("item_id", "missing") for item in unusable if isinstance(item, dict)]
    assert list(map(repr, bad)) == ["'missing'", "'abc'", "0", "-5", "True"]
    assert all(item["price_info"] for item in unusable if isinstance(item, dict))
    assert client.admin("served") == {"en": sorted(int(item["item_id"]) for item in usable)}
    assert client.search("/search/mixed.jpg", page=1000).data["items"] == []


def test_bigtotal(client: Client) -> None:
    pages = client.pages("/search/bigtotal.jpg")
    assert {page["total_count"] for page in pages} == {2000}
    assert 20 < sum(len(page["items"]) for page in pages) < 2000


def test_slow(client: Client) -> None:
    started = time.monotonic()
    client.search("/search/slow-0.3.jpg")
    client.convert("https://example.com/slow-0.3.jpg")
    assert 0.6 <= time.monotonic() - started < 3


@pytest.mark.parametrize("in_header", [False, True])
def test_answers_that_quote_the_whole_request(client: Client, in_header: bool) -> None:
    for name, status in (("echo", 422), ("redirect", 302)):
        target = f"{SEARCH}?img_url={quote(f'/search/{name}.jpg')}"
        if in_header:
            reply = client.send("GET", target, {"apikey": TOKEN})
        else:
            reply = client.send("GET", f"{target}&apiToken={TOKEN}")
        assert reply.status == status
        quoted = reply.json["msg"] if name == "echo" else reply.headers["location"]
        assert f"{client.base_url}{SEARCH}?" in quoted
        assert TOKEN in quoted
        if name == "echo":
            assert quoted.startswith("Parameter error: ")
