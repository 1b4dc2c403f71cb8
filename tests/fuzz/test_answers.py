"""Fuzzes answers of any shape, up to the lines of products.jsonl."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from tests.crawl.test_hostile_answers import SPELLINGS, meanings
from tests.fuzz.values import EXAMPLES, PAGES, PLACE, QUIETLY, VALUES, try_all
from tests.support import TOKEN
from tmapi_spiders.api.answers import Converted, NoPage, Page, read_answer
from tmapi_spiders.config.token import Token
from tmapi_spiders.fields.unreadable import Unreadable
from tmapi_spiders.formats import to_line
from tmapi_spiders.loaders import ProductLoader

if TYPE_CHECKING:
    from tmapi_spiders.fields.unreadable import Unread

pytestmark = QUIETLY


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw the body of an answer: JSON in some spelling, or cut, or with odd bytes."""
    value = draw(st.one_of(PAGES, PAGES, VALUES))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    text = text.replace(PLACE, draw(st.sampled_from(sorted(SPELLINGS.values()))))
    body = text.encode("utf-8", "surrogatepass")
    amiss = draw(st.sampled_from(["", "", "", "", "cut", "byte", "deep", "bytes"]))
    if amiss == "cut":
        return body[: draw(st.integers(0, len(body)))]
    if amiss == "byte":
        at = draw(st.integers(0, len(body)))
        return body[:at] + draw(st.binary(max_size=3)) + body[at:]
    if amiss == "deep":
        levels = draw(st.sampled_from([90, 300, 1000, 100_000]))
        return b"[" * levels + body + b"]" * levels
    return draw(st.binary(max_size=200)) if amiss == "bytes" else body


def shows_no_token(text: str) -> None:
    for meaning in meanings(text):
        assert TOKEN not in meaning
    for spelling in SPELLINGS.values():
        assert spelling not in text


def check_answer(given: tuple[int, bytes, bool]) -> None:
    status, body, conversion = given
    token = Token(TOKEN)
    struck = token.strike_out_bytes(body)
    shows_no_token(struck.decode("utf-8", "replace"))
    answer = read_answer(status, struck, conversion=conversion)
    if isinstance(answer, NoPage):
        assert answer.message.isprintable()
        shows_no_token(answer.message)
    elif isinstance(answer, Converted):
        shows_no_token(answer.image_url)
    else:
        check_page(answer, token)


def check_page(page: Page, token: Token) -> None:
    lost: list[Unread] = []
    unreadable = Unreadable(token)
    elements = [one for one in page.elements if isinstance(one, dict)]
    products = list(ProductLoader.load_rows(elements, lost=lost.append))
    assert len(products) == len(elements)
    for product in products:
        line = to_line(product)
        shows_no_token(line.decode())
        row = json.loads(line, parse_constant=pytest.fail)
        assert row["item_id"] is None or 0 < row["item_id"] < 2**63
        assert line.count(b"\n") == 1
    for one in lost:
        told = unreadable.note(one, None)
        assert told.isprintable()
        assert len(told) < 400
        shows_no_token(told)


@EXAMPLES
def test_answers(examples: int) -> None:
    statuses = st.sampled_from([200, 200, 200, 200, 422, 403, 503, 500, 0, 999])
    try_all(st.tuples(statuses, bodies(), st.booleans()), check_answer, examples * 5)
