"""Staging: what an answer comes to is written into its lease, from where it is committed.

Nothing here talks to anybody; what becomes of other queries of the image is decided when the commit
is made, since somebody else may have changed the image meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders.distributed.keys import CONVERSION_TASK, conversion_prefix
from tmapi_spiders.order import SOONEST, pages_left
from tmapi_spiders.paging import ending
from tmapi_spiders.pipelines import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.answers import Page
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.images import Image
    from tmapi_spiders.paging import Reading

__all__ = [
    "scope",
    "stage_burial",
    "stage_conversion",
    "stage_empty_page",
    "stage_failure",
    "stage_page",
]

_DAY_MS = 24 * 60 * 60 * 1000

#: Of a query, an empty first page that is believed.
_EMPTY = ("empty", "empty_page")

_Others = list[dict[str, Any]]


def stage_page(lease: Lease, job: SharedJob, page: int, answer: Page, reading: Reading) -> None:
    """Have a page committed: the query goes on, or ends with it."""
    asked, progress = job.arguments, lease.progress
    max_pages = progress.query.seed.overrides.most_pages(asked.max_pages)
    ends = [
        ending(
            page=page,
            elements=len(answer.elements),
            fresh=fresh,
            items=progress.items,
            truncated=reading.truncated,
            has_next_page=answer.has_next_page,
            max_pages=max_pages,
            max_items=asked.max_items,
        )
        for fresh in (1, 0)
    ]
    lease.ends = tuple(end and (end.status, end.reason) for end in ends)  # type: ignore[assignment]
    lease.goes_on = True
    left = pages_left(progress, max_pages=max_pages, max_items=asked.max_items)
    lease.left = left if left < SOONEST else None
    lease.set |= _fields(lease) | {"page": page + 1}
    lease.count["pages"] = 1
    lease.scope = scope(lease, job)
    if page == 1:
        lease.change = _settling(lease, items=True)


def stage_empty_page(lease: Lease, answer: Page, fetched_at: str) -> None:
    """Have an empty first page committed: as the query's end, or as one in doubt."""
    # What was found is the outcome's once the page is believed; see the scripts.
    lease.set |= _fields(lease)
    lease.set |= {"empty_at": fetched_at, "empty_total_count": answer.total_count}
    lease.change = _settling(lease, items=False)


def stage_conversion(
    lease: Lease, job: SharedJob, path: str, *, kept: bool, keep_days: float
) -> None:
    """Have the queries that waited for a conversion put into the queue.

    :param path: what the conversion gave
    :param kept: whether another job has paid for it
    :param keep_days: for how long it is kept for other jobs; 0 = not at all
    """

    def change(image: Image) -> _Others:
        waiting = image.convert(path, kept=kept)
        fields = {"img_url": path, "generation": image.generation, "page": 1, "pages": 0}
        # As if it had not been asked for before.
        old = ("empty_at", "empty_total_count", "attempt", "refusals", "deaths")
        fields |= dict.fromkeys(old)
        return [{"task": task, "set": fields, "queue": True} for task in reversed(waiting)]

    lease.change = change
    if keep_days and not kept:
        key = conversion_prefix(job.source) + lease.query.seed.image_id
        lease.keep = key, int(keep_days * _DAY_MS), lease.answer
    lease.callback_ended = True


def stage_failure(lease: Lease) -> None:
    """Have a query, or those that wait for a conversion, end by the error that was noted."""
    if lease.is_conversion:
        lease.change = _failing(lease)
    else:
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
            lease.change = _settling(lease, items=lease.has_items)
        lease.unsettled = 0
    lease.callback_ended = True


def stage_burial(lease: Lease, letter: dict[str, Any]) -> None:
    """Have an answer committed that can't be parsed: it goes to the dead letters."""
    lease.products, lease.sightings, lease.seen = [], [], []
    lease.letter, lease.goes_on = letter, False
    lease.count = {}
    lease.set = {"fetched_at": lease.fetched_at}  # nothing of what was staged before the error
    stage_failure(lease)


def scope(lease: Lease, job: SharedJob) -> str:
    """Return within what a page's products are written once: a part of a key."""
    if job.dedupe == "query":
        return lease.task  # which the query's end removes
    identity = lease.query.identity()
    return ":".join(str(identity[name]) for name in SCOPES[job.dedupe])


def _fields(lease: Lease) -> dict[str, Any]:
    progress = lease.progress
    names = ("pages", "items", "rejected_items", "total_count", "finished_at", "img_url")
    fields = {name: getattr(progress, name) for name in (*names, "generation")}
    return fields | {"code": None, "message": None, "fetched_at": None}


def _settling(lease: Lease, *, items: bool | None) -> Callable[[Image], _Others]:
    """Return what a query's first page comes to for its image, and so for other queries."""
    key = lease.query.seed.key

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
            task = f"{key}/{CONVERSION_TASK}"
            others.append({"task": task, "set": fields, "queue": True})
        return others

    return change


def _failing(lease: Lease) -> Callable[[Image], _Others]:
    """Return what a conversion's failure comes to for the queries that waited for it."""
    progress = lease.progress

    def change(image: Image) -> _Others:
        waiting = image.fail(progress.code, progress.message or "")
        assert image.failure is not None
        code, message = image.failure
        fields = {"code": code, "message": message, "finished_at": progress.finished_at}
        return [{"task": task, "set": fields, "ends": ("failed", "error")} for task in waiting]

    return change
