"""A table of faults (answers that are not a page of products), and which calls get them.

An image asks for one in its name: `fail-KIND` for its searches, `convert-KIND` for its conversions,
each with `-xN` (only the first N attempts of a call fail), `-pN` (only page N fails) and
`-dN` (only on day N).
"""

from __future__ import annotations

import re
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import attrs

from tmapi_spiders.sandbox.answers import (
    HTML,
    IMAGE_DENIED,
    NO_BALANCE,
    NO_KEY,
    NO_ROUTE,
    PARAMETER_ERROR,
    Answer,
    Delivery,
    gateway,
    json_answer,
    refusal,
    success,
)
from tmapi_spiders.sandbox.draws import chance, draw
from tmapi_spiders.sandbox.parameters import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator


class FaultRow(Enum):
    """The row of the table of answers (the API as observed) that a fault belongs to."""

    TOKEN = "token missing or refused"  # noqa: S105 - a meaning, no secret
    BALANCE = "out of balance"
    ROUTE = "wrong base URL or path"
    LIMIT = "account-wide concurrency limit"
    TRANSIENT = "transient"
    FETCH_TIMEOUT = "422 that says `timed out`: transient"
    QUERY = "any other 422: this query is wrong"
    NOT_A_PAGE = "200, but the gateway answered, not the API: transient"
    EMPTY = "code 200 and no items"
    GATEWAY = "403 by the gateway: this machine or token is refused"


TRANSIENT_ROWS: Final = {FaultRow.TRANSIENT, FaultRow.FETCH_TIMEOUT, FaultRow.NOT_A_PAGE}


@attrs.frozen
class Fault:
    """One kind of failure."""

    row: FaultRow
    answer: Answer


REASONS: Final = {
    417: "Expectation Failed",
    439: NO_BALANCE,
    499: "Client Closed Request",
    520: "Web Server Returned an Unknown Error",
    522: "Connection Timed Out",
    529: "Site Is Overloaded",
}
RETRY_AFTER: Final = 1
"""The Retry-After of the kinds wait-…, in seconds."""
CODE_MESSAGES: Final = {
    401: "Invalid token",
    403: "Forbidden",
    4011: "The token has expired",
    **REASONS,
}
FETCH_TIMED_OUT: Final = "Fetching the image timed out"
WRONG_PARAMETER: Final = f"{PARAMETER_ERROR}: img_url"


def _reason(status: int) -> str:
    return REASONS.get(status) or HTTPStatus(status).phrase


def _status(status: int) -> Answer:
    """Return an answer whose body has no code: only the status says what is wrong."""
    return gateway(status, _reason(status))


def _code(code: int) -> Answer:
    """Return HTTP 200 with an error code in the body: only the code says what is wrong."""
    return refusal(200, code, CODE_MESSAGES.get(code) or _reason(code))


def _text_code(code: int) -> Answer:
    """Return the same with the code as text."""
    return Answer(200, _code(code).body.replace(str(code).encode(), b'"%d"' % code, 1), code=code)


def _wait(status: int) -> Answer:
    """Return a status with a Retry-After header."""
    return attrs.evolve(_status(status), headers={"Retry-After": str(RETRY_AFTER)})


def _page(status: int) -> Answer:
    title = f"{status} {_reason(status)}"
    return Answer(status, f"<html><h1>{title}</h1></html>".encode(), HTML)


_EMPTY_PAGE: Final = {
    "page": 1,
    "page_size": 20,
    "total_count": 0,
    "keyword": "",
    "sort": "default",
    "cat_id": None,
    "filters": {},
    "items": [],
    "has_next_page": False,
}

