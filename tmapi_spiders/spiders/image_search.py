"""The spider for image search: it says what to ask for; the other modules say how."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

from scrapy import Request, Spider, signals
from scrapy.http import JsonRequest
from typing_extensions import override

from tmapi_spiders.api.answers import Converted, Kind, NoPage, Page
from tmapi_spiders.api.calls import CALL, CONVERSION, Call, call_of
from tmapi_spiders.api.endpoint import CONVERT_PATH, SEARCH_PATH
from tmapi_spiders.backends import prepare
from tmapi_spiders.crawl.compatibility import check_compatibility
from tmapi_spiders.crawl.interfaces import GateClosed
from tmapi_spiders.crawl.page_order import SOONEST
from tmapi_spiders.crawl.page_reader import PageReader, fetched_at
from tmapi_spiders.crawl.refusal import log_refusal
from tmapi_spiders.crawl.requirements import check_addon, check_spider
from tmapi_spiders.crawl.run import EXIT_USAGE
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH, SpiderKind
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.middlewares import AttemptEnded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.python.failure import Failure

    from tmapi_spiders.crawl.run import Run
    from tmapi_spiders.inputs.queries import Query
    from tmapi_spiders.inputs.seed import Seed
    from tmapi_spiders.items import Product

__all__ = ["ImageSearchSpider", "refuse_look"]

logger = logging.getLogger(__name__)


class ImageSearchSpider(Spider):
    """Searches 1688.com by image: every seed under every combination of the other arguments."""

    name = IMAGE_SEARCH
    endpoint: str = SEARCH_PATH

    arguments_model: type[Arguments] = Arguments
    loader: type[ProductLoader] = ProductLoader

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self._pages = PageReader(run, self.loader)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Make the spider of ``run``, or of a new run with the spider arguments *kwargs*.

        :raises UsageProblems: with all that is wrong with arguments and settings; logged too, since
            a script that does not await its crawl would learn of it late
        :raises StorageError: if the job's folder or archive can't be used; logged too
        """
        if cls.start.__module__.startswith("scrapy.commands."):
            refuse_look(cls.name)
        run = kwargs.pop("run", None)
        if run is None:
            run = cls._prepare(crawler, kwargs)
        return super().from_crawler(crawler, *args, run=run)

    @classmethod
    def _prepare(cls, crawler: Crawler, given: dict[str, Any]) -> Run:
        """Make the run of a crawl that was started by a script, not by one of our commands."""
        try:
            check_compatibility()
            check_addon(crawler.settings)
            check_spider(cls, ImageSearchSpider)
            return prepare(crawler.settings, given, SpiderKind.of(cls), begun_by=())
        except UsageProblems as exc:
            log_refusal(cls.name, exc.problems)
            raise
        except StorageError as exc:
            log_refusal(cls.name, [str(exc)])
            raise

    @property
    def exit_status(self) -> int:
        """How the crawl ended, as the exit status of ``scrapy crawl``; for scripts."""
        return self.run.exit_status

    @property
    def job_folder(self) -> Path:
        """The folder of the job's files; a job of workers has it once it is exported."""
        return self.run.config.output_dir / self.run.job_name

    @override
    def log(self, message: Any, level: int = logging.DEBUG, **kw: Any) -> None:
        """Log a message for spidermon, which uses this method; Scrapy 2.19 deprecates its own."""
        self.logger.log(level, message, **kw)

    async def start(self) -> AsyncIterator[Request]:
        """Yield the requests that the crawl begins with, each when there is room for it."""
        async for request in self.run.flow.start(self._room):
            yield request

    async def _room(self) -> None:
        """Wait until Scrapy has room for a request."""
        if self.crawler.engine.needs_backout():
            await self.crawler.signals.wait_for(signals.scheduler_empty)

    def request_page(
        self,
        query: Query,
        page: int,
        *,
        img_url: str | None,
        generation: int,
        priority: int = SOONEST,
    ) -> Request:
        """Return the request for one page of *query*; the token is added on the wire.

        :param img_url: what is sent for the image
        :param generation: how many conversions of the image came before
        :param priority: Scrapy's: the request with the highest priority goes first
        """
        parameters = query.parameters(img_url) | {
            "page": str(page),
            "page_size": str(self.run.arguments.page_size),
        }
        return Request(
            f"{self.run.base_url}{self.endpoint}?{urlencode(parameters)}",
            callback=self.parse,
            errback=self.fail,
            cb_kwargs={"query": query, "page": page},
            meta=self._meta(
                Call(query.query_id, query.search_id, query.seed.image_id, page, generation)
            ),
            headers={"Accept": "application/json"},
            priority=priority,
            dont_filter=True,
        )

    def request_conversion(self, seed: Seed, query_id: str, repeat: int) -> Request:
        """Return the request for a conversion of a seed's image.

        Source of its body: observed behaviour of the API.

        :param query_id: the query that asks for it and is charged with it
        :param repeat: which conversion of the image it is, from 1
        """
        return JsonRequest(
            f"{self.run.base_url}{CONVERT_PATH}",
            data={"url": seed.img_url, "search_api_endpoint": "/global/search/image/v2"},
            callback=self.parse_conversion,
            errback=self.fail_conversion,
            cb_kwargs={"seed": seed, "query_id": query_id},
            meta=self._meta(Call(query_id, query_id, seed.image_id, CONVERSION, repeat)),
            headers={"Accept": "application/json"},
            priority=SOONEST,
            dont_filter=True,
        )

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Product | Request]:
        """Yield the products of a page, then the request for the next one."""
        query: Query = kwargs["query"]
        page: int = kwargs["page"]
        answer = self._answer_to(response)
        if isinstance(answer, NoPage):
            flow, wanted = self.run.flow, answer.kind is Kind.CONVERT_FIRST
            follow = flow.convert_first if wanted else flow.page_failed
            yield from follow(query, page, answer.code, answer.message)
            return
        assert isinstance(answer, Page)
        progress = self.run.ledger[query.query_id]
        if page == 1:
            if not answer.elements:
                at = fetched_at(response)
                yield from self.run.flow.empty_first_page(progress, answer, at)
                return
            yield from self.run.flow.first_items(progress)
        reading = self._pages.read(response, progress, page, answer)
        yield from reading.products
        yield from self.run.flow.page_read(progress, page, answer, reading)

    def parse_conversion(self, response: Response, **kwargs: Any) -> Iterator[Request]:
        """Yield the first pages of the queries that waited for this conversion."""
        seed: Seed = kwargs["seed"]
        query_id: str = kwargs["query_id"]
        answer, flow = self._answer_to(response), self.run.flow
        if isinstance(answer, NoPage):
            yield from flow.conversion_failed(seed, query_id, answer.code, answer.message)
        elif isinstance(answer, Converted):
            call = call_of(response)
            kept = call is not None and call.kept
            yield from flow.converted(seed, query_id, answer.image_url, kept=kept)

    def fail(self, failure: Failure) -> Iterator[Request]:
        """End the query of a call that got no answer, unless it will be retried."""
        request: Request = failure.request  # type: ignore[attr-defined]
        query: Query = request.cb_kwargs["query"]
        page: int = request.cb_kwargs["page"]
        if isinstance(failure.value, GateClosed):
            yield from self.run.flow.page_cut_short(query, page)
        elif not isinstance(failure.value, AttemptEnded):
            message = _describe(failure)
            logger.debug("No answer: %s", message)
            yield from self.run.flow.page_failed(query, page, None, message)

    def fail_conversion(self, failure: Failure) -> Iterator[Request]:
        """End the queries that waited for a conversion whose call got no answer."""
        request: Request = failure.request  # type: ignore[attr-defined]
        seed: Seed = request.cb_kwargs["seed"]
        query_id: str = request.cb_kwargs["query_id"]
        if isinstance(failure.value, GateClosed):
            yield from self.run.flow.conversion_cut_short(seed, query_id)
        elif not isinstance(failure.value, AttemptEnded):
            yield from self.run.flow.conversion_failed(seed, query_id, None, _describe(failure))

    def _meta(self, call: Call) -> dict[str, Any]:
        meta: dict[str, Any] = {CALL: call}
        if self.run.base_url.startswith("http:"):
            # A proxy from the environment must not see the token of a call over plain http.
            meta["proxy"] = None
        return meta

    def _answer_to(self, response: Response) -> Page | Converted | NoPage:
        call = call_of(response)
        assert call is not None
        assert call.answer is not None
        return call.answer


def refuse_look(spider: str) -> NoReturn:
    """End a ``scrapy fetch``, ``parse``, ``view`` or ``shell`` that names this package's spider.

    They replace the spider's ``start`` with their own, which fetches one page. That page would be
    paid for, and belong to no job.

    :raises SystemExit: at once, since Scrapy would show any other error as a crash
    """
    print(
        f"{spider}: nothing was sent: fetch, parse, view and shell are not for this spider, whose "
        "calls are paid for and belong to a job. To fetch a URL, leave --spider out. To see what a "
        "crawl would ask: scrapy tmapi estimate -a seeds=…; to try one for free: scrapy tmapi "
        "sandbox.",
        file=sys.stderr,
    )
    raise SystemExit(EXIT_USAGE)


def _describe(failure: Failure) -> str:
    return f"{type(failure.value).__name__}: {failure.value}"
