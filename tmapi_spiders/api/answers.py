"""Classifies the API's answers: what each means, and what to do about it.

HTTP status and the body's ``code`` are independent, so both are considered; where the table says
so, the message decides. An answer is a page only if the status is 200, the body is a JSON object,
its ``code`` is 200 and ``data.items`` is a list. Anything else is not a page, and never means
"nothing found". No other module looks at a status or a ``code``. (Source of the table: observed
behaviour of the API.)
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar

import attrs

from tmapi_spiders.api.json_text import decode
from tmapi_spiders.processors import to_int, to_quantity
from tmapi_spiders.wording import printable

__all__ = ["TABLE", "Answer", "Converted", "Kind", "NoPage", "Page", "Row", "read_answer"]

_OK = 200

#: Non-standard statuses with which gateways report that the API behind them failed.
_GATEWAYS_OWN = range(520, 530)

#: Answers with one of these may say when to call again (``Retry-After``).
_COME_AGAIN = frozenset({429, 503})

#: The API's own verdict on a query: it shows that the API works.
_OF_THE_QUERY = 422


class Kind(Enum):
    """What to do about an answer."""

    PAGE = "page"
    EMPTY = "empty"
    """A true page without items: believed only once the image is known to be readable."""
    CONVERTED = "converted"
    TRANSIENT = "transient"
    """Retry, a limited number of times."""
    OVER_LIMIT = "over the limit"
    """Lower the concurrency and call again; this does not count as a retry."""
    WRONG_QUERY = "query is wrong"
    """Fail this query and continue with the others; a conversion is retried once before that."""
    DENIED = "image is denied"
    """Fail this query without a retry: the image itself is refused."""
    CONVERT_FIRST = "image has to be converted first"
    """Convert the image and call again; if it may not be converted, fail its queries."""
    STOP = "stop the job"


@attrs.frozen
class Row:
    """A row of the table of answers that are not pages."""

    meaning: str
    kind: Kind
    statuses: frozenset[int] = frozenset()
    """HTTP statuses that fit, whatever the body says."""
    codes: frozenset[int] = frozenset()
    """Codes of the body that fit, whatever the status is."""
    message: str = ""
    """Words in the message that fit if the body has no ``code``, whatever the status is."""
    says: str = ""
    """Words that the message must have in any case."""
    stop: str | None = None
    """Why the job stops: the reason in outcomes."""
    counts: bool = True
    """Whether the call counts: against the budget, and in ``calls``."""
    remark: str = ""
    """Put before the answer's own message, which does not say it."""
    outage: str = "outage"
    """For a transient failure: why the job stops if the API answers nothing else any more."""


#: The first row that fits applies.
TABLE = (
    Row(
        "out of balance or subscription",
        Kind.STOP,
        statuses=frozenset({439}),
        codes=frozenset({439}),
        message="Insufficient API balance",
        stop="balance",
        counts=False,
    ),
    Row(
        "the token is missing or refused",
        Kind.STOP,
        statuses=frozenset({401}),
        codes=frozenset({401, 403, 4011}),
        message="No API key found in request",
        stop="auth",
        counts=False,
    ),
    Row(
        "wrong base URL or path",
        Kind.STOP,
        statuses=frozenset({404}),
        message="no Route matched with those values",
        stop="base_url",
    ),
    Row(
        "over the account's limit of calls in flight",
        Kind.OVER_LIMIT,
        statuses=frozenset({503}),
        codes=frozenset({503}),
        counts=False,
    ),
    Row(
        "the API could not fetch the image in time",
        Kind.TRANSIENT,
        statuses=frozenset({422}),
        codes=frozenset({422}),
        says="timed out",
    ),
    Row(
        "the image has to be converted first",
        Kind.CONVERT_FIRST,
        statuses=frozenset({422}),
        codes=frozenset({422}),
        says="first use the convert endpoint",
    ),
    Row(
        "the image itself is refused",
        Kind.DENIED,
        statuses=frozenset({422}),
        codes=frozenset({422}),
        says="Access to the image has been denied",
    ),
    Row("this query is wrong", Kind.WRONG_QUERY, statuses=frozenset({422}), codes=frozenset({422})),
    Row(
        "a transient failure",
        Kind.TRANSIENT,
        statuses=frozenset({408, 417, 429, 499, 500, 502, 504, *_GATEWAYS_OWN}),
        codes=frozenset({408, 417, 429, 499, 500, 502, 504, *_GATEWAYS_OWN}),
    ),
    # Last, since a body's code says more than this status, and the code 403 means the token.
    Row(
        "the gateway refuses this machine or token",
        Kind.TRANSIENT,
        statuses=frozenset({403}),
        remark="the gateway refuses this machine or token",
        outage="refused",
    ),
)

#: For answers with status 200 that come from the gateway, not the API, and for unknown ones: a
#: limited number of retries gets past both.
_ELSE = Row("not a page, and not the API's own answer", Kind.TRANSIENT)


