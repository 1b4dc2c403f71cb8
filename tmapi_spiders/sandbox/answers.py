"""Answers of the API before they become HTTP responses."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import attrs
import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"

NO_ITEMS: Final[tuple[int, ...]] = ()


class Delivery(Enum):
    """How an answer is delivered."""

    SEND = "sent"
    RESET = "the connection is dropped instead"
    HANG = "never sent: the call waits until the client gives up"


@attrs.frozen
class Answer:
    """The answer to a call."""

    status: int
    """HTTP status."""
    body: bytes
    content_type: str = JSON
    code: int | None = None
    """The `code` in the body; None if it has none."""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delivery: Delivery = Delivery.SEND
    language: str = ""
    """The language of a true page of products; "" for any other answer."""
    item_ids: tuple[int, ...] = NO_ITEMS
    """The usable ids of a true page."""


def json_answer(status: int, value: Any) -> Answer:
    """Return an answer with any value as JSON.

    >>> json_answer(503, {"code": 503}).code
    503
    """
    code = value.get("code") if isinstance(value, dict) else None
    return Answer(status, orjson.dumps(value), code=code)


def success(data: Any) -> Answer:
    """Return the answer to a call that succeeded.

    >>> success(None).body
    b'{"code":200,"msg":"success","data":null}'
    """
    return json_answer(200, {"code": 200, "msg": "success", "data": data})


def refusal(status: int, code: int, message: str) -> Answer:
    """Return the API's answer to a call that failed.

    >>> refusal(422, 422, "Parameter error: page").body
    b'{"code":422,"msg":"Parameter error: page","data":null}'
    """
    return json_answer(status, {"code": code, "msg": message, "data": None})


def gateway(status: int, message: str) -> Answer:
    """Return an answer of the gateway in front of the API, which has no code.

    >>> gateway(404, "no Route matched with those values").body
    b'{"message":"no Route matched with those values"}'
    """
    return json_answer(status, {"message": message})


NO_KEY: Final = "No API key found in request"
NO_BALANCE: Final = "Insufficient API balance"
NO_ROUTE: Final = "no Route matched with those values"
TOO_MANY: Final = "Too many concurrent requests"
PARAMETER_ERROR: Final = "Parameter error"
CONVERT_FIRST: Final = "Invalid image url. Please first use the convert endpoint"
IMAGE_DENIED: Final = "Access to the image has been denied"
