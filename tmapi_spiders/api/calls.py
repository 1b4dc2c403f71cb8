"""Calls: the state of a request that may have to be paid for.

It travels in ``Request.meta``, and is the same object for every attempt at a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.api.answers import NoPage

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from tmapi_spiders.api.answers import Answer

__all__ = ["CALL", "CONVERSION", "Call", "call_of"]

#: Request.meta: the :class:`Call`.
CALL = "tmapi_call"

#: The page number of a conversion.
CONVERSION = 0


@attrs.define
class Call:
    """One page of one query, or one conversion, and how its attempts went."""

    query_id: str
    """The query it is for; for a conversion, the query that needs it."""
    search_id: str
    """Hash of what is asked: the same for seeds with the same image."""
    image_id: str
    page: int
    """From 1; :data:`CONVERSION` for a conversion."""
    repeat: int = 0
    """How many conversions came before: tells otherwise equal requests apart."""
    attempt: int = 1
    """The number of the next attempt, or of the one in flight, from 1."""
    refusals: int = 0
    """How often the account was over its limit; this counts as no attempt."""
    rejections: int = 0
    """How often the API refused a conversion without denying its image."""
    answer: Answer | None = None
    """The answer to the last attempt."""
    spared: int = 0
    """Earlier attempts that failed because everything did: they don't use up the page's retries."""
    is_spared: bool = False
    """Whether the last attempt was one of these."""
    fetched_at: str | None = None
    """When the answer was paid for."""
    kept: bool = False
    """Whether another job paid for the answer."""

    @property
    def counted_attempts(self) -> int:
        """Attempts that count against the page's retries, the last one included."""
        return self.attempt - self.spared - self.is_spared

    @property
    def retry_after(self) -> float:
        """Seconds that the last answer asks to wait before the call is repeated."""
        return self.answer.retry_after if isinstance(self.answer, NoPage) else 0.0

    @property
    def is_conversion(self) -> bool:
        """Whether this converts an image instead of asking for a page."""
        return self.page == CONVERSION


def call_of(message: Request | Response | None) -> Call | None:
    """Return the call of a request or response; None if it is not this package's.

    A Failure, which replaces the response of an item that an errback yields, has none either.
    """
    call: Call | None = getattr(message, "meta", {}).get(CALL)
    return call