@attrs.frozen
class Page:
    """A true page of results."""

    elements: list[Any]
    """``data.items`` as received: elements may be anything."""
    has_next_page: bool
    total_count: int | None

    counts: ClassVar[bool] = True
    works: ClassVar[bool] = True

    @property
    def kind(self) -> Kind:
        """PAGE, or EMPTY without elements."""
        return Kind.PAGE if self.elements else Kind.EMPTY


@attrs.frozen
class Converted:
    """The answer to a successful conversion."""

    image_url: str
    """Pass it on unchanged; typically a path."""

    kind: ClassVar[Kind] = Kind.CONVERTED
    counts: ClassVar[bool] = True
    works: ClassVar[bool] = True


@attrs.frozen
class NoPage:
    """An answer that is neither a page nor a conversion."""

    code: int | None
    """The body's ``code`` where it says more than the HTTP status, else the status."""
    message: str
    """What the API said, or what is wrong with the answer."""
    row: Row = attrs.field(default=_ELSE, repr=lambda row: row.kind.name)
    retry_after: float = attrs.field(default=0.0, repr=False)
    """Seconds that the API asks to wait before this call is repeated."""

    @property
    def works(self) -> bool | None:
        """Whether this shows that the API works (True) or fails (False); None: neither."""
        if _OF_THE_QUERY in self.row.statuses:
            return True
        return False if self.kind is Kind.TRANSIENT else None

    @property
    def kind(self) -> Kind:
        """Any but PAGE, EMPTY and CONVERTED."""
        return self.row.kind

    @property
    def is_final(self) -> bool:
        """Whether the API has judged the query or its image, so repeating the call is useless."""
        return self.kind in {Kind.WRONG_QUERY, Kind.DENIED, Kind.CONVERT_FIRST}

    @property
    def counts(self) -> bool:
        """Whether the call counts: against the budget, and in ``calls``."""
        return self.row.counts


Answer = Page | Converted | NoPage


def read_answer(
    status: int, body: bytes, *, conversion: bool = False, retry_after: float = 0.0
) -> Answer:
    """Read and classify an answer; no answer raises an exception.

    :param status: the HTTP status
    :param conversion: whether the call was for a conversion, not a page
    :param retry_after: seconds that the answer's ``Retry-After`` asks to wait

    >>> read_answer(200, b'{"code": 200, "data": {"items": [], "has_next_page": false}}')
    Page(elements=[], has_next_page=False, total_count=None)
    >>> read_answer(200, b'{"code": 439, "msg": "Insufficient API balance"}')
    NoPage(code=439, message='Insufficient API balance', row=STOP)
    >>> read_answer(502, b"<html>Bad Gateway</html>")
    NoPage(code=502, message='HTTP 502, and the body is not JSON', row=TRANSIENT)
    >>> read_answer(403, b"<html>Forbidden</html>").message
    'the gateway refuses this machine or token (HTTP 403, and the body is not JSON)'
    >>> read_answer(429, b"", retry_after=9.0).retry_after
    9.0
    >>> read_answer(200, b'{"code": 200, "data": {"image_url": "/search/1.jpg"}}', conversion=True)
    Converted(image_url='/search/1.jpg')
    """
    decoded: Any = None
    wrong = ""
    try:
        decoded = decode(body)
    except ValueError:
        wrong = "not JSON"
    if not wrong and not isinstance(decoded, dict):
        wrong = "not a JSON object"
    if wrong:
        message = f"HTTP {status}, and the body is {wrong}"
        return _no_page(status, None, message, _row(status, None, ""), retry_after)
    code = to_int(decoded.get("code"))
    if status != _OK or code != _OK:
        message = _message(status, decoded)
        return _no_page(status, code, message, _row(status, code, message), retry_after)
    data = decoded.get("data")
    if not isinstance(data, dict):
        data = {}
    if conversion:
        image_url = data.get("image_url")
        if isinstance(image_url, str) and image_url.strip():
            return Converted(image_url)
        return NoPage(code, "code 200, but data.image_url is not text")
    elements = data.get("items")
    if not isinstance(elements, list):
        return NoPage(code, "code 200, but data.items is not a list")
    return Page(elements, data.get("has_next_page") is True, to_quantity(data.get("total_count")))


def _no_page(status: int, code: int | None, message: str, row: Row, retry_after: float) -> NoPage:
    told = status if code is None or code == _OK else code
    if row.remark:
        message = f"{row.remark} ({message})"
    return NoPage(told, message, row, retry_after if {status, code} & _COME_AGAIN else 0.0)


def _row(status: int, code: int | None, message: str) -> Row:
    """Return the first row that fits.

    >>> _row(200, 422, "Fetching the image timed out").kind.name
    'TRANSIENT'
    >>> _row(200, None, "No API key found in request").stop
    'auth'
    """
    for row in TABLE:
        told = bool(row.message) and code is None and row.message.lower() in message.lower()
        if not told and status not in row.statuses and code not in row.codes:
            continue
        if row.says.lower() in message.lower():
            return row
    return _ELSE


def _message(status: int, decoded: dict[str, Any]) -> str:
    for name in ("msg", "message", "error"):
        text = decoded.get(name)
        if isinstance(text, str) and text.strip():
            return printable(text)
    return f"HTTP {status} without a message"
