"""Puts seeds into a job on Redis, in batches; seeds that are in it already are left alone."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders.crawl.image_state import Image
from tmapi_spiders.crawl.page_order import MOST_PAGES
from tmapi_spiders.distributed.expiry import cancel_expiry
from tmapi_spiders.distributed.keys import refused_key
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.errors import UsageProblems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from redis import Redis

    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.inputs.seed import Seed

__all__ = ["EnqueueCounts", "enqueue_seeds"]

#: Seeds in one step.
_BATCH = 500


@attrs.define
class EnqueueCounts:
    """What was added to the job."""

    seeds: int = 0
    """New seeds."""
    queries: int = 0
    """Queries of the new seeds."""
    differing: int = 0
    """Seeds that the job already has with another row, which is kept."""


def enqueue_seeds(server: Redis, job: SharedJob, seeds: Iterable[Seed]) -> EnqueueCounts:
    """Put seeds into a job; return what was added.

    Workers don't leave before this has ended. If it is killed, run it again: what was added stays,
    and is not added twice.

    :raises UsageProblems: if the job is deleted meanwhile
    """
    run_script(server, "fed", job.keys, "0")
    cancel_expiry(server, job.name)
    fed = EnqueueCounts()
    remaining = iter(seeds)
    while batch := list(islice(remaining, _BATCH)):
        most = max(
            seed.overrides.most_pages(job.arguments.max_pages) or MOST_PAGES for seed in batch
        )
        values: list[Any] = [len(job.arguments.combinations), min(most, MOST_PAGES)]
        # Another job may have learned that the API refuses the image, under whatever seed id.
        known = server.smismember(refused_key(job.source), [seed.image_id for seed in batch])
        for seed, refused in zip(batch, known, strict=True):
            values += _values(job, seed, refused=bool(refused))
        added = run_script(server, "feed", job.keys, *values)
        if not added:
            raise UsageProblems(f"job={job.name}: it was deleted meanwhile. Enqueue it again.")
        fed.seeds += int(added[0])
        fed.queries += int(added[1])
        fed.differing += int(added[2])
    run_script(server, "fed", job.keys, "1")
    return fed


def _values(job: SharedJob, seed: Seed, *, refused: bool) -> Iterator[Any]:
    """Yield a seed's key, record, number of queries, and image unless all may ask at once."""
    each = len(job.queries_of(seed))
    yield from (seed.key, seed.record(), each)
    image = Image.first(seed, job.arguments.convert, each, refused=refused)
    if each == 1 and not image.converts_first:
        yield ""
        return
    for number in range(each):
        task = f"{seed.key}/{number}"
        if image.converts_first:
            image.wait(task)
        else:
            image.ask(task)
    yield orjson.dumps({**image.to_json(), "version": 1}).decode()
