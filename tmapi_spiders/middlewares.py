"""The downloader middleware that retries calls, and the spider middleware that counts items.

:class:`AnswerMiddleware` replaces Scrapy's RetryMiddleware, which is off. The spider gets pages,
conversions, and answers that no retry can help any more.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.exceptions import IgnoreRequest
from scrapy.spidermiddlewares.base import BaseSpiderMiddleware

from tmapi_spiders import stats
from tmapi_spiders.api.answers import Kind, NoPage, read_answer
from tmapi_spiders.api.calls import call_of
from tmapi_spiders.crawl.interfaces import GateClosed
from tmapi_spiders.crawl.run import run_of
from tmapi_spiders.http.failures import NO_ANSWER

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from tmapi_spiders.api.calls import Call

__all__ = [
    "AnswerMiddleware",
    "AttemptEnded",
    "LedgerSpiderMiddleware",
    "QueryEnded",
    "why_not_sent",
]

logger = logging.getLogger(__name__)


class AttemptEnded(IgnoreRequest):
    """This attempt has ended: the page is retried."""


class QueryEnded(AttemptEnded):
    """This call was not sent and never will be: its page is done.

    A middleware of the project's has repeated the request.
    """


def why_not_sent(call: Call) -> str:
    """Return why a call was not sent: its page is done."""
    return (
        f"page {call.page} of the query {call.query_id} is done, and not requested again. "
        "A request that the project adds needs its own meta, not a copy of this package's."
    )


class AnswerMiddleware:
    """Retries calls that failed for a transient reason or were over the account's limit."""

    def __init__(self, crawler: Crawler) -> None:
        self._run = run_of(crawler)
        self._over_limit = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the middleware."""
        return cls(crawler)

    def process_response(self, request: Request, response: Response) -> Response:
        """Let through pages, conversions and final failures.

        :raises AttemptEnded: if the page is retried
        :raises GateClosed: if the job is stopping
        """
        call = call_of(request)
        if call is None:
            return response
        if call.answer is None:  # a middleware of the project's has answered in place of the API
            call.answer = read_answer(response.status, response.body, conversion=call.is_conversion)
        if not isinstance(call.answer, NoPage):
            return response
        run, answer = self._run, call.answer
        run.count(stats.PAGE_REFUSED)
        run.ledger.note(call.query_id, answer.code, answer.message)
        if answer.kind is Kind.CONVERT_FIRST and not call.is_conversion:
            self._count_refusal(request, call)
        run.heed(answer)
        if not answer.is_final and not run.gate.is_open:
            raise GateClosed("the job is stopping")
        if answer.kind is Kind.OVER_LIMIT:
            self._wait_for_room(request, call)
        elif answer.kind is Kind.TRANSIENT:
            self._retry(request, call, f"{answer.code}: {answer.message}")
        elif call.is_conversion and answer.kind is not Kind.DENIED and not call.rejections:
            # Observed: one conversion in six fails at first, with any code, and then works.
            call.rejections += 1
            self._retry(request, call, f"{answer.code}: {answer.message}")
        return response

    def _count_refusal(self, request: Request, call: Call) -> None:
        self._run.count(stats.CONVERSION_WANTED)
        if not call.repeat and request.cb_kwargs["query"].seed.can_be_converted:
            self._run.count(stats.IMAGE_REFUSED)

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Retry a call that brought no answer.

        :raises AttemptEnded: if the page is retried
        :raises GateClosed: if the job is stopping
        """
        call = call_of(request)
        if call is None or not isinstance(exception, NO_ANSWER):
            return
        message = f"{type(exception).__name__}: {exception}"
        self._run.ledger.note(call.query_id, None, message)
        if not self._run.gate.is_open:
            raise GateClosed("the job is stopping")
        self._retry(request, call, message)

    def _retry(self, request: Request, call: Call, problem: str) -> None:
        """Retry the page; return normally if it has used up its retries."""
        if self._run.retries.retry(request, call):
            logger.debug("Attempt %d failed and is retried: %s", call.attempt - 1, problem)
            raise AttemptEnded(problem)
        logger.debug("Attempt %d was the last: %s", call.attempt, problem)

    def _wait_for_room(self, request: Request, call: Call) -> None:
        allowed = self._run.gate.allowed
        if call.refusals > 1 and allowed == 1 and not self._over_limit:
            self._over_limit = True
            logger.warning(
                "The API says that the account is over its limit of calls in flight, although this "
                "crawl has only one. Something else is using the account; waiting for room."
            )
        else:
            logger.info("Over the account's limit: %d calls in flight from now on", allowed)
        self._run.retries.wait_for_room(request, call)
        raise AttemptEnded("over the account's limit")


class LedgerSpiderMiddleware(BaseSpiderMiddleware):
    """Counts the items that leave the spider for the pipelines.

    It is the one next to the engine, so items that a project's own middlewares drop are not
    counted, and those that they add are.
    """

    def get_processed_item(self, item: Any, response: Response | None) -> Any:
        """Note the item and pass it on, unless the pipelines have had it before."""
        call = call_of(response)
        if call is None or run_of(self.crawler).ledger.expect(call, item):
            return item
        return None
