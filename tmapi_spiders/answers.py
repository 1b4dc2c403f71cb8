"""Answers: what the API sent back for one page of one query.

HTTP status and body ``code`` are independent of each other. An answer is a page only where the
status is 200, the body is a JSON object, its ``code`` is 200 and ``data.items`` is a list; all
else is no page, and never "nothing found". (Source: observed behaviour of the API.)
"""

from __future__ import annotations

import json
from typing import Any

import attrs
import orjson

from tmapi_spiders.processors import to_int

__all__ = ["NoPage", "Page", "read_answer"]

_OK = 200
_LONGEST_MESSAGE = 300


@attrs.frozen
class Page:
    """A true page of results."""

    elements: list[Any]
    """``data.items`` as it came: elements may be anything."""
    has_next_page: bool
    total_count: int | None


@attrs.frozen
class NoPage:
    """An answer that is no page of results."""

    code: int | None
    """The body's ``code`` where it has one, else the HTTP status."""
    message: str
    """What the API said, or what is wrong with the answer."""


def read_answer(status: int, body: bytes) -> Page | NoPage:
    """Read an answer.

    >>> read_answer(200, b'{"code": 200, "data": {"items": [], "has_next_page": false}}')
    Page(elements=[], has_next_page=False, total_count=None)
    >>> read_answer(200, b'{"code": 439, "msg": "Insufficient API balance"}')
    NoPage(code=439, message='Insufficient API balance')
    >>> read_answer(502, b"<html>Bad Gateway</html>")
    NoPage(code=502, message='HTTP 502, and the body is not JSON')
    """
    try:
        decoded = _decode(body)
    except (ValueError, RecursionError):
        return NoPage(status, f"HTTP {status}, and the body is not JSON")
    if not isinstance(decoded, dict):
        return NoPage(status, f"HTTP {status}, and the body is no JSON object")
    code = decoded.get("code")
    if type(code) is not int:
        code = None
    if status != _OK or code != _OK:
        return NoPage(status if code in {None, _OK} else code, _message(status, decoded))
    data = decoded.get("data")
    elements = data.get("items") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(elements, list):
        return NoPage(code, "code 200, but data.items is no list")
    return Page(elements, data.get("has_next_page") is True, to_int(data.get("total_count")))


def _decode(body: bytes) -> Any:
    """Decode JSON; what orjson refuses (a byte or half an emoji amiss in a title) leniently.

    >>> _decode(b'\\xef\\xbb\\xbf{"title": "lamp \\\\ud83d"}')
    {'title': 'lamp ?'}
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _whole(json.loads(body.decode("utf-8-sig", "replace")))


def _whole(value: Any) -> Any:
    """Replace halves of surrogate pairs, which no UTF-8 file can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(element) for element in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(element) for name, element in value.items()}
    return value


def _message(status: int, decoded: dict[str, Any]) -> str:
    for name in ("msg", "message", "error"):
        text = decoded.get(name)
        if isinstance(text, str) and text.strip():
            return text.strip()[:_LONGEST_MESSAGE]
    return f"HTTP {status} without a message"
