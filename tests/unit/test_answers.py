"""The classifier: each row of the table of answers, as status and as code, and what is in doubt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tmapi_spiders.answers import Converted, Kind, NoPage, Page, read_answer

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
    if number in {403, 4011}:
        return  # the table names these as codes alone
    bodies: list[Any] = [b"", b"<html>", [], {"code": number}, {"message": "x"}, PAGE, None]
    for body in bodies:
        assert row(number, body) == expected, body


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
def test_422_is_transient_only_if_the_image_timed_out(status: int) -> None:
    for message, expected in (
        ("Fetching the image timed out", TRANSIENT),
        ("Parameter error: img_url", WRONG),
        ("Access to the image has been denied", WRONG),
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
        {"code": "200", "data": PAGE["data"]},
        {"data": PAGE["data"]},
        {"code": 200, "data": None},
        {"code": 200, "data": []},
        {"code": 200, "data": {"items": None}},
        {"code": 200, "data": {"items": {}}},
        {"code": 200, "data": {}},
        b"[" * 100_000,
    ],
)
def test_a_200_that_is_no_page_is_transient(body: Any) -> None:
    assert row(200, body) == TRANSIENT
    assert answer_to(200, body, conversion=True).kind is Kind.TRANSIENT


def test_pages() -> None:
    assert answer_to(200, PAGE) == Page([{"item_id": 1}], True, None)
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
