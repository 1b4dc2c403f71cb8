"""Turns what Redis returns with a lease into typed objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tmapi_spiders.crawl.image_state import Image
from tmapi_spiders.crawl.progress import Progress
from tmapi_spiders.distributed.dead_letter import DeadLetter, is_mend
from tmapi_spiders.distributed.lease import Lease

if TYPE_CHECKING:
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.inputs.queries import Query

__all__ = ["read_image", "read_lease", "read_progress"]

_COUNTS = (
    *("pages", "items", "new_items", "rejected_items", "unreadable"),
    *("calls", "retries", "generation"),
)


def read_lease(row: list[Any], job: SharedJob, valid_until: float) -> Lease:
    """Return the lease described by one row of an exchange's reply.

    :raises ValueError: or a similar error, if the row is not what this package has written
    """
    task, token, sends, seed, flat, image, body, kept = row
    fields = {
        flat[n].decode(): flat[n + 1].decode("utf-8", "replace") for n in range(0, len(flat), 2)
    }
    name = task.decode()
    query = job.query_of(name, seed.decode())
    if query.seed.key != name.partition("/")[0]:
        raise ValueError("its seed has another id")
    # A mend comes with its letter even without the body, as when workers died over it.
    letter = DeadLetter.from_json(kept) if kept and (body or is_mend(name)) else None
    if is_mend(name):
        if letter is None or not letter.failed:
            raise ValueError("its dead letter does not say what failed")
        # Use the query's progress of that time, not the present one.
        fields |= {field: str(value) for field, value in letter.before.items()}
        fields["page"] = str(letter.page)
    progress = read_progress(query, fields)
    page = int(fields.get("page", "1"))
    if is_mend(name):
        image = b""  # no query's turn depends on it any more
    known, version = read_image(image, query, job, progress if page > 1 else None)
    if page > 1 and known.generation > progress.generation and not known.is_converting:
        # Another query has found that this one's path is no longer valid.
        progress.img_url, progress.generation = known.paths[-1], known.generation
    elif progress.img_url is None and known.paths[-1] is not None:
        progress.img_url, progress.generation = known.paths[-1], known.generation
    return Lease(
        task=name,
        token=token.decode(),
        sends=sends == b"1",
        query=query,
        progress=progress,
        page=page,
        attempt=int(fields.get("attempt", "1")),
        spared=int(fields.get("spared", "0")),
        refusals=int(fields.get("refusals", "0")),
        rejections=int(fields.get("rejections", "0")),
        repeat=int(fields.get("repeat", "1")),
        image=known,
        image_version=version,
        body=body,
        letter=letter,
        fetched_at=letter.fetched_at if letter is not None else None,
        valid_until=valid_until,
    )


def read_image(
    content: bytes, query: Query, job: SharedJob, later: Progress | None = None
) -> tuple[Image, int]:
    """Return what is known of a query's image, and the version of that state.

    :param later: the query's progress, if it is past its first page
    """
    if not content:
        if later is not None:
            known = later.img_url, later.generation
            return Image.of_later_page(query.seed, job.arguments.convert, *known), 0
        each = len(job.queries_of(query.seed))
        return Image.first(query.seed, job.arguments.convert, each), 0
    decoded = orjson.loads(content)
    return Image.from_json(decoded), int(decoded["version"])


def read_progress(query: Query, fields: dict[str, str]) -> Progress:
    """Return a query's progress from the fields of its hash or its outcome."""
    progress = Progress(query)
    for name in _COUNTS:
        setattr(progress, name, int(fields.get(name, "0")))
    for name in ("code", "total_count"):
        setattr(progress, name, int(fields[name]) if name in fields else None)
    for name in ("message", "started_at", "finished_at", "img_url"):
        setattr(progress, name, fields.get(name))
    return progress
