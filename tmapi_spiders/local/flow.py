"""Decides which request follows each answer, in one process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.crawl.image_state import refusal
from tmapi_spiders.crawl.images import Images
from tmapi_spiders.crawl.interfaces import Flow
from tmapi_spiders.crawl.page_order import SOONEST
from tmapi_spiders.crawl.page_reader import count_page
from tmapi_spiders.crawl.paging import ending, nothing_found
from tmapi_spiders.errors import StorageError
from tmapi_spiders.local.query_queue import QueryQueue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from scrapy import Request

    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.crawl.image_state import Decision, Image
    from tmapi_spiders.crawl.paging import PageReading
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.crawl.run import Run
    from tmapi_spiders.inputs.queries import Queries, Query
    from tmapi_spiders.inputs.seed import Seed
    from tmapi_spiders.items import Outcome
    from tmapi_spiders.jobs.archive import Archive
    from tmapi_spiders.jobs.conversions import Conversions
    from tmapi_spiders.local.gate import LocalGate
    from tmapi_spiders.local.ledger import LocalLedger

__all__ = ["LocalFlow"]

#: Queries left out before the event loop gets a turn.
_LEFT_OUT_AT_ONCE = 100


class LocalFlow(Flow):
    """The flow of a job in one process.

    An image is settled before the query's outcome may be written, since the image is forgotten with
    the last outcome.

    :param archive: the answers that are paid for
    :param conversions: those that other jobs have paid for
    """

    def __init__(
        self,
        run: Run,
        queries: Queries,
        *,
        archive: Archive,
        conversions: Conversions,
        gate: LocalGate,
        ledger: LocalLedger,
    ) -> None:
        self._run = run
        self._archive = archive
        self._conversions = conversions
        self._gate = gate
        self._ledger = ledger
        self._images = Images(run.arguments.convert, queries, archive, conversions, run)
        self.queue = QueryQueue(run, queries, archive.journal, gate, ledger)
        self._shared = queries.seeds.tally.shared
        """Images that seeds share, so that more than one query may read the same page."""
        self._failed: dict[tuple[str, int], tuple[int | None, str]] = {}
        """By search and page, for these images: the error that the page failed with."""

    def query_ended(self, outcome: Outcome) -> None:
        """Note that a query has its outcome."""
        self._images.ended(outcome.seed_id)
        self.queue.ended(outcome)

    @override
    async def start(self, room: Callable[[], Awaitable[None]]) -> AsyncIterator[Request]:
        gate, left_out = self._gate, 0
        while True:
            if not self.queue.end_is_near:
                # Without the wait Scrapy would pull all queries at once, and hold them in memory.
                await room()
                await self.queue.wait_for_room()
            if not gate.is_open and not self._archive.unread and not self._shared:
                return  # no call is sent, and nothing is left to replay
            query = await self.queue.next()
            if query is None:
                return
            if gate.is_open or self._is_paid(query):
                self._ledger.open(query)
                for request in self._begin(query):
                    yield request
                continue
            for request in self._leave_out(query):
                yield request
            left_out += 1
            if not left_out % _LEFT_OUT_AT_ONCE:
                await asyncio.sleep(0)

    def _is_paid(self, query: Query) -> bool:
        """Return whether a query's first page is paid for."""
        return self._archive.has_page(query.seed.image_id, query.search_id)

    def _begin(self, query: Query) -> Iterator[Request]:
        """Ask for a query's first page, or for the conversion that it needs first.

        It asks for nothing while it waits for a conversion that another query has requested, or for
        what another query learns about the image.
        """
        image = self._images.of(query.seed)
        # What is paid for is replayed, whatever answers other queries get meanwhile.
        is_paid = self._is_paid(query)
        if image.failure is not None and not is_paid:
            self._ledger.fail(query.query_id, *image.failure)
        elif not image.is_converting:
            if is_paid or image.ask(query.query_id):
                yield from self._ask_next(query.query_id)
        elif image.wait(query.query_id):
            yield self._convert(query.seed, query.query_id, image.generation + 1)

    def _convert(self, seed: Seed, payer: str, number: int) -> Request:
        self.queue.conversion_asked()
        return self._run.spider.requests.request_conversion(seed, payer, number)

    def _ask_next(self, query_id: str) -> Iterator[Request]:
        """Ask for the next page of a query: its first, or one that was refused."""
        progress = self._ledger[query_id]
        asked = progress.generation if progress.img_url is not None else None
        yield from self._ask(progress, progress.pages + 1, asked)

    def _leave_out(self, query: Query) -> Iterator[Request]:
        """Write the outcome of a query that does not begin, since the job is stopping."""
        yield from self._settle(query, items=None)
        self._ledger.leave_out(query, self._run.stop_reason)

    @override
    def first_items(self, progress: Progress) -> Iterator[Request]:
        yield from self._settle(progress.query, items=True, generation=progress.generation)

    @override
    def page_read(
        self, progress: Progress, page: int, answer: Page, reading: PageReading
    ) -> Iterator[Request]:
        asked = self._run.arguments
        if page > 1:
            image = self._images.of(progress.query.seed)
            yield from self._go_by(image.read(progress.generation), progress.query.seed)
        end = ending(
            page=page,
            elements=len(answer.elements),
            fresh=reading.fresh,
            items=progress.items,
            unreadable=progress.unreadable,
            truncated=reading.truncated,
            has_next_page=answer.has_next_page,
            total_count=progress.total_count,
            max_pages=progress.query.seed.overrides.most_pages(asked.max_pages),
            max_items=asked.max_items,
        )
        if end is None:
            yield from self._ask(progress, page + 1)
        else:
            self._ledger.end(progress.query.query_id, end)

    @override
    def empty_first_page(
        self, progress: Progress, answer: Page, fetched_at: str
    ) -> Iterator[Request]:
        self.queue.waits(progress.query.query_id)
        progress.empty_page = answer, fetched_at
        yield from self._settle(progress.query, items=False, generation=progress.generation)

    @override
    def page_failed(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        if query.seed.image_id in self._shared:
            self._failed[query.search_id, page] = code, message
        yield from self._will_not_come(query, page)
        self._ledger.fail(query.query_id, code, message)

    @override
    def page_cut_short(self, query: Query, page: int) -> Iterator[Request]:
        yield from self._will_not_come(query, page)
        self._cut_short(query.query_id)

    @override
    def convert_first(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        seed, convert = query.seed, self._run.arguments.convert
        if self._ledger[query.query_id].img_url == seed.img_url and seed.can_be_converted:
            self._keep_refused(seed)
        yield from self._refuse(query, page, code, refusal(seed, convert, message))

    def _keep_refused(self, seed: Seed) -> None:
        """Keep for other jobs that the API wants a seed's image converted first."""
        try:
            self._conversions.refuse(seed.img_url)
        except StorageError as exc:
            self._run.storage_failed(exc)

    @override
    def converted(
        self,
        seed: Seed,
        query_id: str,
        path: str,
        *,
        kept: bool,
    ) -> Iterator[Request]:
        self.queue.conversion_ended()
        for waiting in self._images.of(seed).convert(path, kept=kept):
            yield from self._begin(self._ledger[waiting].query)

    @override
    def conversion_failed(
        self,
        seed: Seed,
        query_id: str,
        code: int | None,
        message: str,
    ) -> Iterator[Request]:
        self.queue.conversion_ended()
        image = self._images.of(seed)
        for waiting in image.fail(code, message):
            assert image.failure is not None
            self._ledger.fail(waiting, *image.failure)
        return iter(())

    @override
    def conversion_cut_short(self, seed: Seed, query_id: str) -> Iterator[Request]:
        """End the queries that waited for a conversion, since the job is stopping."""
        self.queue.conversion_ended()
        for waiting in self._images.of(seed).release():
            self._cut_short(waiting)
        return iter(())

    def _ask(self, progress: Progress, page: int, asked: int | None = None) -> Iterator[Request]:
        """Ask for a page, unless it has failed for another query that asked for the same.

        :param asked: the generation by which this query has asked for it before
        """
        query = progress.query
        if (failure := self._failed.get((query.search_id, page))) is not None:
            yield from self.page_failed(query, page, *failure)
            return
        image = self._images.of(query.seed)
        generation = self._generation_for(query, page, image, asked)
        if generation is None:
            yield from self._refuse(query, page, None, "its path is no longer valid")
            return
        self.queue.asks(query.query_id)
        progress.generation = generation
        progress.img_url = image.paths[generation] or query.seed.img_url
        yield self._run.spider.requests.request_page(
            query,
            page,
            img_url=progress.img_url,
            generation=generation,
            priority=self.queue.pages_left(progress) if self.queue.end_is_near else SOONEST + page,
        )

    def _generation_for(
        self, query: Query, page: int, image: Image, asked: int | None
    ) -> int | None:
        """Return the generation of the path to ask for a page by.

        It is the one by which the page was paid for, or else the present one; None if that path is
        known to be outdated.
        """
        image_id, present = query.seed.image_id, image.generation
        stored = self._archive.repeats_of(image_id, query.search_id, page)
        if asked is not None:
            stored = {repeat for repeat in stored if repeat > asked}
        if earlier := [repeat for repeat in stored if repeat <= present]:
            return max(earlier)
        is_past = image.waiting or stored or self._archive.last_conversion(image_id) > present
        return None if is_past and image.may_convert else present

    def _refuse(self, query: Query, page: int, code: int | None, message: str) -> Iterator[Request]:
        self.queue.waits(query.query_id)
        generation = self._ledger[query.query_id].generation
        decision = self._images.of(query.seed).refuse(
            query.query_id, code, message, first=page == 1, generation=generation
        )
        yield from self._go_by(decision, query.seed)

    def _will_not_come(self, query: Query, page: int) -> Iterator[Request]:
        """Note that a page will not come, so that other queries of its image don't wait."""
        if page == 1:
            yield from self._settle(query, items=None)
        else:
            image = self._images.of(query.seed)
            yield from self._go_by(image.pass_on(query.query_id), query.seed)

    def _settle(
        self, query: Query, *, items: bool | None, generation: int | None = None
    ) -> Iterator[Request]:
        image = self._images.of(query.seed)
        decision = image.settle(
            query.query_id, items=items, generation=generation, search=query.search_id
        )
        yield from self._go_by(decision, query.seed)

    def _go_by(self, decision: Decision, seed: Seed) -> Iterator[Request]:
        """Do what was decided for the queries of an image."""
        image = self._images.of(seed)
        for query_id in decision.believed:
            self._end_empty(query_id)
        for query_id in decision.failed:
            assert image.failure is not None
            self._ledger.fail(query_id, *image.failure)
        if decision.doubted:
            self._run.count(stats.PAGE_DOUBTED, decision.doubted)
        if decision.convert:
            yield self._convert(seed, image.waiting[0], image.generation + 1)
        for query_id in decision.ask:
            yield from self._ask_next(query_id)

    def _end_empty(self, query_id: str) -> None:
        """End a query whose empty first page is believed to mean that nothing was found."""
        progress = self._ledger[query_id]
        assert progress.empty_page is not None
        answer, fetched_at = progress.empty_page
        count_page(self._run, progress, answer, fetched_at)
        self._ledger.end(query_id, nothing_found(answer))

    def _cut_short(self, query_id: str) -> None:
        self._ledger.cut_short(query_id, self._run.stop_reason or "interrupted")
