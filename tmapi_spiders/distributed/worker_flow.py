"""Decides in a worker what is committed after each answer.

No requests are yielded: the next page, and what other queries of the image are to do, are committed
as tasks for any worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders.crawl.image_state import refusal
from tmapi_spiders.crawl.interfaces import Flow
from tmapi_spiders.distributed.staged_commit import (
    stage_conversion,
    stage_empty_page,
    stage_page,
    stage_refusal,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from scrapy import Request

    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.crawl.paging import PageReading
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.distributed.held_leases import HeldLeases
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.inputs.queries import Query
    from tmapi_spiders.inputs.seed import Seed

__all__ = ["WorkerFlow"]


class WorkerFlow(Flow):
    """The flow of a worker: it stages what is to be committed in the leases that it holds.

    :param keep_days: for how many days a conversion is kept for other jobs
    """

    def __init__(self, holding: HeldLeases, job: SharedJob, keep_days: float) -> None:
        self._holding = holding
        self._job = job
        self._keep_days = keep_days

    @override
    async def start(self, room: Callable[[], Awaitable[None]]) -> AsyncIterator[Request]:
        return  # the requests of a worker come from Redis, through its scheduler
        yield

    @override
    def first_items(self, progress: Progress) -> Iterator[Request]:
        if (lease := self._holding.get(progress.query.query_id)) is not None:
            lease.has_items = True
        return iter(())

    @override
    def page_read(
        self, progress: Progress, page: int, answer: Page, reading: PageReading
    ) -> Iterator[Request]:
        if (lease := self._holding.get(progress.query.query_id)) is not None:
            stage_page(lease, self._job, page, answer, reading)
        return iter(())

    @override
    def empty_first_page(
        self, progress: Progress, answer: Page, fetched_at: str
    ) -> Iterator[Request]:
        if (lease := self._holding.get(progress.query.query_id)) is not None:
            stage_empty_page(lease, answer, fetched_at)
        return iter(())

    @override
    def page_failed(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        return self._fail(query.query_id, code, message)

    @override
    def convert_first(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        if (lease := self._holding.get(query.query_id)) is not None:
            why = refusal(query.seed, self._job.arguments.convert, message)
            stage_refusal(lease, self._job, code, why)
        return iter(())

    @override
    def page_cut_short(self, query: Query, page: int) -> Iterator[Request]:
        return self._give_back(query.query_id)

    @override
    def converted(self, seed: Seed, query_id: str, path: str, *, kept: bool) -> Iterator[Request]:
        if (lease := self._holding.get(query_id)) is not None:
            stage_conversion(lease, self._job, path, kept=kept, keep_days=self._keep_days)
            self._holding.commit_if_whole(lease)
        return iter(())

    @override
    def conversion_failed(
        self, seed: Seed, query_id: str, code: int | None, message: str
    ) -> Iterator[Request]:
        return self._fail(query_id, code, message)

    @override
    def conversion_cut_short(self, seed: Seed, query_id: str) -> Iterator[Request]:
        return self._give_back(query_id)

    def _fail(self, query_id: str, code: int | None, message: str) -> Iterator[Request]:
        if (lease := self._holding.get(query_id)) is not None:
            self._holding.fail(lease, code, message)
        return iter(())

    def _give_back(self, query_id: str) -> Iterator[Request]:
        """Give back a lease without a call, since this worker is stopping."""
        if (lease := self._holding.get(query_id)) is not None:
            self._holding.give_back(lease, "unsent")
        return iter(())
