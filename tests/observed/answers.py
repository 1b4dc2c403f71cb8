"""Answers that are not a page of products, by name; NUMBER is an HTTP status or a body's code.

- ``status NUMBER``: that HTTP status, a body of JSON without a code (``status 403`` is the
  gateway's); ``both NUMBER``: with the code too; ``code NUMBER``: HTTP 200 and that code;
  ``html NUMBER``: that HTTP status and a page of HTML
- ``no balance NUMBER``, ``no key NUMBER``: those words with any HTTP status, without a code
- ``no route``; ``timed out``, ``parameter``, ``denied``, ``convert first``: the kinds of 422
- ``list``, ``data null``, ``items null``, ``items object``, ``cut json``: HTTP 200, no page
- ``empty page``: no items, though the count and ``has_next_page`` say otherwise; ``nothing``: no
  items, no count, no next page; ``half page``: only the first half of the page's items
- ``code text``: a good answer with ``"code": "200"``; ``encoding gzip``, ``encoding br``: a good
  answer whose Content-Encoding is not true
- ``reset``, ``hang up``: the connection ends before an answer; ``cut connection``: within it;
  ``silence``: nothing comes until the server ends
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Payload = dict[str, Any]

CONVERT_FIRST = "Invalid image url. Please first use the convert endpoint"
NO_KEY = "No API key found in request"
NO_ROUTE = "no Route matched with those values"
NO_BALANCE = "Insufficient API balance"

KINDS_OF_422 = {
    "timed out": "Image download timed out",
    "parameter": "Parameter error",
    "denied": "Access to the image has been denied",
    "convert first": CONVERT_FIRST,
}

_NUMBERED = re.compile(r"(status|both|code|html|no balance|no key) (\d{3,4})")


@dataclass(frozen=True)
class Reply:
    """What is sent, or how the connection ends instead (``ending``)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    ending: str = ""

    @property
    def code(self) -> Any:
        """The body's code, if it has one."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found.get("code") if isinstance(found, dict) else None


def written(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply of JSON."""
    body = json.dumps(payload, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return Reply(status, body, headers)


def refusal(message: str, shape: str) -> Reply:
    """Return a 422; ``shape`` says whether status, code or both are 422."""
    if shape == "status":
        return written({"message": message}, 422)
    payload = {"code": 422, "msg": message, "data": None}
    return written(payload, 422 if shape == "both" else 200)


def _html(status: int) -> Reply:
    body = f"<html><head><title>{status}</title></head><body>gateway</body></html>"
    return Reply(status, body.encode(), {"Content-Type": "text/html"})


def _with_items(items: Any, **more: Any) -> Callable[[Payload], Payload]:
    return lambda page: page | {"data": page["data"] | {"items": items} | more}


def _half(page: Payload) -> Payload:
    items = page["data"]["items"]
    return _with_items(items[: len(items) // 2])(page)


def _cut(reply: Reply) -> bytes:
    return reply.body[: len(reply.body) // 2]


#: Made from the correct page.
_PAGES: dict[str, Callable[[Payload], Payload]] = {
    "items null": _with_items(None),
    "items object": _with_items({}),
    "empty page": _with_items([], has_next_page=True),
    "nothing": _with_items([], has_next_page=False, total_count=0),
    "half page": _half,
}

#: Made from any correct answer.
_GOOD: dict[str, Callable[[Payload], Reply]] = {
    "code text": lambda good: written(good | {"code": "200"}),
    "cut json": lambda good: Reply(200, _cut(written(good)), written(good).headers),
    "cut connection": lambda good: Reply(200, written(good).body, {}, "cut connection"),
    "encoding gzip": lambda good: written(good, headers={"Content-Encoding": "gzip"}),
    "encoding br": lambda good: written(good, headers={"Content-Encoding": "br"}),
}

_FIXED: dict[str, Reply] = {
    "no route": written({"message": NO_ROUTE}, 404),
    "list": written([]),
    "data null": written({"code": 200, "msg": "success", "data": None}),
    "reset": Reply(0, ending="reset"),
    "hang up": Reply(0, ending="hang up"),
    "silence": Reply(0, ending="silence"),
}


def _numbered(kind: str, number: int) -> Reply:
    match kind:
        case "html":
            return _html(number)
        case "status":
            return written({"message": NO_KEY if number == 401 else f"error {number}"}, number)
        case "no balance":
            return written({"message": NO_BALANCE}, number)
        case "no key":
            return written({"message": NO_KEY}, number)
        case _:
            payload = {"code": number, "msg": f"error {number}", "data": None}
            return written(payload, number if kind == "both" else 200)


def fixed(name: str, shape: str) -> Reply | None:
    """Return the answer with that name, or None if it is made from a correct one."""
    if name in KINDS_OF_422:
        return refusal(KINDS_OF_422[name], shape)
    if numbered := _NUMBERED.fullmatch(name):
        return _numbered(numbered[1], int(numbered[2]))
    return _FIXED.get(name)


def spoiled(name: str, good: Payload) -> Reply | None:
    """Return the answer of that name made from a correct one; None if that is not possible.

    A conversion has no items to spoil.
    """
    if name in _GOOD:
        return _GOOD[name](good)
    return written(_PAGES[name](good)) if "items" in good["data"] else None


def check(name: str, *, of_page: bool) -> None:
    """Raise ValueError unless there is an answer with that name (for a page or a conversion)."""
    named = {*KINDS_OF_422, *_FIXED, *_GOOD, *(_PAGES if of_page else ())}
    if name not in named and not _NUMBERED.fullmatch(name):
        what = "a search" if of_page else "a conversion"
        raise ValueError(f"no answer to {what} is named {name!r}: see tests/observed/answers.py")