FAULTS: Final[dict[str, Fault]] = {
    "status-401": Fault(FaultRow.TOKEN, _status(401)),
    "code-401": Fault(FaultRow.TOKEN, _code(401)),
    "code-403": Fault(FaultRow.TOKEN, _code(403)),
    "code-4011": Fault(FaultRow.TOKEN, _code(4011)),
    # Only the message says what is wrong in these two: the status is 200, and there is no code.
    "no-api-key": Fault(FaultRow.TOKEN, gateway(200, NO_KEY)),
    "no-balance": Fault(FaultRow.BALANCE, gateway(200, NO_BALANCE)),
    "status-439": Fault(FaultRow.BALANCE, Answer(439, b"{}")),
    "code-439": Fault(FaultRow.BALANCE, _code(439)),
    "no-route": Fault(FaultRow.ROUTE, gateway(404, NO_ROUTE)),
    "code-text-439": Fault(FaultRow.BALANCE, _text_code(439)),
    "status-503": Fault(FaultRow.LIMIT, _status(503)),
    "code-503": Fault(FaultRow.LIMIT, _code(503)),
    "code-text-503": Fault(FaultRow.LIMIT, _text_code(503)),
    "wait-503": Fault(FaultRow.LIMIT, _wait(503)),
    "status-403": Fault(FaultRow.GATEWAY, _page(403)),
    "status-408": Fault(FaultRow.TRANSIENT, _page(408)),
    "status-417": Fault(FaultRow.TRANSIENT, _status(417)),
    "code-417": Fault(FaultRow.TRANSIENT, _code(417)),
    "status-499": Fault(FaultRow.TRANSIENT, _status(499)),
    "code-499": Fault(FaultRow.TRANSIENT, _code(499)),
    "status-500": Fault(FaultRow.TRANSIENT, _status(500)),
    "code-500": Fault(FaultRow.TRANSIENT, _code(500)),
    "code-text-500": Fault(FaultRow.TRANSIENT, _text_code(500)),
    "status-502": Fault(FaultRow.TRANSIENT, _page(502)),
    "status-504": Fault(FaultRow.TRANSIENT, _page(504)),
    "status-429": Fault(FaultRow.TRANSIENT, _status(429)),
    "wait-429": Fault(FaultRow.TRANSIENT, _wait(429)),
    "status-520": Fault(FaultRow.TRANSIENT, _page(520)),
    "status-522": Fault(FaultRow.TRANSIENT, _page(522)),
    "status-529": Fault(FaultRow.TRANSIENT, _page(529)),
    "reset": Fault(FaultRow.TRANSIENT, Answer(0, b"", delivery=Delivery.RESET)),
    "hang": Fault(FaultRow.TRANSIENT, Answer(0, b"", delivery=Delivery.HANG)),
    "422-timeout": Fault(FaultRow.FETCH_TIMEOUT, refusal(422, 422, FETCH_TIMED_OUT)),
    "422-parameter": Fault(FaultRow.QUERY, refusal(422, 422, WRONG_PARAMETER)),
    "422-denied": Fault(FaultRow.QUERY, refusal(422, 422, IMAGE_DENIED)),
    "code-422-timeout": Fault(FaultRow.FETCH_TIMEOUT, refusal(200, 422, FETCH_TIMED_OUT)),
    "code-422-parameter": Fault(FaultRow.QUERY, refusal(200, 422, WRONG_PARAMETER)),
    "code-422-denied": Fault(FaultRow.QUERY, refusal(200, 422, IMAGE_DENIED)),
    "html": Fault(FaultRow.NOT_A_PAGE, _page(200)),
    "cut-json": Fault(
        FaultRow.NOT_A_PAGE,
        Answer(200, b'{"code":200,"msg":"success","data":{"page":1,"items":[{"it'),
    ),
    "list": Fault(FaultRow.NOT_A_PAGE, json_answer(200, [{"item_id": 612345678901}])),
    "null-data": Fault(FaultRow.NOT_A_PAGE, success(None)),
    "null-items": Fault(FaultRow.NOT_A_PAGE, success({**_EMPTY_PAGE, "items": None})),
    "object-items": Fault(FaultRow.NOT_A_PAGE, success({**_EMPTY_PAGE, "items": {}})),
    "empty": Fault(FaultRow.EMPTY, success(_EMPTY_PAGE)),
}
"""The row and the answer of each kind."""

