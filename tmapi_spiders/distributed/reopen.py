"""Reopens queries that ended by an error, and rereads dead letters.

Queries with a dead letter, or whose image's conversion is one, continue from it at no cost.
Others call the API again. If a pipeline failed on items of a page, the page is reread for these
items only.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders.crawl.image_state import Image
from tmapi_spiders.distributed.dead_letter import is_mend, query_task
from tmapi_spiders.distributed.expiry import cancel_expiry
from tmapi_spiders.distributed.keys import CONVERSION_TASK
from tmapi_spiders.distributed.lease_fields import read_image
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.errors import StorageError
from tmapi_spiders.inputs.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tmapi_spiders.distributed.shared_job import SharedJob

__all__ = ["ReopenCounts", "reopen"]

_BATCH = 1000

#: Fields of a query's outcome or of its hash.
_Fields = dict[str, Any]


@attrs.define
class ReopenCounts:
    """Numbers of what was put back in the queue."""

    queries: int = 0
    """Queries with a dead letter."""
    others: int = 0
    """Queries that ended by another error."""
    pages: int = 0
    """Pages that a pipeline had failed on."""


def reopen(server: Any, job: SharedJob, *, failed: bool) -> ReopenCounts:
    """Put dead letters back in the queue; return how many there were.

    A conversion's dead letter counts for every query that was waiting for it.

    :param failed: whether to reopen all other queries that ended by an error, too
    :raises StorageError: if what Redis has of a seed can't be read
    """
    prefix = job.keys[0]
    letters = {task.decode("utf-8", "replace") for task in server.hkeys(f"{prefix}:bodies")}
    by_seed: defaultdict[str, set[str]] = defaultdict(set)
    for task, outcome in _failed_outcomes(server, prefix):
        if failed or _has_letter(task, outcome, letters):
            by_seed[_seed_key(task)].add(task)
    found = ReopenCounts()
    for mends in _mends(letters):
        found.pages += int(run_script(server, "mend", job.keys, *mends))
    for key, tasks in by_seed.items():
        try:
            opened = _reopen_seed(server, job, key, tasks, letters)
        except (ValueError, KeyError, TypeError) as exc:
            raise StorageError(
                f"job={job.name}: what Redis has of the seed {key} can't be read "
                f"({type(exc).__name__}: {exc}); its queries stay as they are."
            ) from exc
        free = sum(_has_letter(task, outcome, letters) for task, outcome in opened.items())
        found.queries += free
        found.others += len(opened) - free
    cancel_expiry(server, job.name)
    return found


def _mends(letters: set[str]) -> Iterator[list[str]]:
    """Yield the mends among the letters, each query's in the order of its pages."""
    by_query: defaultdict[str, list[str]] = defaultdict(list)
    for task in letters:
        if is_mend(task):
            by_query[query_task(task)].append(task)
    for mends in by_query.values():
        yield sorted(mends, key=lambda mend: (len(mend), mend))


def _seed_key(task: str) -> str:
    return task.partition("/")[0]


def _conversion_of(task: str) -> str:
    return f"{_seed_key(task)}/{CONVERSION_TASK}"


def _has_letter(task: str, outcome: _Fields, letters: set[str]) -> bool:
    """Return whether the answer that a query failed on is kept."""
    return task in letters or _lacks_conversion(task, outcome, letters)


def _lacks_conversion(task: str, outcome: _Fields, letters: set[str]) -> bool:
    """Return whether a query failed because its image's conversion is a dead letter."""
    return "conversion" in outcome and _conversion_of(task) in letters


def _is_failed(outcome: _Fields) -> bool:
    """Return whether a query ended by an error."""
    status, reason = outcome.get("status"), outcome.get("reason")
    return bool(status == "failed" or (status == "partial" and reason == "error"))


def _is_at_first_page(outcome: _Fields) -> bool:
    return bool(outcome.get("page", "1") == "1")


