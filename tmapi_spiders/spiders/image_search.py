"""The spider: it says what is asked for; the other modules say how."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from scrapy import Request, Spider, signals
from scrapy.http import JsonRequest

from tmapi_spiders import stats
from tmapi_spiders.answers import Converted, NoPage, Page
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.calls import CALL, CONVERSION, Call, call_of
from tmapi_spiders.downloader_middleware import TriesAgain
from tmapi_spiders.gate import GateClosed
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.pages import PageReader
from tmapi_spiders.paging import ending
from tmapi_spiders.prepare import prepare_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from tmapi_spiders.images import Image
    from tmapi_spiders.items import Product
    from tmapi_spiders.queries import Query
    from tmapi_spiders.run import Run

__all__ = ["ImageSearchSpider"]

logger = logging.getLogger(__name__)

#: Source: the vendor's page of the endpoint.
SEARCH_PATH = "/1688/global/search/image/v2"

#: Source: observed behaviour of the API; so is the body of :meth:`request_conversion`.
CONVERT_PATH = "/1688/tools/image/convert_url"

#: Queries left out between two turns of the event loop.
_LEFT_OUT_AT_ONCE = 100


class ImageSearchSpider(Spider):
    """Searches 1688.com by image: every seed under every combination of the other arguments."""

    name = "image_search"

    arguments_model: type[Arguments] = Arguments
    loader: type[ProductLoader] = ProductLoader

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self._pages = PageReader(run, self.loader)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Make the spider of ``run``, or of a new run with the spider arguments *kwargs*.

        :raises UsageProblems: with all that is wrong with arguments and settings
        """
        run = kwargs.pop("run", None) or prepare_run(
            crawler.settings, kwargs, cls.arguments_model, cls.name
        )
        return super().from_crawler(crawler, *args, run=run)

    async def start(self) -> AsyncIterator[Request]:
        """Yield the first request of each query, one whenever there is room for it.

        Without the wait Scrapy would pull all queries at once, and hold them in memory.
        """
        run, left_out = self.run, 0
        while True:
            if self.crawler.engine.needs_backout():
                await self.crawler.signals.wait_for(signals.scheduler_empty)
            if not run.gate.is_open and not run.archive.unread:
                return  # no call goes out, and nothing is left to replay
            query = next(run.not_begun, None)
            if query is None:
                return
            if run.gate.is_open or run.is_paid(query):
                run.ledger.open(query)
                for request in self.first_page(query):
                    yield request
                continue
            for request in self._settle(query, 1):
                yield request
            run.ledger.leave_out(query, run.stop_reason)
            left_out += 1
            if not left_out % _LEFT_OUT_AT_ONCE:
                await asyncio.sleep(0)

    def first_page(self, query: Query) -> Iterator[Request]:
        """Yield the request for a query's first page, or for the conversion that it needs first.

        Nothing, if it waits for a conversion that another query has asked for.
        """
        ledger, image = self.run.ledger, self.run.images.of(query)
        path = image.paths[-1]
        if path is not None:
            progress = ledger[query.query_id]
            progress.img_url, progress.generation = path, image.generation
            yield self.request_page(query, 1)
        elif image.failure is not None:
            ledger.fail(query.query_id, *image.failure)
        else:
            image.waiting.append(query)
            if len(image.waiting) == 1:
                yield self.request_conversion(query, image)

    def request_page(self, query: Query, page: int, *, again: bool = False) -> Request:
        """Return the request for one page of *query*; the token is added on the wire.

        :param again: whether this run has had the page, so that it comes out of the archive
        """
        progress = self.run.ledger[query.query_id]
        parameters = query.parameters(progress.img_url) | {
            "page": str(page),
            "page_size": str(self.run.arguments.page_size),
        }
        return Request(
            f"{self.run.base_url}{SEARCH_PATH}?{urlencode(parameters)}",
            callback=self.parse,
            errback=self.fail,
            cb_kwargs={"query": query, "page": page},
            meta=self._meta(query, page, progress.generation, again=again),
            headers={"Accept": "application/json"},
            dont_filter=True,
        )

    def request_conversion(self, query: Query, image: Image) -> Request:
        """Return the request for the next conversion of an image, which *query* asks for."""
        return JsonRequest(
            f"{self.run.base_url}{CONVERT_PATH}",
            data={"url": image.seed.img_url, "search_api_endpoint": "/global/search/image/v2"},
            callback=self.parse_conversion,
            errback=self.fail_conversion,
            cb_kwargs={"image": image},
            meta=self._meta(query, CONVERSION, image.generation + 1),
            headers={"Accept": "application/json"},
            dont_filter=True,
        )

    def parse_conversion(self, response: Response, **kwargs: Any) -> Iterator[Request]:
        """Yield the first pages of the queries that waited for this conversion."""
        image: Image = kwargs["image"]
        answer = self._answer_to(response)
        if isinstance(answer, NoPage):
            self._fail_waiting(image, answer.code, answer.message)
        elif isinstance(answer, Converted):
            call = call_of(response)
            for query in image.convert(answer.image_url, kept=call is not None and call.kept):
                yield from self.first_page(query)

    def fail_conversion(self, failure: Failure) -> None:
        """Fail the queries that waited for a conversion that brought no answer."""
        request: Request = failure.request  # type: ignore[attr-defined]
        image: Image = request.cb_kwargs["image"]
        if isinstance(failure.value, GateClosed):
            for query in image.release():
                self._cut_short(query)
        elif not isinstance(failure.value, TriesAgain):
            self._fail_waiting(image, None, _describe(failure))

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Product | Request]:
        """Yield the products of a page, then the request for the next one."""
        query: Query = kwargs["query"]
        page: int = kwargs["page"]
        run, ledger = self.run, self.run.ledger
        answer = self._answer_to(response)
        if isinstance(answer, NoPage):
            yield from self._settle(query, page)
            ledger.fail(query.query_id, answer.code, answer.message)
            return
        assert isinstance(answer, Page)
        progress = ledger[query.query_id]
        image = run.images.of(query)
        if page == 1:
            image.settled.add(query.query_id)
        if answer.elements:
            image.with_items.add(progress.generation)
        elif page == 1 and not image.believes:
            image.doubtful.append(query)
            yield from self._settle(query, page)
            return
        yield from self._settle(query, page)
        products, fresh, truncated = self._pages.read(response, progress, page, answer)
        yield from products
        end = ending(
            page=page,
            elements=len(answer.elements),
            fresh=fresh,
            items=progress.items,
            truncated=truncated,
            has_next_page=answer.has_next_page,
            max_pages=run.arguments.max_pages,
            max_items=run.arguments.max_items,
        )
        if end is None:
            yield self.request_page(query, page + 1)
        else:
            ledger.end(query.query_id, end)

    def fail(self, failure: Failure) -> Iterator[Request]:
        """Fail the query of a call that brought no answer, unless it will be tried again."""
        request: Request = failure.request  # type: ignore[attr-defined]
        query: Query = request.cb_kwargs["query"]
        if isinstance(failure.value, TriesAgain):
            return
        yield from self._settle(query, request.cb_kwargs["page"])
        if isinstance(failure.value, GateClosed):
            self._cut_short(query)
        else:
            message = _describe(failure)
            logger.debug("No answer: %s", message)
            self.run.ledger.fail(query.query_id, None, message)

    def _settle(self, query: Query, page: int) -> Iterator[Request]:
        """Note that a query's first page has come, or never will; decide what is in doubt."""
        image = self.run.images.of(query)
        if page == 1:
            image.settled.add(query.query_id)
        if not image.doubtful or not image.is_decided:
            return
        if image.believes:
            for doubtful in image.take_doubtful():
                yield self.request_page(doubtful, 1, again=True)
        else:
            waiting = image.doubt()
            self.run.count(stats.PAGE_DOUBTED, len(waiting))
            yield self.request_conversion(waiting[0], image)

    def _meta(self, query: Query, page: int, repeat: int, *, again: bool = False) -> dict[str, Any]:
        call = Call(query.query_id, query.seed.seed_id, page, repeat, again=again)
        meta: dict[str, Any] = {CALL: call}
        if self.run.base_url.startswith("http:"):
            # A proxy from the environment must not see the token of a call over plain http.
            meta["proxy"] = None
        return meta

    def _answer_to(self, response: Response) -> Page | Converted | NoPage:
        call = call_of(response)
        assert call is not None
        assert call.answer is not None
        if isinstance(call.answer, NoPage):
            # Decoded only here, so that an escaped token shows only now.
            message = self.run.config.token.strike_out(call.answer.message)
            return NoPage(call.answer.code, message, call.answer.row)
        return call.answer

    def _fail_waiting(self, image: Image, code: int | None, message: str) -> None:
        """Fail the queries of an image that could not be converted, now and later ones."""
        image.failure = code, f"the image could not be converted: {message}"
        for query in image.release():
            self.run.ledger.fail(query.query_id, *image.failure)

    def _cut_short(self, query: Query) -> None:
        self.run.ledger.cut_short(query.query_id, self.run.stop_reason or "interrupted")


def _describe(failure: Failure) -> str:
    return f"{type(failure.value).__name__}: {failure.value}"