# Kinds that make a client wait (its whole timeout, or as long as told) only occur by name.
_SLOW: Final = {"hang", "wait-429"}
TRANSIENT_KINDS: Final = tuple(
    kind for kind, fault in FAULTS.items() if fault.row in TRANSIENT_ROWS and kind not in _SLOW
)
"""The kinds of injected failures if none are named."""

SEARCH_MARK: Final = "fail"
CONVERSION_MARK: Final = "convert"

_KINDS: Final = "|".join(sorted(FAULTS, key=len, reverse=True))


@attrs.frozen
class FaultMark:
    """A fault that an image's name asks for."""

    fault: Fault
    tries: int | None
    """Only the first so many attempts fail; None for all."""
    page: int | None
    """Only this page fails; None for all."""
    day: int | None
    """It fails only on this day; None for all."""

    def holds(self, page: int | None, earlier: int, day: int) -> bool:
        """Return whether it applies to a page on a day, after so many earlier attempts."""
        return (
            (self.tries is None or earlier < self.tries)
            and self.page in {None, page}
            and self.day in {None, day}
        )


def marks_in(stem: str, mark: str) -> Iterator[FaultMark]:
    """Yield the faults a name asks for; raises ParameterError if one is unknown.

    >>> [(m.tries, m.page, m.day) for m in marks_in("1-fail-html-x2-p3-d1", "fail")]
    [(2, 3, 1)]
    >>> list(marks_in("mug-failsafe", "fail"))
    []
    >>> list(marks_in("fail-whale", "fail"))
    Traceback (most recent call last):
    ...
    tmapi_spiders.sandbox.parameters.ParameterError: the sandbox has no fault 'whale' (fail-whale)
    """
    for place in re.finditer(f"(?<![a-z]){mark}-", stem, re.IGNORECASE):
        wanted = stem[place.end() :].lower()
        found = re.match(rf"({_KINDS})(?![a-z0-9])((?:-[xpd]\d+)*)", wanted)
        if not found:
            raise ParameterError(f"the sandbox has no fault {wanted!r} ({stem})")
        numbers = {name: int(digits) for name, digits in re.findall(r"-([xpd])(\d+)", found[2])}
        yield FaultMark(FAULTS[found[1]], *(numbers.get(name) for name in "xpd"))


def marked_fault(stem: str, mark: str, page: int | None, earlier: int, day: int) -> Fault | None:
    """Return the first fault that an image's name asks for and that applies to this call."""
    return next((m.fault for m in marks_in(stem, mark) if m.holds(page, earlier, day)), None)


@attrs.frozen
class Injection:
    """Random failures that are the same in every run."""

    rate: float
    """The share of calls, 0 to 1."""
    kinds: tuple[str, ...]
    seed: int

    def fault(self, call: str, earlier: int) -> Fault | None:
        """Return the fault of this call, if any, after so many earlier ones like it.

        >>> injection = Injection(1.0, ("html",), 1)
        >>> injection.fault("search page 1", 0) is FAULTS["html"]
        True
        """
        if chance("strikes", self.seed, call, earlier) >= self.rate:
            return None
        return FAULTS[self.kinds[draw("kind", self.seed, call, earlier) % len(self.kinds)]]


@attrs.define
class OutageFault:
    """An outage: a time in which every call that was let in fails."""

    kind: str = ""
    """The kind of fault; "" while there is no outage."""
    calls: int = -1
    """How many more calls fail; -1 until it is ended."""

    def fault(self) -> Fault | None:
        """Return the fault of the next call, if any.

        >>> outage = OutageFault("status-500", 1)
        >>> outage.fault() is FAULTS["status-500"], outage.fault()
        (True, None)
        """
        if not self.kind or not self.calls:
            return None
        self.calls -= self.calls > 0
        return FAULTS[self.kind]
