"""The flow of a job: what happens after a page or a conversion was answered."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.crawl.image_state import refusal
from tmapi_spiders.crawl.interfaces import Flow
from tmapi_spiders.crawl.order import AHEAD, SOONEST, SPARE, most_calls
from tmapi_spiders.crawl.pages import count_page
from tmapi_spiders.crawl.paging import ending, nothing_found

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from scrapy import Request

    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.crawl.image_state import Decision, Image
    from tmapi_spiders.crawl.paging import PageReading
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.inputs.queries import Query
    from tmapi_spiders.inputs.seed import Seed
    from tmapi_spiders.local.local_run import LocalRun

__all__ = ["LocalFlow"]

#: Queries left out between two turns of the event loop.
_LEFT_OUT_AT_ONCE = 100

#: Seconds between two looks whether a query has ended.
_LOOK_AGAIN = 0.05


class LocalFlow(Flow):
    """The flow of a job that one process works on alone.

    An image is settled before the query's outcome may be written, since the image is forgotten with
    the last outcome.
    """

    def __init__(self, run: LocalRun) -> None:
        self._run = run
        self._not_begun = len(run.queries)
        self._shared = run.queries.seeds.tally.shared
        """Images that seeds share, so that a page may be read by more than one query."""
        self._asked: dict[str, tuple[str, float]] = {}
        """Of these, by what is asked: the last query to do so, and how many pages it may have."""
        self._failed: dict[tuple[str, int], tuple[int | None, str]] = {}
        """Of these, by what was asked and page: the error it failed by."""
        self._asking: set[str] = set()
        """Queries that have asked for a page; of those that wait for others there may be many."""

    @override
    async def start(self, room: Callable[[], Awaitable[None]]) -> AsyncIterator[Request]:
        run, left_out = self._run, 0
        while True:
            if not self._end_is_near:
                # Without the wait Scrapy would pull all queries at once, and hold them in memory.
                await room()
                await self._place()
            if not run.gate.is_open and not run.archive.unread and not self._shared:
                return  # no call goes out, and nothing is left to replay
            query = await self._next()
            if query is None:
                return
            self._not_begun -= 1
            if run.gate.is_open or run.is_paid(query):
                run.ledger.open(query)
                for request in self.begin(query):
                    yield request
                continue
            for request in self.leave_out(query):
                yield request
            left_out += 1
            if not left_out % _LEFT_OUT_AT_ONCE:
                await asyncio.sleep(0)

    async def _next(self) -> Query | None:
        """Return the next query whose turn it is; None if there is none left.

        One that asks for the same as another that is open comes when that has ended, and with it
        all that was paid for; so at the end of all others.
        """
        run = self._run
        for query in run.not_begun:
            if query.seed.image_id not in self._shared or self._may_ask(query):
                return query
            run.postponed.append(query)
        if not run.postponed:
            return None
        query = run.postponed[0]
        while run.stop_reason is None and not self._may_ask(query):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_AGAIN)
        return run.postponed.popleft()

    def _may_ask(self, query: Query) -> bool:
        """Say whether no open query asks for the same; note that this one does if it may ask more
        than has been asked.
        """
        most = query.seed.overrides.most_pages(self._run.arguments.max_pages) or math.inf
        asker, asked = self._asked.get(query.search_id, ("", 0))
        if asker in self._run.ledger:
            return False
        if most > asked:
            self._asked[query.search_id] = query.query_id, most
        return True

    @property
    def _end_is_near(self) -> bool:
        return self._not_begun <= AHEAD * self._run.max_concurrency and self._budget_suffices

    @property
    def _budget_suffices(self) -> bool:
        """Whether all that is left to do can be paid for, whatever it takes."""
        run = self._run
        if not run.config.budget:
            return True
        queries = self._not_begun + len(run.ledger)
        return most_calls(queries, run.queries.most_pages) <= run.config.budget - run.lengths.calls

    async def _place(self) -> None:
        """Wait until another query may be begun without making a half of one that is open."""
        run = self._run
        while run.gate.is_open and not self._has_place():
            run.query_ended.clear()
            with suppress(TimeoutError):  # of what else may give a place, nothing tells
                async with asyncio.timeout(_LOOK_AGAIN):
                    await run.query_ended.wait()

    def _has_place(self) -> bool:
        run = self._run
        self._asking = {one for one in self._asking if self._is_open(one)}
        working = len(self._asking) + self.converting
        if not working:
            return True
        working -= len(run.retries)  # what waits for its next try is in nobody's way
        if self._budget_suffices:
            return working < run.gate.allowed + SPARE
        lefts = [
            (progress.pages, 1 if self._is_doubted(progress) else run.pages_left(progress))
            for progress in run.ledger
            if progress.ending is None
        ]
        # Pages whose calls are in flight are among those, and are counted in the budget already.
        is_payable = run.lengths.needed(lefts) - run.gate.in_flight <= run.budget_left
        has_permit = working < run.gate.allowed
        run.gate.wanted = working if is_payable and not has_permit else 0
        return is_payable and has_permit

    def _is_open(self, query_id: str) -> bool:
        ledger = self._run.ledger
        return query_id in ledger and ledger[query_id].ending is None

    def _is_doubted(self, progress: Progress) -> bool:
        """Say whether a query has had an empty first page, and waits for what others bring."""
        return progress.empty_page is not None and progress.query.query_id not in self._asking

    def begin(self, query: Query) -> Iterator[Request]:
        """Ask for a query's first page, or for the conversion that it needs first.

        For nothing, if it waits for a conversion that another query has asked for, or for what
        another learns of the image.
        """
        image = self._run.images.of(query.seed)
        # What is paid for is replayed, whatever others are answered meanwhile.
        is_paid = self._run.is_paid(query)
        if image.failure is not None and not is_paid:
            self._run.ledger.fail(query.query_id, *image.failure)
        elif not image.is_converting:
            if is_paid or image.ask(query.query_id):
                yield from self._ask_next(query.query_id)
        elif image.wait(query.query_id):
            yield self._convert(query.seed, query.query_id, image.generation + 1)

    def _convert(self, seed: Seed, payer: str, number: int) -> Request:
        self.converting += 1
        return self._run.requests.request_conversion(seed, payer, number)

    def _ask_next(self, query_id: str) -> Iterator[Request]:
        """Ask for the page that a query needs next: the first, or one that was refused."""
        progress = self._run.ledger[query_id]
        asked = progress.generation if progress.img_url is not None else None
        yield from self._ask(progress, progress.pages + 1, asked)

    def leave_out(self, query: Query) -> Iterator[Request]:
        """Write the outcome of a query that is not begun, since the job is stopping."""
        yield from self._settle(query, items=None)
        self._run.ledger.leave_out(query, self._run.stop_reason)

    @override
    def first_items(self, progress: Progress) -> Iterator[Request]:
        yield from self._settle(progress.query, items=True, generation=progress.generation)

    @override
    def page_read(
        self, progress: Progress, page: int, answer: Page, reading: PageReading
    ) -> Iterator[Request]:
        asked = self._run.arguments
        if page > 1:
            image = self._run.images.of(progress.query.seed)
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
            self._run.ledger.end(progress.query.query_id, end)

    @override
    def empty_first_page(
        self, progress: Progress, answer: Page, fetched_at: str
    ) -> Iterator[Request]:
        self._asking.discard(progress.query.query_id)
        progress.empty_page = answer, fetched_at
        yield from self._settle(progress.query, items=False, generation=progress.generation)

    @override
    def page_failed(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        if query.seed.image_id in self._shared:
            self._failed[query.search_id, page] = code, message
        yield from self._will_not_come(query, page)
        self._run.ledger.fail(query.query_id, code, message)

    @override
    def page_cut_short(self, query: Query, page: int) -> Iterator[Request]:
        yield from self._will_not_come(query, page)
        self._cut_short(query.query_id)

    @override
    def convert_first(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        run, seed = self._run, query.seed
        if run.ledger[query.query_id].img_url == seed.img_url and seed.can_be_converted:
            run.note_refused(seed)
        yield from self._refuse(query, page, code, refusal(seed, run.arguments.convert, message))

    @override
    def converted(
        self,
        seed: Seed,
        query_id: str,
        path: str,
        *,
        kept: bool,
    ) -> Iterator[Request]:
        self.converting -= 1
        for waiting in self._run.images.of(seed).convert(path, kept=kept):
            yield from self.begin(self._run.ledger[waiting].query)

    @override
    def conversion_failed(
        self,
        seed: Seed,
        query_id: str,
        code: int | None,
        message: str,
    ) -> Iterator[Request]:
        self.converting -= 1
        image = self._run.images.of(seed)
        for waiting in image.fail(code, message):
            assert image.failure is not None
            self._run.ledger.fail(waiting, *image.failure)
        return iter(())

    @override
    def conversion_cut_short(self, seed: Seed, query_id: str) -> Iterator[Request]:
        """End the queries that waited for a conversion, since the job is stopping."""
        self.converting -= 1
        for waiting in self._run.images.of(seed).release():
            self._cut_short(waiting)
        return iter(())

    def _ask(self, progress: Progress, page: int, asked: int | None = None) -> Iterator[Request]:
        """Ask for a page, unless it is known to have failed for another query that asked it.

        :param asked: the generation by which this query has asked for it before
        """
        query = progress.query
        if (failure := self._failed.get((query.search_id, page))) is not None:
            yield from self.page_failed(query, page, *failure)
            return
        image = self._run.images.of(query.seed)
        generation = self._generation_for(query, page, image, asked)
        if generation is None:
            yield from self._refuse(query, page, None, "its path is no good any more")
            return
        self._asking.add(query.query_id)
        progress.generation = generation
        progress.img_url = image.paths[generation] or query.seed.img_url
        yield self._run.requests.request_page(
            query,
            page,
            img_url=progress.img_url,
            generation=generation,
            priority=self._run.pages_left(progress) if self._end_is_near else SOONEST + page,
        )

    def _generation_for(
        self, query: Query, page: int, image: Image, asked: int | None
    ) -> int | None:
        """Return the generation of the path to ask for a page by: the one it was paid for by, else
        the present one; None if that is known to be no good any more.
        """
        image_id, present = query.seed.image_id, image.generation
        stored = self._run.archive.repeats_of(image_id, query.search_id, page)
        if asked is not None:
            stored = {repeat for repeat in stored if repeat > asked}
        if earlier := [repeat for repeat in stored if repeat <= present]:
            return max(earlier)
        is_past = image.waiting or stored or self._run.archive.last_conversion(image_id) > present
        return None if is_past and image.may_convert else present

    def _refuse(self, query: Query, page: int, code: int | None, message: str) -> Iterator[Request]:
        self._asking.discard(query.query_id)
        generation = self._run.ledger[query.query_id].generation
        decision = self._run.images.of(query.seed).refuse(
            query.query_id, code, message, first=page == 1, generation=generation
        )
        yield from self._go_by(decision, query.seed)

    def _will_not_come(self, query: Query, page: int) -> Iterator[Request]:
        """Note that a page will not come, so that others of its image don't wait for it."""
        if page == 1:
            yield from self._settle(query, items=None)
        else:
            image = self._run.images.of(query.seed)
            yield from self._go_by(image.pass_on(query.query_id), query.seed)

    def _settle(
        self, query: Query, *, items: bool | None, generation: int | None = None
    ) -> Iterator[Request]:
        image = self._run.images.of(query.seed)
        decision = image.settle(
            query.query_id, items=items, generation=generation, search=query.search_id
        )
        yield from self._go_by(decision, query.seed)

    def _go_by(self, decision: Decision, seed: Seed) -> Iterator[Request]:
        """Do what was decided for the queries of an image."""
        image = self._run.images.of(seed)
        for query_id in decision.believed:
            self._end_empty(query_id)
        for query_id in decision.failed:
            assert image.failure is not None
            self._run.ledger.fail(query_id, *image.failure)
        if decision.doubted:
            self._run.count(stats.PAGE_DOUBTED, decision.doubted)
        if decision.convert:
            yield self._convert(seed, image.waiting[0], image.generation + 1)
        for query_id in decision.ask:
            yield from self._ask_next(query_id)

    def _end_empty(self, query_id: str) -> None:
        """End a query whose empty first page is believed."""
        progress = self._run.ledger[query_id]
        assert progress.empty_page is not None
        answer, fetched_at = progress.empty_page
        count_page(self._run, progress, answer, fetched_at)
        self._run.ledger.end(query_id, nothing_found(answer))

    def _cut_short(self, query_id: str) -> None:
        self._run.ledger.cut_short(query_id, self._run.stop_reason or "interrupted")
