"""The spider: it says what is asked for; the other modules say how."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from scrapy import Request, Spider, signals

from tmapi_spiders import stats
from tmapi_spiders.answers import NoPage, Page, read_answer
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.clock import utc_now
from tmapi_spiders.download_handler import FETCHED_AT, QUERY_ID
from tmapi_spiders.gate import GateClosed
from tmapi_spiders.items import Product, Sighting
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.paging import ending
from tmapi_spiders.run import Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from tmapi_spiders.ledger import Progress
    from tmapi_spiders.queries import Query

__all__ = ["ImageSearchSpider"]

logger = logging.getLogger(__name__)

#: Source: the vendor's page of the endpoint.
SEARCH_PATH = "/1688/global/search/image/v2"


class ImageSearchSpider(Spider):
    """Searches 1688.com by image: every seed under every combination of the other arguments."""

    name = "image_search"

    arguments_model: type[Arguments] = Arguments
    loader: type[ProductLoader] = ProductLoader

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Make the spider of ``run``, or of a new run with the spider arguments *kwargs*.

        :raises UsageProblems: with all that is wrong with arguments and settings
        """
        run = kwargs.pop("run", None) or Run.prepare(
            crawler.settings, kwargs, cls.arguments_model, cls.name
        )
        return super().from_crawler(crawler, *args, run=run)

    async def start(self) -> AsyncIterator[Request]:
        """Yield the first page of each query, one whenever there is room for it.

        Without the wait Scrapy would pull all queries at once, and hold them in memory.
        """
        while True:
            if self.crawler.engine.needs_backout():
                await self.crawler.signals.wait_for(signals.scheduler_empty)
            query = next(self.run.not_begun, None)
            if query is None:
                return
            self.run.ledger.open(query)
            yield self.request_page(query, 1)

    def request_page(self, query: Query, page: int) -> Request:
        """Return the request for one page of *query*; the token is added on the wire."""
        parameters = query.parameters() | {
            "page": str(page),
            "page_size": str(self.run.arguments.page_size),
        }
        return Request(
            f"{self.run.base_url}{SEARCH_PATH}?{urlencode(parameters)}",
            callback=self.parse,
            errback=self.fail,
            cb_kwargs={"query": query, "page": page},
            meta={QUERY_ID: query.query_id, **self._no_proxy()},
            headers={"Accept": "application/json"},
            dont_filter=True,
        )

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Product | Request]:
        """Yield the products of a page, then the request for the next one."""
        query: Query = kwargs["query"]
        page: int = kwargs["page"]
        ledger = self.run.ledger
        answer = self._judge(response, query, page)
        if isinstance(answer, NoPage):
            self.run.count(stats.PAGE_REFUSED)
            # Decoded only here, so that an escaped token shows only now.
            message = self.run.config.token.strike_out(answer.message)
            ledger.fail(query.query_id, answer.code, message)
            return
        progress = ledger[query.query_id]
        products, fresh, truncated = self._read_page(response, progress, page, answer)
        yield from products
        end = ending(
            page=page,
            elements=len(answer.elements),
            fresh=fresh,
            items=progress.items,
            truncated=truncated,
            has_next_page=answer.has_next_page,
            max_pages=self.run.arguments.max_pages,
            max_items=self.run.arguments.max_items,
        )
        if end is None:
            yield self.request_page(query, page + 1)
        else:
            ledger.end(query.query_id, end)

    def fail(self, failure: Failure) -> None:
        """Fail the query of a call that brought no answer; one that was not sent stays open."""
        if isinstance(failure.value, GateClosed):
            return
        request: Request = failure.request  # type: ignore[attr-defined]
        message = f"{type(failure.value).__name__}: {failure.value}"
        logger.debug("No answer: %s", message)
        self.run.ledger.fail(request.meta[QUERY_ID], None, message)

    def _read_page(
        self, response: Response, progress: Progress, page: int, answer: Page
    ) -> tuple[list[Product], int, bool]:
        """Return the page's products, how many of them are new to the query, and whether
        ``max_items`` cut it.
        """
        run, query = self.run, progress.query
        products = self._load(response, progress, page, answer)
        run.count(stats.PAGE_READ)
        progress.pages += 1
        progress.total_count = answer.total_count
        room = run.arguments.max_items - progress.items
        truncated = bool(run.arguments.max_items) and len(products) > room
        if truncated:
            del products[room:]
        for rank, product in enumerate(products, progress.items + 1):
            product.rank = rank
            run.write_sighting(
                Sighting(
                    job=product.job,
                    query_id=query.query_id,
                    seed_id=query.seed.seed_id,
                    item_id=product.item_id,
                    page=page,
                    rank=rank,
                    price=product.price,
                    fetched_at=product.fetched_at,
                )
            )
        progress.items += len(products)
        fresh = {product.item_id for product in products} - progress.seen
        progress.seen |= fresh
        return products, len(fresh), truncated

    def _load(
        self, response: Response, progress: Progress, page: int, answer: Page
    ) -> list[Product]:
        """Load the page's elements, leaving out, counting and naming those that are no items."""
        objects = [
            (place, element)
            for place, element in enumerate(answer.elements)
            if isinstance(element, dict)
        ]
        loaded = self.loader.load_rows(
            [element for _, element in objects],
            job=self.run.job.name,
            **progress.query.identity(),
            page=page,
            total_count=answer.total_count,
            fetched_at=response.meta.get(FETCHED_AT) or utc_now(),
        )
        by_place = {
            place: product
            for (place, _), product in zip(objects, loaded, strict=True)
            if product.item_id is not None
        }
        rejected = len(answer.elements) - len(by_place)
        if rejected:
            self.run.count(stats.PRODUCT_REJECTED, rejected)
            if not progress.named_reject:
                progress.named_reject = True
                first = next(n for n in range(len(answer.elements)) if n not in by_place)
                logger.warning(
                    "Query %s (%s), page %d: data.items[%d] is no object with a usable item_id; "
                    "it is left out (and so are others like it, without a further line)",
                    progress.query.query_id,
                    progress.query.seed.text,
                    page,
                    first,
                )
            progress.rejected_items += rejected
        return list(by_place.values())

    def _judge(self, response: Response, query: Query, page: int) -> Page | NoPage:
        """Read the answer, and disbelieve an empty one to an image the search may not have read."""
        answer = read_answer(response.status, response.body)
        unread = query.seed.needs_conversion and self.run.arguments.convert != "never"
        if isinstance(answer, Page) and page == 1 and not answer.elements and unread:
            return NoPage(
                code=response.status,
                message="nothing found, but the image is on no Alibaba host and was not converted, "
                "so that the search may not have been able to read it",
            )
        return answer

    def _no_proxy(self) -> dict[str, Any]:
        """A proxy from the environment must not see the token of a call over plain http."""
        return {"proxy": None} if self.run.base_url.startswith("http:") else {}
