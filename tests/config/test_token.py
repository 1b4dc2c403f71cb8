"""The token is struck out however it is spelt, and nothing else is."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tmapi_spiders.config.token import Token

SECRET = "ab/12+cd=34&ef"


@pytest.mark.parametrize(
    "text",
    [
        f"bad key {SECRET}",
        f"https://api.tmapi.io/x?apiToken={quote(SECRET, safe='')}&page=1",
        f"https://api.tmapi.io/x?apiToken={quote(SECRET, safe='').lower()}&page=1",
        '{"message": "ab\\/12+cd=34&ef"}',
        "<p>ab/12+cd=34&amp;ef</p>",
        "apikey=ab/12%2Bcd%3D34%26ef",
        "ab%252F12%252Bcd%253D34%2526ef",
        "ab\\u002f12\\u002Bcd\\u003d34\\u0026ef",
        "ab&#47;12&#x2B;cd&#61;34&amp;ef",
        f'{{"apikey": "{SECRET}"}}',
    ],
)
def test_spellings(text: str) -> None:
    token = Token(SECRET)
    for struck in (token.strike_out(text), token.strike_out_bytes(text.encode()).decode()):
        assert "***" in struck
        assert "12" not in struck


@pytest.mark.parametrize("before", ["\\u003d", "\\n", "%253D", "key", "="])
def test_a_long_token_is_struck_out_whatever_touches_it(before: str) -> None:
    assert Token("k" * 32).strike_out(f"{before}{'k' * 32}\\u0026") == f"{before}***\\u0026"


def test_words_that_hold_the_token_are_left_alone() -> None:
    token = Token("lampen")
    assert token.strike_out("Schlampenfieber lampen") == "Schlampenfieber ***"


def test_no_token_strikes_out_nothing() -> None:
    assert Token("").strike_out("apiToken=&page=1") == "apiToken=&page=1"
    assert not Token("")
