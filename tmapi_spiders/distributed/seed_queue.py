"""Feeding: seeds go into a job on Redis, in batches; what is there already is left alone."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders.crawl.image_state import Image
from tmapi_spiders.crawl.order import MOST_PAGES
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
    """What was put in."""

    seeds: int = 0
    """New to the job."""
    queries: int = 0
    """Of those seeds."""
    differing: int = 0
    """Seeds that the job has already, with another row; that stays as it was."""


def enqueue_seeds(server: Redis, job: SharedJob, seeds: Iterable[Seed]) -> EnqueueCounts:
    """Put seeds in; return what was new.

    Workers don't leave before it has ended. One that is killed has to be run again: what it had put
    in stays, and is not put in twice.

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
        # Another job may have learnt it, of the same image under any id.
        known = server.smismember(refused_key(job.source), [seed.image_id for seed in batch])
        for seed, refused in zip(batch, known, strict=True):
            values += _values(job, seed, refused=bool(refused))
        added = run_script(server, "feed", job.keys, *values)
        if not added:
            raise UsageProblems(f"job={job.name}: it was deleted meanwhile. Put it there again.")
        fed.seeds += int(added[0])
        fed.queries += int(added[1])
        fed.differing += int(added[2])
    run_script(server, "fed", job.keys, "1")
    return fed


def _values(job: SharedJob, seed: Seed, *, refused: bool) -> Iterator[Any]:
    """Yield a seed's key, its record, its queries, and its image if not all of them ask at once."""
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