def _failed_outcomes(server: Any, prefix: str) -> Iterator[tuple[str, _Fields]]:
    """Yield the tasks of queries that ended by an error, with their outcomes."""
    for task, content in server.hscan_iter(f"{prefix}:outcomes", count=_BATCH):
        with suppress(ValueError):  # not an outcome
            outcome = orjson.loads(content)
            if isinstance(outcome, dict) and _is_failed(outcome):
                yield task.decode(), outcome


def _reopen_seed(
    server: Any, job: SharedJob, key: str, chosen: set[str], letters: set[str]
) -> dict[str, _Fields]:
    """Reopen queries of one seed; return the tasks that were, with their outcomes.

    Those at their first page are left for later while other queries of the image are at theirs:
    reopening them would change what the others know of the image.
    """
    prefix = job.keys[0]
    record = server.hget(f"{prefix}:seeds", key)
    if record is None:
        return {}
    seed = Seed.from_record(record.decode())
    queries = job.queries_of(seed)
    while True:
        stored = server.hget(f"{prefix}:images", key)
        _, version = read_image(stored or b"", queries[0], job)
        ended, begun = _stored_state(server, job, key, len(queries))
        tasks = {task: ended[task] for task in ended if task in chosen and _is_failed(ended[task])}
        later = [task for task in tasks if not _is_at_first_page(tasks[task])]
        first = [task for task in tasks if task not in later]
        if stored:  # other queries of this image are at their first page
            first = []
        image = _image_of(seed, job, len(queries), [*ended.values(), *begun])
        conversion = ""
        if any(image.converts_first or _lacks_conversion(t, tasks[t], letters) for t in first):
            first = [task for task in first if task not in letters]
            conversion = _conversion_of(first[0]) if first else ""
        content = b""
        if first:
            image.is_read = image.generation in image.with_items
            for task in first:
                if not conversion and task not in letters:
                    image.ask(task)
            _expect_first_pages(image, first, job, seed, converts=bool(conversion))
            content = orjson.dumps({**image.to_json(), "version": version + 1})
        if not first and not later:
            return {}
        values = (key, content, version, conversion, image.generation + 1, *first, *later)
        opened = run_script(server, "reopen", job.keys, *values)
        if opened is not None:
            return {task: tasks[task] for task in map(bytes.decode, opened)}


def _expect_first_pages(
    image: Image, tasks: list[str], job: SharedJob, seed: Seed, *, converts: bool
) -> None:
    """Make the image wait for these queries' first pages, or for its conversion before them."""
    if converts:
        for task in tasks:
            image.wait(task)
    begins_with = Image.first(seed, job.arguments.convert, 1).converts_first
    image.doubted = image.generation + converts > begins_with
    image.expected = len(tasks)


def _stored_state(
    server: Any, job: SharedJob, key: str, each: int
) -> tuple[dict[str, _Fields], list[_Fields]]:
    """Return a seed's outcomes by task, and the progress of its queries that have not ended."""
    tasks = [f"{key}/{number}" for number in range(each)]
    prefix = job.keys[0]
    found = dict(zip(tasks, server.hmget(f"{prefix}:outcomes", tasks), strict=True))
    pipeline = server.pipeline(transaction=False)
    for task in tasks:
        if found[task] is None:
            pipeline.hgetall(f"{prefix}:query:{task}")
    begun = [
        {name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()}
        for fields in pipeline.execute()
    ]
    return {task: orjson.loads(one) for task, one in found.items() if one is not None}, begun


def _image_of(seed: Seed, job: SharedJob, each: int, queries: list[_Fields]) -> Image:
    """Return what is known of an image, as far as its queries show it."""
    image = Image.first(seed, job.arguments.convert, each)
    paths: dict[int, str] = {}
    for query in queries:
        generation = int(query.get("generation", "0"))
        if query.get("img_url"):
            paths[generation] = query["img_url"]
        if any(query.get(name, "0") != "0" for name in ("items", "rejected_items")):
            image.with_items.add(generation)
    for generation in range(1, max(paths, default=0) + 1):
        image.convert(paths.get(generation, ""), kept=False)
    return image
