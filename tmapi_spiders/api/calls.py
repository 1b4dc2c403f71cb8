"""Calls: what this package knows of a request that may have to be paid for.

It travels in ``Request.meta``, and is the same object for every try of one page.
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
    """One page of one query, or one conversion, and how its tries went."""

    query_id: str
    """The query it is for; of a conversion, the one that asked for it."""
    search_id: str
    """What is asked: alike for seeds that have the same image."""
    image_id: str
    page: int
    """From 1; :data:`CONVERSION` for a conversion."""
    repeat: int = 0
    """What tells apart two requests that read the same: how many conversions came before."""
    attempt: int = 1
    """Which try of this page the next call, or the one in flight, is."""
    refusals: int = 0
    """How often the API said that the account is over its limit; that is no attempt."""
    rejections: int = 0
    """How often the API said that a conversion is wrong, though not that its image is denied."""
    answer: Answer | None = None
    """To the last try."""
    spared: int = 0
    """Earlier tries that failed as everything did, so that the page has not used them up."""
    is_spared: bool = False
    """Whether the last try was one of these."""
    fetched_at: str | None = None
    """When the answer was paid for."""
    kept: bool = False
    """Whether another job has paid for the answer."""

    @property
    def tries(self) -> int:
        """Tries that the page has used up, the last one included."""
        return self.attempt - self.spared - self.is_spared

    @property
    def retry_after(self) -> float:
        """Seconds for which the last answer asks not to be called for this again."""
        return self.answer.retry_after if isinstance(self.answer, NoPage) else 0.0

    @property
    def is_conversion(self) -> bool:
        """Whether this converts an image instead of searching."""
        return self.page == CONVERSION


def call_of(message: Request | Response | None) -> Call | None:
    """Return what is known of a request or response; None if it is not one of ours.

    Nor is the failure that stands for a response where an errback has brought an item.
    """
    call: Call | None = getattr(message, "meta", {}).get(CALL)
    return call
