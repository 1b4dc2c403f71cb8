"""Feeding: seeds go into a job on Redis, in batches; what is there already is left alone."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from tmapi_spiders.distributed.keeping import keep
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.images import Image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from redis import Redis

    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.seed import Seed

__all__ = ["feed"]

#: Seeds in one step.
_BATCH = 500


def feed(server: Redis, job: SharedJob, seeds: Iterable[Seed]) -> tuple[int, int]:
    """Put seeds in; return how many were given, and how many of them are new to the job.

    Workers don't leave before it has ended. One that is killed has to be run again: what it had put
    in stays, and is not put in twice.

    :raises UsageProblems: if the job is deleted meanwhile
    """
    run_script(server, "fed", job.keys, "0")
    keep(server, job.name)
    given = new = 0
    remaining = iter(seeds)
    while batch := list(islice(remaining, _BATCH)):
        values: list[Any] = [len(job.combinations)]
        for seed in batch:
            values += _values(job, seed)
        given += len(batch)
        added = int(run_script(server, "feed", job.keys, *values))
        if added < 0:
            raise UsageProblems(f"job={job.name}: it was deleted meanwhile. Put it there again.")
        new += added
    run_script(server, "fed", job.keys, "1")
    return given, new


def _values(job: SharedJob, seed: Seed) -> Iterator[Any]:
    """Yield a seed's id, its text, and its image if that is converted first."""
    yield seed.seed_id
    yield seed.text
    each = len(job.combinations)
    image = Image.first(seed, job.arguments.convert, each)
    if not image.converts_first:
        yield ""
        return
    for number in range(each):
        image.wait(f"{seed.seed_id}/{number}")
    yield orjson.dumps({**image.to_json(), "version": 1}).decode()
