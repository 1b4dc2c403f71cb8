"""The course of a job in a worker: what is committed after a page or a conversion was answered.

It is what :class:`~tmapi_spiders.course.LocalCourse` is in a crawl of its own, but that nothing is
yielded: the next page and other queries' turns are committed as tasks for whichever worker comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders.distributed.keys import CONVERSION_TASK, conversion_prefix
from tmapi_spiders.paging import ending
from tmapi_spiders.pipelines import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scrapy import Request

    from tmapi_spiders.answers import Page
    from tmapi_spiders.distributed.holder import Holder
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.images import Image
    from tmapi_spiders.ledger import Progress
    from tmapi_spiders.pages import Reading
    from tmapi_spiders.queries import Query
    from tmapi_spiders.seeds import Seed

__all__ = ["SharedCourse"]

_DAY_MS = 24 * 60 * 60 * 1000

#: Of a query, an empty first page that is believed.
_EMPTY = ("empty", "empty_page")

_Others = list[dict[str, Any]]


class SharedCourse:
    """Stages what is to be committed into the leases that a worker holds."""

    def __init__(self, worker: Holder) -> None:
        self._worker = worker

    def first_items(self, progress: Progress) -> Iterator[Request]:
        """Note that a query's first page has items, whatever becomes of reading it."""
        if (lease := self._worker.held.get(progress.query.query_id)) is not None:
            lease.has_items = True
        return iter(())

    def page_read(
        self, progress: Progress, page: int, answer: Page, reading: Reading
    ) -> Iterator[Request]:
        """Have a page committed, once its products are out of the pipelines."""
        lease = self._worker.held.get(progress.query.query_id)
        if lease is None:
            return iter(())
        asked = self._worker.arguments
        ends = [
            ending(
                page=page,
                elements=len(answer.elements),
                fresh=fresh,
                items=progress.items,
                truncated=reading.truncated,
                has_next_page=answer.has_next_page,
                max_pages=asked.max_pages,
                max_items=asked.max_items,
            )
            for fresh in (1, 0)
        ]
        lease.ends = tuple(end and (end.status, end.reason) for end in ends)  # type: ignore[assignment]
        lease.goes_on = True
        lease.set |= self._fields(lease) | {"page": page + 1}
        lease.count["pages"] = 1
        lease.scope = self.scope(lease)
        if page == 1:
            lease.change = self._settling(lease, items=True)
        return iter(())

    def empty_first_page(
        self, progress: Progress, answer: Page, fetched_at: str
    ) -> Iterator[Request]:
        """Have an empty first page committed: as the query's end, or as one in doubt."""
        lease = self._worker.held.get(progress.query.query_id)
        if lease is not None:
            # What was found is the outcome's once the page is believed; see the scripts.
            lease.set |= self._fields(lease)
            lease.set |= {"empty_at": fetched_at, "empty_total_count": answer.total_count}
            lease.change = self._settling(lease, items=False)
        return iter(())

    def page_failed(
        self,
        query: Query,
        page: int,  # noqa: ARG002
        code: int | None,
        message: str,
    ) -> Iterator[Request]:
        """Have a query's end by an error committed."""
        lease = self._worker.held.get(query.query_id)
        if lease is not None:
            self._worker.note(query.query_id, code, message)
            self._fail(lease)
        return iter(())

    def page_cut_short(self, query: Query, page: int) -> Iterator[Request]:  # noqa: ARG002
        """Give a page back that was not asked for, since this worker is stopping."""
        if (lease := self._worker.held.get(query.query_id)) is not None:
            self._worker.give_back(lease, "unsent")
        return iter(())

    def converted(self, seed: Seed, query_id: str, path: str, *, kept: bool) -> Iterator[Request]:  # noqa: ARG002
        """Have the queries that waited for a conversion put into the queue."""
        lease = self._worker.held.get(query_id)
        if lease is not None:

            def change(image: Image) -> _Others:
                waiting = image.convert(path, kept=kept)
                fields = {"img_url": path, "generation": image.generation, "page": 1, "pages": 0}
                # As if it had not been asked for before.
                old = ("empty_at", "empty_total_count", "attempt", "refusals", "deaths")
                fields |= dict.fromkeys(old)
                return [{"task": task, "set": fields, "queue": True} for task in reversed(waiting)]

            lease.change = change
            days = self._worker.config.conversion_days
            if days and not kept:
                key = conversion_prefix(self._worker.job.source) + lease.query.seed.seed_id
                lease.keep = key, int(days * _DAY_MS), lease.answer
            lease.callback_ended = True
            self._worker.commit_if_whole(lease)
        return iter(())

    def conversion_failed(
        self,
        seed: Seed,  # noqa: ARG002
        query_id: str,
        code: int | None,
        message: str,
    ) -> Iterator[Request]:
        """Have the queries that waited for a conversion end by its failure."""
        lease = self._worker.held.get(query_id)
        if lease is not None:
            self._fail_conversion(lease, code, message)
        return iter(())

    def _fail_conversion(self, lease: Lease, code: int | None, message: str) -> None:
        def change(image: Image) -> _Others:
            waiting = image.fail(code, message)
            assert image.failure is not None
            known_code, known_message = image.failure
            at = lease.progress.finished_at
            fields = {"code": known_code, "message": known_message, "finished_at": at}
            return [{"task": task, "set": fields, "ends": ("failed", "error")} for task in waiting]

        self._worker.note(lease.query.query_id, code, message)
        lease.change = change
        lease.callback_ended = True
        self._worker.commit(lease)

    def conversion_cut_short(self, seed: Seed, query_id: str) -> Iterator[Request]:  # noqa: ARG002
        """Give a conversion back that was not asked for, since this worker is stopping."""
        if (lease := self._worker.held.get(query_id)) is not None:
            self._worker.give_back(lease, "unsent")
        return iter(())

    def bury(self, lease: Lease, letter: dict[str, Any]) -> None:
        """Have a page committed that can't be parsed: its answer goes to the dead letters."""
        lease.products, lease.sightings, lease.seen = [], [], []
        lease.letter, lease.goes_on = letter, False
        lease.count = {}
        lease.set = {"fetched_at": lease.fetched_at}  # nothing of what was staged before the error
        if lease.is_conversion:
            self._fail_conversion(lease, None, lease.error or "")
        else:
            self._fail(lease)

    def give_up(self, lease: Lease, message: str) -> None:
        """Have a query, or those that wait for a conversion, end by an error without a call."""
        query = lease.query
        if lease.is_conversion:
            self.conversion_failed(query.seed, query.query_id, None, message)
        else:
            self.page_failed(query, lease.page, None, message)

    def _fail(self, lease: Lease) -> None:
        progress = lease.progress
        status = "partial" if lease.pages_before else "failed"
        lease.ends = ((status, "error"), (status, "error"))
        lease.set |= {
            "code": progress.code,
            "message": progress.message,
            "finished_at": progress.finished_at,
            "img_url": progress.img_url,
            "page": lease.page,
        }
        if lease.page == 1:
            lease.change = self._settling(lease, items=lease.has_items)
        lease.callback_ended = True
        lease.unsettled = 0
        self._worker.commit(lease)

    def _fields(self, lease: Lease) -> dict[str, Any]:
        progress = lease.progress
        names = ("pages", "items", "rejected_items", "total_count", "finished_at", "img_url")
        fields = {name: getattr(progress, name) for name in (*names, "generation")}
        return fields | {"code": None, "message": None, "fetched_at": None}

    def scope(self, lease: Lease) -> str:
        """Return within what a page's products are written once: a part of a key."""
        if self._worker.job.dedupe == "query":
            return lease.task  # which the query's end removes
        identity = lease.query.identity()
        return ":".join(str(identity[name]) for name in SCOPES[self._worker.job.dedupe])

    def _settling(self, lease: Lease, *, items: bool | None) -> Callable[[Image], _Others]:
        """Return what a query's first page comes to for its image, and so for other queries."""
        seed_id = lease.query.seed.seed_id

        def change(image: Image) -> _Others:
            decision = image.settle(lease.task, items=items, generation=lease.progress.generation)
            others: _Others = []
            lease.believed = len(decision.believed)
            read = items is True and lease.letter is None
            lease.count["pages"] = read + lease.believed
            for task in decision.believed:
                if task == lease.task:
                    lease.ends = (_EMPTY, _EMPTY)
                    lease.set["pages"] = 1
                else:
                    others.append({"task": task, "set": {"pages": 1}, "ends": _EMPTY})
            if decision.convert:
                fields = {"payer": image.waiting[0], "repeat": image.generation + 1}
                task = f"{seed_id}/{CONVERSION_TASK}"
                others.append({"task": task, "set": fields, "queue": True})
            return others

        return change
