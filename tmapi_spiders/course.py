"""The course of a job: what happens after a page or a conversion was answered."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.order import AHEAD, SOONEST, SPARE, most_calls
from tmapi_spiders.pages import count_page
from tmapi_spiders.paging import Ending, ending
from tmapi_spiders.parts import Course

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from scrapy import Request

    from tmapi_spiders.answers import Page
    from tmapi_spiders.local_run import LocalRun
    from tmapi_spiders.paging import Reading
    from tmapi_spiders.progress import Progress
    from tmapi_spiders.queries import Query
    from tmapi_spiders.seed import Seed

__all__ = ["LocalCourse"]

#: Queries left out between two turns of the event loop.
_LEFT_OUT_AT_ONCE = 100

#: Seconds between two looks whether a query has ended.
_LOOK_AGAIN = 0.05


class LocalCourse(Course):
    """The course of a job that one process works on alone.

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
        working, lefts = 0, []
        for progress in run.ledger:
            if progress.ending is not None:
                continue
            # If its empty first page is in doubt, it may wait for queries that are not begun.
            doubtful = run.images.of(progress.query.seed).doubtful
            waits = progress.query.query_id in doubtful
            working += not waits
            lefts.append((progress.pages, 1 if waits else run.pages_left(progress)))
        if not working:
            return True
        if self._budget_suffices:
            return working < run.gate.allowed + SPARE
        # Pages whose calls are in flight are among those, and are counted in the budget already.
        needed = run.lengths.needed(lefts) - run.gate.in_flight
        return working < run.gate.allowed and needed <= run.budget_left

    def begin(self, query: Query) -> Iterator[Request]:
        """Ask for a query's first page, or for the conversion that it needs first.

        For nothing, if it waits for a conversion that another query has asked for.
        """
        ledger, image = self._run.ledger, self._run.images.of(query.seed)
        path = image.paths[-1]
        if path is not None:
            progress = ledger[query.query_id]
            progress.img_url, progress.generation = path, image.generation
            yield from self._ask(progress, 1)
        elif image.failure is not None:
            ledger.fail(query.query_id, *image.failure)
        elif image.wait(query.query_id):
            yield self._run.requests.request_conversion(
                query.seed, query.query_id, image.generation + 1
            )

    def leave_out(self, query: Query) -> Iterator[Request]:
        """Write the outcome of a query that is not begun, since the job is stopping."""
        yield from self._settle(query, items=None)
        self._run.ledger.leave_out(query, self._run.stop_reason)

    @override
    def first_items(self, progress: Progress) -> Iterator[Request]:
        yield from self._settle(progress.query, items=True, generation=progress.generation)

    @override
    def page_read(
        self, progress: Progress, page: int, answer: Page, reading: Reading
    ) -> Iterator[Request]:
        asked = self._run.arguments
        end = ending(
            page=page,
            elements=len(answer.elements),
            fresh=reading.fresh,
            items=progress.items,
            truncated=reading.truncated,
            has_next_page=answer.has_next_page,
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
        progress.empty_page = answer.total_count, fetched_at
        yield from self._settle(progress.query, items=False, generation=progress.generation)

    @override
    def page_failed(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        if query.seed.image_id in self._shared:
            self._failed[query.search_id, page] = code, message
        if page == 1:
            yield from self._settle(query, items=None)
        self._run.ledger.fail(query.query_id, code, message)

    @override
    def page_cut_short(self, query: Query, page: int) -> Iterator[Request]:
        if page == 1:
            yield from self._settle(query, items=None)
        self._cut_short(query.query_id)

    @override
    def converted(
        self,
        seed: Seed,
        query_id: str,
        path: str,
        *,
        kept: bool,
    ) -> Iterator[Request]:
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
        image = self._run.images.of(seed)
        for waiting in image.fail(code, message):
            assert image.failure is not None
            self._run.ledger.fail(waiting, *image.failure)
        return iter(())

    @override
    def conversion_cut_short(self, seed: Seed, query_id: str) -> Iterator[Request]:
        """End the queries that waited for a conversion, since the job is stopping."""
        for waiting in self._run.images.of(seed).release():
            self._cut_short(waiting)
        return iter(())

    def _ask(self, progress: Progress, page: int) -> Iterator[Request]:
        """Ask for a page, unless it is known to have failed for another query that asked it."""
        query = progress.query
        if (failure := self._failed.get((query.search_id, page))) is not None:
            yield from self.page_failed(query, page, *failure)
            return
        yield self._run.requests.request_page(
            query,
            page,
            img_url=progress.img_url,
            generation=progress.generation,
            priority=self._run.pages_left(progress) if self._end_is_near else SOONEST + page,
        )

    def _settle(
        self, query: Query, *, items: bool | None, generation: int | None = None
    ) -> Iterator[Request]:
        image = self._run.images.of(query.seed)
        decision = image.settle(
            query.query_id, items=items, generation=generation, search=query.search_id
        )
        for query_id in decision.believed:
            self._end_empty(query_id)
        if decision.convert:
            self._run.count(stats.PAGE_DOUBTED, decision.doubted)
            yield self._run.requests.request_conversion(
                query.seed, image.waiting[0], image.generation + 1
            )

    def _end_empty(self, query_id: str) -> None:
        """End a query whose empty first page is believed."""
        progress = self._run.ledger[query_id]
        assert progress.empty_page is not None
        count_page(self._run, progress, *progress.empty_page)
        self._run.ledger.end(query_id, Ending("empty", "empty_page"))

    def _cut_short(self, query_id: str) -> None:
        self._run.ledger.cut_short(query_id, self._run.stop_reason or "interrupted")
