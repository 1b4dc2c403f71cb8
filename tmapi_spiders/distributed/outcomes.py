"""Writes the outcome of every query of a shared job, from what Redis has of it."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from tmapi_spiders.crawl.paging import Ending
from tmapi_spiders.crawl.progress import Progress
from tmapi_spiders.distributed.keys import job_key
from tmapi_spiders.distributed.lease_fields import read_progress
from tmapi_spiders.inputs.seed import Seed
from tmapi_spiders.local.ledger import LocalLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis import Redis

    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.inputs.queries import Query
    from tmapi_spiders.items import Outcome

__all__ = ["write_outcomes"]

logger = logging.getLogger(__name__)

#: Seeds in one step.
_BATCH = 500

_UNREADABLE = "what Redis has of it can't be read"

_FIELDS = [field.name for field in attrs.fields(Progress) if field.name != "query"]


def write_outcomes(
    server: Redis, job: SharedJob, reason: str | None, write: Callable[[Outcome], None]
) -> tuple[LocalLedger, int]:
    """Write exactly one outcome for each query of a job that is final.

    :param reason: why the job was stopped; None if it ended, so that a query without an outcome is
        unaccounted for
    :return: the ledger that has counted them, and the number of seeds that share their image
    """
    ledger = LocalLedger(job.name, write)
    images: Counter[str] = Counter()
    for batch in _queries_by_task(server, job, images):
        tasks = list(batch)
        stored: list[Any] = server.hmget(f"{job_key(job.name)}:outcomes", tasks) if tasks else []
        outcomes = dict(zip(tasks, stored, strict=True))
        pipeline = server.pipeline(transaction=False)
        unfinished = [task for task in tasks if outcomes[task] is None]
        for task in unfinished:
            pipeline.hgetall(f"{job_key(job.name)}:query:{task}")
        begun = dict(zip(unfinished, pipeline.execute(), strict=True))
        for task in tasks:
            _write_outcome(ledger, batch[task], outcomes[task], begun.get(task), reason)
        ledger.finish(None, ())
    return ledger, sum(count for count in images.values() if count > 1)


def _queries_by_task(
    server: Redis, job: SharedJob, images: Counter[str]
) -> Iterator[dict[str, Query]]:
    """Yield all queries by task, in batches, each query once.

    :param images: receives the number of seeds of each image
    """
    known: set[bytes] = set()
    batch: dict[str, Query] = {}
    for key, record in server.hscan_iter(f"{job_key(job.name)}:seeds", count=_BATCH):
        if key in known:
            continue
        known.add(key)
        try:
            seed = Seed.from_record(record.decode())
        except ValueError as exc:
            logger.warning("Seed %r on Redis is not a seed (%s); it is left out.", record, exc)
            continue
        if seed.key.encode() != key:
            logger.warning("Seed %r on Redis has the wrong key; it is left out.", record)
            continue
        images[seed.image_id] += 1
        queries = job.queries_of(seed)
        batch |= {f"{seed.key}/{number}": query for number, query in enumerate(queries)}
        if len(batch) >= _BATCH:
            yield batch
            batch = {}
    yield batch


def _write_outcome(
    ledger: LocalLedger,
    query: Query,
    outcome: bytes | None,
    begun: dict[bytes, bytes] | None,
    reason: str | None,
) -> None:
    """Write the outcome of one query."""
    progress = ledger.open(query)
    ending: Ending | None = None
    try:
        if outcome is not None:
            fields: dict[str, Any] = orjson.loads(outcome.decode("utf-8", "replace"))
            evidence = tuple(fields.get("evidence", "").split())
            ending = Ending(fields["status"], fields["reason"], evidence)
        else:
            fields = {
                name.decode(): value.decode("utf-8", "replace")
                for name, value in (begun or {}).items()
            }
        known = read_progress(query, fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        ledger.fail(query.query_id, None, _UNREADABLE)
        return
    for name in _FIELDS:
        setattr(progress, name, getattr(known, name))
    if ending is not None:
        ledger.end(query.query_id, ending)
    elif reason is not None:
        ledger.cut_short(query.query_id, reason)
