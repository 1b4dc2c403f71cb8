"""Reopening: queries that ended by an error go on where they ended.

Those with a dead letter cost nothing: their answer is there. Others are asked for again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders.distributed.keeping import keep
from tmapi_spiders.distributed.keys import CONVERSION_TASK
from tmapi_spiders.distributed.reading import read_image
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.images import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.seed import Seed

__all__ = ["reopen"]

_BATCH = 1000


def reopen(server: Any, job: SharedJob, *, failed: bool) -> tuple[int, int]:
    """Reopen the queries with a dead letter; return how many those are, and how many others.

    :param failed: whether all others that ended by an error are reopened, too
    """
    prefix = job.keys[0]
    letters = {task.decode("utf-8", "replace") for task in server.hkeys(f"{prefix}:bodies")}
    by_seed: defaultdict[str, list[str]] = defaultdict(list)
    for task in _failed_tasks(server, prefix):
        if failed or task in letters:
            by_seed[task.partition("/")[0]].append(task)
    replayed = others = 0
    for seed_id, tasks in by_seed.items():
        opened = _reopen_seed(server, job, seed_id, tasks)
        replayed += sum(task in letters for task in opened)
        others += sum(task not in letters for task in opened)
    if replayed or others:
        keep(server, job.name)
    return replayed, others


def _failed_tasks(server: Any, prefix: str) -> Iterator[str]:
    """Yield the tasks of queries that ended by an error."""
    for task, content in server.hscan_iter(f"{prefix}:outcomes", count=_BATCH):
        outcome = orjson.loads(content)
        status, reason = outcome.get("status"), outcome.get("reason")
        if status == "failed" or (status == "partial" and reason == "error"):
            yield task.decode()


def _reopen_seed(server: Any, job: SharedJob, seed_id: str, tasks: list[str]) -> list[str]:
    """Reopen queries of one seed; return those that were."""
    prefix = job.keys[0]
    text = server.hget(f"{prefix}:seeds", seed_id)
    if text is None:
        return []
    seed = job.query(text.decode(), 0).seed
    while True:
        stored = server.hget(f"{prefix}:images", seed_id)
        _, version = read_image(stored or b"", job.query(seed, 0), job)
        outcomes = _outcomes(server, job, seed_id)
        tasks = [task for task in tasks if task in outcomes]
        first_pages = [task for task in tasks if outcomes[task].get("page", "1") == "1"]
        if stored:  # others of this image are at their first page: what they know must stay
            tasks = [task for task in tasks if task not in first_pages]
            first_pages = []
        if not tasks:
            return []
        image = _image_of(seed, job, tasks, outcomes)
        conversion = ""
        if first_pages and image.converts_first:
            conversion = f"{seed_id}/{CONVERSION_TASK}"
            for task in first_pages:
                image.wait(task)
        content = b""
        if first_pages:
            content = orjson.dumps({**image.to_json(), "version": version + 1})
        opened = run_script(
            server, "reopen", job.keys, seed_id, content, version, conversion, *tasks
        )
        if opened >= 0:
            return tasks[:opened]


def _outcomes(server: Any, job: SharedJob, seed_id: str) -> dict[str, dict[str, Any]]:
    """Return what became of a seed's queries that have ended, by task."""
    tasks = [f"{seed_id}/{number}" for number in range(len(job.combinations))]
    found = server.hmget(f"{job.keys[0]}:outcomes", tasks)
    return {
        task: orjson.loads(content)
        for task, content in zip(tasks, found, strict=True)
        if content is not None
    }


def _image_of(
    seed: Seed, job: SharedJob, tasks: list[str], outcomes: dict[str, dict[str, Any]]
) -> Image:
    """Return what is known of an image, as far as its queries' outcomes tell."""
    image = Image.first(seed, job.arguments.convert, len(job.combinations))
    paths: dict[int, str] = {}
    with_items = set()
    for outcome in outcomes.values():
        generation = int(outcome.get("generation", "0"))
        if outcome.get("img_url"):
            paths[generation] = outcome["img_url"]
        if outcome.get("items", "0") != "0":
            with_items.add(generation)
    begun_with = 1 if image.converts_first else 0
    for generation in range(1, max(paths, default=0) + 1):
        image.convert(paths.get(generation, ""), kept=False)
    doubted = image.generation > begun_with
    waiting = sum(outcomes[task].get("page", "1") == "1" for task in tasks)
    return attrs.evolve(image, with_items=with_items, doubted=doubted, expected=max(waiting, 1))
