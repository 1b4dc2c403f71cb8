"""Decides which query begins next, and when there is room for it.

:mod:`tmapi_spiders.crawl.page_order` says why: queries are finished one after another, and near the
budget's end only those begin that it can pay for.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from tmapi_spiders.crawl.page_order import (
    AHEAD,
    MOST_PAGES,
    SPARE,
    Lengths,
    most_calls,
    pages_left,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.crawl.run import Run
    from tmapi_spiders.inputs.queries import Queries, Query
    from tmapi_spiders.items import Outcome
    from tmapi_spiders.jobs.journal import Journal
    from tmapi_spiders.local.gate import LocalGate
    from tmapi_spiders.local.ledger import LocalLedger

__all__ = ["QueryQueue"]

#: Seconds between two checks whether a query has ended.
_POLL_SECONDS = 0.05


class QueryQueue:
    """The queries of a job that have not begun.

    :param run: the run whose queries they are
    :param journal: the calls that the budget has paid for so far
    """

    def __init__(
        self, run: Run, queries: Queries, journal: Journal, gate: LocalGate, ledger: LocalLedger
    ) -> None:
        self._run = run
        self._queries = queries
        self._journal = journal
        self._gate = gate
        self._ledger = ledger
        self._left = len(queries)
        self._in_order: Iterator[Query] = iter(queries)
        self._postponed: deque[Query] = deque()
        """Queries that were passed over, since an open one asks for the same."""
        self._shared = queries.seeds.tally.shared
        """Images that seeds share, so that more than one query may read the same page."""
        self._asked: dict[str, tuple[str, float]] = {}
        """By search, for these images: the last query that asked, and the pages it may have."""
        self._asking: set[str] = set()
        """Queries that have asked for a page; many others may be waiting for what these learn."""
        self._lengths = Lengths(min(queries.most_pages or MOST_PAGES, MOST_PAGES))
        self._query_ended = asyncio.Event()
        self.converting = 0
        """Images whose conversion was requested and has not been answered."""

    def __iter__(self) -> Iterator[Query]:
        """Yield all queries that are left, when none of them is to begin any more."""
        return chain(self._postponed, self._in_order)

    async def next(self) -> Query | None:
        """Return the query that begins next; None if none is left.

        One that asks for the same as an open query begins when that one has ended, and with it all
        that was paid for: after all others.
        """
        query = await self._next()
        self._left -= query is not None
        return query

    async def _next(self) -> Query | None:
        for query in self._in_order:
            if query.seed.image_id not in self._shared or self._may_ask(query):
                return query
            self._postponed.append(query)
        if not self._postponed:
            return None
        query = self._postponed[0]
        while self._run.stop_reason is None and not self._may_ask(query):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        return self._postponed.popleft()

    def _may_ask(self, query: Query) -> bool:
        """Return whether no open query asks for the same.

        If so, it is noted that this query asks, if it may read more pages than were asked for.
        """
        most = query.seed.overrides.most_pages(self._run.arguments.max_pages) or math.inf
        asker, asked = self._asked.get(query.search_id, ("", 0))
        if asker in self._ledger:
            return False
        if most > asked:
            self._asked[query.search_id] = query.query_id, most
        return True

    def asks(self, query_id: str) -> None:
        """Note that a query asks for a page."""
        self._asking.add(query_id)

    def waits(self, query_id: str) -> None:
        """Note that a query waits for what others learn about its image."""
        self._asking.discard(query_id)

    def conversion_asked(self) -> None:
        """Note that a conversion was requested."""
        self.converting += 1

    def conversion_ended(self) -> None:
        """Note that a conversion was answered, or won't be."""
        self.converting -= 1

    def ended(self, outcome: Outcome) -> None:
        """Note that a query has its outcome."""
        self._lengths.note(outcome.pages, outcome.calls)
        self._query_ended.set()

    @property
    def end_is_near(self) -> bool:
        """Whether all queries that are left begin now, ahead of their turn."""
        return self._left <= AHEAD * self._run.max_concurrency and self._budget_suffices

    @property
    def _budget_suffices(self) -> bool:
        """Whether the budget pays for all that is left to do, whatever it takes."""
        budget = self._run.config.budget
        if not budget:
            return True
        queries = self._left + len(self._ledger)
        return most_calls(queries, self._queries.most_pages) <= budget - self._lengths.calls

    async def wait_for_room(self) -> None:
        """Wait until another query may begin without keeping an open one from its end."""
        while self._gate.is_open and not self.has_room:
            self._query_ended.clear()
            with suppress(TimeoutError):  # nothing announces what else may make room
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._query_ended.wait()

    @property
    def has_room(self) -> bool:
        """Whether another query may begin."""
        self._asking = {one for one in self._asking if self._is_open(one)}
        working = len(self._asking) + self.converting
        if not working:
            return True
        working -= len(self._run.retries)  # a page that waits for its retry takes up no room
        if self._budget_suffices:
            return working < self._gate.allowed + SPARE
        lefts = [
            (progress.pages, 1 if self._is_doubted(progress) else self.pages_left(progress))
            for progress in self._ledger
            if progress.ending is None
        ]
        # Pages whose calls are in flight are among those, and are counted in the budget already.
        budget_left = self._run.config.budget - self._journal.calls
        is_payable = self._lengths.needed(lefts) - self._gate.in_flight <= budget_left
        has_permit = working < self._gate.allowed
        self._gate.wanted = working if is_payable and not has_permit else 0
        return is_payable and has_permit

    def _is_open(self, query_id: str) -> bool:
        return query_id in self._ledger and self._ledger[query_id].ending is None

    def _is_doubted(self, progress: Progress) -> bool:
        """Return whether a query has an empty first page, and waits for what others learn."""
        return progress.empty_page is not None and progress.query.query_id not in self._asking

    def pages_left(self, progress: Progress) -> int:
        """Return how many pages a query has left, as far as is known: at least 1."""
        own, asked = progress.query.seed.overrides, self._run.arguments
        max_pages = own.most_pages(asked.max_pages)
        return pages_left(progress, max_pages=max_pages, max_items=asked.max_items)
