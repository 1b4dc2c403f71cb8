"""Answers of the API, before they become HTTP responses."""

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
    """What becomes of an answer."""

    SEND = "sent"
    RESET = "the connection is dropped instead"
    HANG = "never sent: the call waits until the client gives up"


@attrs.frozen
class Answer:
    """What a call is answered."""

    status: int
    """HTTP status."""
    body: bytes
    content_type: str = JSON
    code: int | None = None
    """The `code` in the body; None where it has none."""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delivery: Delivery = Delivery.SEND
    language: str = ""
    """Of a true page of products; "" of any other answer."""
    item_ids: tuple[int, ...] = NO_ITEMS
    """The usable ids of a true page."""


def json_answer(status: int, value: Any) -> Answer:
    """Any value as JSON.

    >>> json_answer(503, {"code": 503}).code
    503
    """
    code = value.get("code") if isinstance(value, dict) else None
    return Answer(status, orjson.dumps(value), code=code)


def success(data: Any) -> Answer:
    """The answer of a call that worked.

    >>> success(None).body
    b'{"code":200,"msg":"success","data":null}'
    """
    return json_answer(200, {"code": 200, "msg": "success", "data": data})


def refusal(status: int, code: int, message: str) -> Answer:
    """The API's own answer to a call that did not work.

    >>> refusal(422, 422, "Parameter error: page").body
    b'{"code":422,"msg":"Parameter error: page","data":null}'
    """
    return json_answer(status, {"code": code, "msg": message, "data": None})


def gateway(status: int, message: str) -> Answer:
    """An answer of the gateway before the API: it has no code.

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
