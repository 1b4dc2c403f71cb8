"""The classifier: each row of the table, as status and as code, and the unclear cases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tmapi_spiders.api.answers import Converted, Kind, NoPage, Page, read_answer

PAGE = {"code": 200, "msg": "success", "data": {"items": [{"item_id": 1}], "has_next_page": True}}


def answer_to(status: int, body: Any, *, conversion: bool = False) -> Page | Converted | NoPage:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_answer(status, content, conversion=conversion)


def row(status: int, body: Any) -> tuple[Kind, str | None, bool]:
    answer = answer_to(status, body)
    stop = answer.row.stop if isinstance(answer, NoPage) else None
    return answer.kind, stop, answer.counts


AUTH = (Kind.STOP, "auth", False)
BALANCE = (Kind.STOP, "balance", False)
BASE_URL = (Kind.STOP, "base_url", True)
OVER_LIMIT = (Kind.OVER_LIMIT, None, False)
TRANSIENT = (Kind.TRANSIENT, None, True)
WRONG = (Kind.WRONG_QUERY, None, True)
GATEWAYS = [408, *range(520, 530)]


@pytest.mark.parametrize(
    ("number", "expected", "as_code"),
    [
        (401, AUTH, True),
        (403, AUTH, True),
        (4011, AUTH, True),
        (439, BALANCE, True),
        (404, BASE_URL, False),
        (503, OVER_LIMIT, True),
        (417, TRANSIENT, True),
        (499, TRANSIENT, True),
        (500, TRANSIENT, True),
        (502, TRANSIENT, True),
        (504, TRANSIENT, True),
        (429, TRANSIENT, True),
        *((number, TRANSIENT, True) for number in GATEWAYS),
        (422, WRONG, True),
        (302, TRANSIENT, True),
        (400, TRANSIENT, True),
        (999, TRANSIENT, True),
    ],
)
def test_a_number_as_code_and_as_status(
    number: int, expected: tuple[Kind, str | None, bool], as_code: bool
) -> None:
    if as_code:
        assert row(200, {"code": number, "msg": "x", "data": None}) == expected
        assert row(200, {**PAGE, "code": number}) == expected, "items or not"
        assert row(200, {"code": f"{number}", "msg": "x", "data": None}) == expected, "as text"
    if number in {403, 4011}:
        return  # the table has these only as codes
    bodies: list[Any] = [b"", b"<html>", [], {"code": number}, {"message": "x"}, PAGE, None]
    for body in bodies:
        assert row(number, body) == expected, body


@pytest.mark.parametrize(
    ("body", "outage", "message"),
    [
        (b"<html>", "refused", "refuses this machine or token (HTTP 403, and the body is not"),
        (b"", "refused", "the gateway refuses this machine or token"),
        ({"message": "Forbidden"}, "refused", "refuses this machine or token (Forbidden)"),
        (PAGE, "refused", "the gateway refuses this machine or token"),
        ({"code": 500, "msg": "oh"}, "outage", "oh"),
    ],
)
def test_403_as_status_comes_from_the_gateway(body: Any, outage: str, message: str) -> None:
    answer = answer_to(403, body)
    assert isinstance(answer, NoPage)
    assert row(403, body) == TRANSIENT
    assert (answer.row.outage, answer.works) == (outage, False)
    assert message in answer.message


def test_a_code_that_says_more_than_a_403_decides() -> None:
    assert row(403, {"code": 403, "msg": "Forbidden"}) == AUTH
    assert row(403, {"code": "4011"}) == AUTH
    assert row(403, {"code": 439}) == BALANCE
    assert row(403, {"code": 422, "msg": "Parameter error"}) == WRONG
    assert row(403, {"message": "Insufficient API balance"}) == BALANCE


def test_what_an_answer_shows_of_the_api_as_a_whole() -> None:
    """A page or any 422 shows that it works; being over the limit, or a stop, shows neither."""
    for status, body, works in (
        (200, PAGE, True),
        (200, {"code": 200, "data": {"items": []}}, True),
        (422, {"code": 422, "msg": "Parameter error"}, True),
        (200, {"code": 422, "msg": "Fetching the image timed out"}, True),
        (503, b"", None),
        (200, {"code": 439}, None),
        (404, b"", None),
        (500, b"", False),
        (200, b"<html>", False),
        (302, b"", False),
    ):
        assert answer_to(status, body).works is works, body
    converted = {"code": 200, "data": {"image_url": "/search/x.jpg"}}
    assert answer_to(200, converted, conversion=True).works is True


def test_retry_after_holds_for_429_and_503() -> None:
    for status, body, seconds in (
        (429, b"", 7.0),
        (503, {"code": 503}, 7.0),
        (200, {"code": "429"}, 7.0),
        (500, b"", 0.0),
        (422, {"code": 422, "msg": "Parameter error"}, 0.0),
    ):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = read_answer(status, content, retry_after=7.0)
        assert isinstance(answer, NoPage)
        assert answer.retry_after == seconds, body


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("No API key found in request", AUTH),
        ("Insufficient API balance", BALANCE),
        ("insufficient api balance.", BALANCE),
        ("no Route matched with those values", BASE_URL),
        ("something else", TRANSIENT),
    ],
)
@pytest.mark.parametrize("status", [200, 429, 500])
def test_the_message_of_a_body_without_code_decides(
    message: str, expected: tuple[Kind, str | None, bool], status: int
) -> None:
    assert row(status, {"message": message}) == expected


def test_a_message_decides_nothing_where_there_is_a_code() -> None:
    body = {**PAGE, "message": "Insufficient API balance"}
    assert row(200, body) == (Kind.PAGE, None, True)
    assert row(500, {"code": 500, "message": "No API key found in request"}) == TRANSIENT


@pytest.mark.parametrize("status", [200, 422])
def test_what_a_422_means_is_in_its_message(status: int) -> None:
    convert = "Invalid image url. Please first use the convert endpoint"
    for message, expected in (
        ("Fetching the image timed out", TRANSIENT),
        ("Parameter error: img_url", WRONG),
        ("Access to the image has been denied", (Kind.DENIED, None, True)),
        (convert, (Kind.CONVERT_FIRST, None, True)),
    ):
        assert row(status, {"code": 422, "msg": message, "data": None}) == expected
    assert row(422, {"message": "timed out"}) == TRANSIENT


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"code": 200, "data": {"items": [{',
        [],
        "text",
        None,
        {},
        {"code": "two hundred", "data": PAGE["data"]},
        {"code": True, "data": PAGE["data"]},
        {"data": PAGE["data"]},
        {"code": 200, "data": None},
        {"code": 200, "data": []},
        {"code": 200, "data": {"items": None}},
        {"code": 200, "data": {"items": {}}},
        {"code": 200, "data": {}},
        b"[" * 100_000,
    ],
)
def test_a_200_that_is_not_a_page_is_transient(body: Any) -> None:
    assert row(200, body) == TRANSIENT
    assert answer_to(200, body, conversion=True).kind is Kind.TRANSIENT


def test_pages() -> None:
    assert answer_to(200, PAGE) == Page([{"item_id": 1}], True, None)
    assert answer_to(200, {**PAGE, "code": "200"}) == Page([{"item_id": 1}], True, None)
    assert row(200, PAGE) == (Kind.PAGE, None, True)
    assert row(200, {"code": 200, "data": {"items": []}}) == (Kind.EMPTY, None, True)


def test_conversions() -> None:
    good = {"code": 200, "data": {"image_url": "/search/x.jpg"}}
    assert answer_to(200, good, conversion=True) == Converted("/search/x.jpg")
    bad: list[Any] = [{}, {"image_url": ""}, {"image_url": None}, {"image_url": 5}, None, []]
    for data in bad:
        answer = answer_to(200, {"code": 200, "data": data}, conversion=True)
        assert answer.kind is Kind.TRANSIENT
    assert answer_to(200, {"code": 439}, conversion=True).kind is Kind.STOP
