"""The account that calls are made on: token, limit, balance, and records of the calls."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

import attrs

from tmapi_spiders.sandbox.answers import (
    NO_BALANCE,
    NO_ITEMS,
    NO_KEY,
    TOO_MANY,
    Answer,
    gateway,
    refusal,
)
from tmapi_spiders.sandbox.images import SEARCH_PATH, stem_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SEARCH: Final = "search"
CONVERT: Final = "convert_url"

TOKEN_PARAMETER: Final = "apiToken"  # noqa: S105 - the names under which a token travels
TOKEN_HEADER: Final = "apikey"  # noqa: S105

OVER_LIMIT: Final = 503
OK: Final = 200
ENDLESS: Final = -1
CALLS_KEPT: Final = 10_000


@attrs.define
class SandboxCall:
    """The record of one call. It never holds the token."""

    endpoint: str
    """SEARCH or CONVERT."""
    params: dict[str, Any]
    """The query of a search, the JSON body of a conversion."""
    headers: dict[str, str]
    """By name, in lower case."""
    auth: str
    """How the token was sent: query, header or none."""
    status: int | None = None
    """HTTP status; None if not answered (yet)."""
    code: int | None = None
    item_ids: tuple[int, ...] = NO_ITEMS


@attrs.define
class Books:
    """Calls and counts since the start or the last reset."""

    calls: deque[SandboxCall] = attrs.field(factory=lambda: deque(maxlen=CALLS_KEPT))
    made: int = 0
    ok: int = 0
    conversions: int = 0
    refused: int = 0
    max_in_flight: int = 0
    by_status: Counter[str] = attrs.field(factory=Counter)
    no_route: Counter[str] = attrs.field(factory=Counter)
    served: defaultdict[str, set[int]] = attrs.field(factory=lambda: defaultdict(set))
    tries: Counter[tuple[object, ...]] = attrs.field(factory=Counter)


class Account:
    """An account of the API. A call arrives, may be refused, is answered, and leaves."""

    def __init__(self, token: str, limit: int, balance: int) -> None:
        self._token = token
        self.limit = limit
        self.balance = balance
        self.books = Books()
        self._in_flight = 0

    def arrive(
        self, endpoint: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[SandboxCall, str]:
        """Record a call, which is in flight from now on. Return it and its token ("" if none)."""
        headers = {name.lower(): value for name, value in headers.items()}
        params = {name: query[name] for name in query}
        in_query, in_header = params.pop(TOKEN_PARAMETER, ""), headers.pop(TOKEN_HEADER, "")
        auth = "query" if in_query else "header" if in_header else "none"
        call = SandboxCall(endpoint, params, headers, auth)
        self._in_flight += 1
        books = self.books
        books.calls.append(call)
        books.made += 1
        books.conversions += endpoint == CONVERT
        books.max_in_flight = max(books.max_in_flight, self._in_flight)
        return call, in_query or in_header

    def refuse(self, token: str) -> Answer | None:
        """Return the answer that refuses the latest call, or None if it is let in."""
        if not token:
            return gateway(401, NO_KEY)
        if self._token and token != self._token:
            return refusal(401, 401, "Invalid token")
        if self.limit and self._in_flight > self.limit:
            return refusal(OVER_LIMIT, OVER_LIMIT, TOO_MANY)
        if self.balance == 0:
            return self._out_of_balance()
        return None

    def earlier(self, call: SandboxCall) -> int:
        """Return how often the same call was let in before, by whichever path to an image."""
        params = call.params
        if (url := str(params.get("img_url", ""))).startswith(SEARCH_PATH):
            params = params | {"img_url": f"{SEARCH_PATH}{stem_of(url)}"}
        key = (call.endpoint, *sorted((name, str(value)) for name, value in params.items()))
        self.books.tries[key] += 1
        return self.books.tries[key] - 1

    def charge(self, answer: Answer) -> Answer:
        """Return the answer, charged if its code is 200; 439 if the balance has just run out."""
        if answer.code != OK or self.balance == ENDLESS:
            return answer
        if self.balance == 0:
            return self._out_of_balance()
        self.balance -= 1
        return answer

    def enter(self, call: SandboxCall, answer: Answer) -> None:
        """Record an answer that is about to be sent."""
        call.status, call.code, call.item_ids = answer.status, answer.code, answer.item_ids
        self.books.ok += answer.code == OK
        self.books.refused += OVER_LIMIT in {answer.status, answer.code}
        if answer.language:
            self.books.served[answer.language].update(answer.item_ids)

    def leave(self, call: SandboxCall) -> None:
        """End a call, answered or not."""
        self._in_flight -= 1
        self.books.by_status["none" if call.status is None else str(call.status)] += 1

    def reset(self) -> None:
        """Clear the records. Balance, limit and calls in flight are kept."""
        self.books = Books(max_in_flight=self._in_flight)

    def stats(self) -> dict[str, Any]:
        """Return the counts, for people and tests."""
        books = self.books
        return {
            "calls": books.made,
            "ok": books.ok,
            "conversions": books.conversions,
            "in_flight": self._in_flight,
            "max_in_flight": books.max_in_flight,
            "refused": books.refused,
            "by_status": dict(sorted(books.by_status.items())),
            "balance": self.balance,
            "limit": self.limit,
            "no_route": dict(sorted(books.no_route.items())),
        }

    @staticmethod
    def _out_of_balance() -> Answer:
        return refusal(439, 439, NO_BALANCE)
