"""Stages what an answer changes in its lease, to be committed from there.

Nothing here does I/O. Effects on the image's other queries are decided when the commit is built,
since another worker may have changed the image meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders.crawl.page_order import SOONEST, pages_left
from tmapi_spiders.crawl.paging import ending, nothing_found
from tmapi_spiders.distributed.keys import CONVERSION_TASK, conversion_prefix, refused_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.crawl.image_state import Decision, Image
    from tmapi_spiders.crawl.paging import PageReading
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.shared_job import SharedJob

__all__ = [
    "stage_conversion",
    "stage_dead_letter",
    "stage_empty_page",
    "stage_failure",
    "stage_page",
    "stage_refusal",
]

_DAY_MS = 24 * 60 * 60 * 1000

#: How a query ends by an empty first page that is accepted.
_EMPTY = ("empty", "empty_page")

#: Fields of a query's hash that belong to one page.
_PAGE_FIELDS = ("attempt", "spared", "refusals", "rejections", "deaths")

_Changes = list[dict[str, Any]]
"""Changes to other tasks."""


def stage_page(lease: Lease, job: SharedJob, page: int, answer: Page, reading: PageReading) -> None:
    """Stage a page: the query goes on, or ends with it."""
    asked, progress = job.arguments, lease.progress
    max_pages = progress.query.seed.overrides.most_pages(asked.max_pages)
    ends = [
        ending(
            page=page,
            elements=len(answer.elements),
            fresh=fresh,
            items=progress.items,
            unreadable=progress.unreadable,
            truncated=reading.truncated,
            has_next_page=answer.has_next_page,
            total_count=progress.total_count,
            max_pages=max_pages,
            max_items=asked.max_items,
        )
        for fresh in (1, 0)
    ]
    lease.ends = tuple(  # type: ignore[assignment]
        end and (end.status, end.reason, " ".join(end.evidence)) for end in ends
    )
    lease.goes_on = True
    if lease.is_mend:
        return
    left = pages_left(progress, max_pages=max_pages, max_items=asked.max_items)
    lease.left = left if left < SOONEST else None
    lease.set |= {"page": page + 1}
    if not lease.was_read:
        lease.count["pages"] = 1
    if page == 1:
        lease.change = _change_by_first_page(lease, items=True)
    elif not lease.image.is_read:
        lease.change = lambda image: _other_tasks(
            lease, image, image.read(lease.progress.generation)
        )


def stage_refusal(lease: Lease, job: SharedJob, code: int | None, message: str) -> None:
    """Stage that the API wants an image converted before it returns a page.

    :param message: the queries' error if the image may not be converted (any more)
    """
    progress, seed = lease.progress, lease.query.seed
    if progress.img_url == seed.img_url and seed.can_be_converted:
        lease.refused = refused_key(job.source), seed.image_id

    def change(image: Image) -> _Changes:
        decision = image.refuse(
            lease.task, code, message, first=lease.page == 1, generation=progress.generation
        )
        return _other_tasks(lease, image, decision)

    lease.set |= dict.fromkeys(_PAGE_FIELDS) | {"page": lease.page}
    lease.change = change


def stage_empty_page(lease: Lease, answer: Page, fetched_at: str) -> None:
    """Stage an empty first page: as the query's end, or as one that is still in doubt."""
    # The outcome gets these once the page is accepted; see end_query in common.lua.
    lease.set |= lease.progress_fields()
    lease.set |= {
        "empty_at": fetched_at,
        "empty_total_count": answer.total_count,
        "empty_evidence": " ".join(nothing_found(answer).evidence),
    }
    lease.change = _change_by_first_page(lease, items=False)


def stage_conversion(
    lease: Lease, job: SharedJob, path: str, *, kept: bool, keep_days: float
) -> None:
    """Stage a conversion: the queries that waited for it are queued.

    :param path: the path it returned
    :param kept: whether another job has paid for it
    :param keep_days: how long it is kept for other jobs; 0 = not at all
    """

    def change(image: Image) -> _Changes:
        waiting = image.convert(path, kept=kept)
        others: _Changes = []
        for task in waiting:
            asks = image.ask(task)
            others.append({"task": task, "set": _current_path_fields(image, task), "queue": asks})
        return others[::-1]  # each goes to the head of the queue, so the first one goes last

    lease.change = change
    if keep_days and not kept:
        key = conversion_prefix(job.source) + lease.query.seed.image_id
        lease.keep = key, int(keep_days * _DAY_MS), lease.answer
    lease.callback_ended = True


def stage_failure(lease: Lease) -> None:
    """Stage that a query, or those awaiting a conversion, end by the error that was noted."""
    if lease.is_conversion:
        lease.change = _change_by_failed_conversion(lease)
    else:
        progress = lease.progress
        status = "partial" if progress.pages else "failed"
        lease.ends = ((status, "error"), (status, "error"))
        lease.set |= {
            "code": progress.code,
            "message": progress.message,
            "finished_at": progress.finished_at,
            "img_url": progress.img_url,
            "page": lease.page,
        }
        if lease.page == 1:
            lease.change = _change_by_first_page(lease, items=lease.has_items)
        elif not lease.image.is_read:
            lease.change = lambda image: _other_tasks(lease, image, image.pass_on(lease.task))
        lease.in_pipelines = 0
    lease.callback_ended = True


def stage_dead_letter(lease: Lease) -> None:
    """Stage that a query ends by an answer that the spider could not parse.

    What it yielded before is committed; its items count as new again when the answer is reread.
    """
    lease.seen, lease.goes_on = [], False
    lease.ends, lease.set, lease.change = (None, None), {}, None  # as before the error
    lease.count.pop("pages", None)
    if lease.is_read and not lease.was_read:
        lease.count["pages"] = 1
    stage_failure(lease)


def _change_by_first_page(lease: Lease, *, items: bool | None) -> Callable[[Image], _Changes]:
    """Return the change that a query's first page makes to its image and to other queries."""
    read = lease.count.get("pages", 0)

    def change(image: Image) -> _Changes:
        decision = image.settle(lease.task, items=items, generation=lease.progress.generation)
        lease.believed = len(decision.believed)
        lease.count["pages"] = read + lease.believed
        return _other_tasks(lease, image, decision)

    return change


def _other_tasks(lease: Lease, image: Image, decision: Decision) -> _Changes:
    """Return a decision's changes to other queries; those to this one are staged."""
    changes: _Changes = []
    for task in decision.believed:
        if task == lease.task:
            lease.ends = (_EMPTY, _EMPTY)
            lease.set["pages"] = 1
        else:
            changes.append({"task": task, "set": {"pages": 1}, "ends": _EMPTY})
    for task in decision.failed:
        assert image.failure is not None
        code, message = image.failure
        fields = {"code": code, "message": message, "finished_at": lease.progress.finished_at}
        status = "partial" if task == lease.task and lease.pages_before else "failed"
        changes.append({"task": task, "set": fields, "ends": (status, "error")})
    if decision.convert:
        fields = {"payer": image.waiting[0], "repeat": image.generation + 1}
        task = f"{lease.query.seed.key}/{CONVERSION_TASK}"
        changes.append({"task": task, "set": fields, "queue": True})
    for task in reversed(decision.ask):  # each goes to the head of the queue
        fields = _current_path_fields(image, task)
        changes.append({"task": task, "set": fields, "queue": True})
    return changes


def _current_path_fields(image: Image, task: str) -> dict[str, Any]:
    """Return the fields of a query that is to use an image's current path."""
    fields: dict[str, Any] = {"img_url": image.paths[-1], "generation": image.generation}
    fields |= dict.fromkeys(_PAGE_FIELDS)
    if not image.is_past_first_page(task):  # as if it had never been sent
        fields |= {"page": 1, "pages": 0}
        fields |= dict.fromkeys(("empty_at", "empty_total_count", "empty_evidence"))
    return fields


def _change_by_failed_conversion(lease: Lease) -> Callable[[Image], _Changes]:
    """Return the change that a failed conversion makes to the queries that waited for it."""
    progress = lease.progress

    def change(image: Image) -> _Changes:
        waiting = image.fail(progress.code, progress.message or "")
        assert image.failure is not None
        code, message = image.failure
        fields = {"code": code, "message": message, "finished_at": progress.finished_at}
        return [{"task": task, "set": fields, "ends": ("failed", "error")} for task in waiting]

    return change
