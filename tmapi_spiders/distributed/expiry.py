"""How long a job's keys stay on Redis, and how they are deleted."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tmapi_spiders.distributed.keys import JOBS, job_key
from tmapi_spiders.distributed.store import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redis import Redis

    from tmapi_spiders.distributed.shared_job import SharedJob

__all__ = ["begin_deletion", "cancel_expiry", "delete_keys", "expire_after", "forget_expired"]

#: Keys in one step.
_BATCH = 1000

_DAY_MS = 24 * 60 * 60 * 1000


def cancel_expiry(server: Redis, name: str) -> None:
    """Keep an exported job on Redis if it is no longer ended.

    Once a job is open again, no export makes its keys expire. The process that reopened it may die
    before calling this, so workers call it as well.
    """
    state, exported_at = server.hmget(f"{job_key(name)}:job", ["state", "exported_at"])
    if exported_at is None or state == b"ended":
        return
    for keys in _keys(server, name):
        pipeline = server.pipeline(transaction=False)
        for key in keys:
            pipeline.persist(key)
        pipeline.execute()
    run_script(server, "keep", (job_key(name),), JOBS, name)


def expire_after(server: Redis, job: SharedJob, days: float) -> bool:
    """Make an ended job expire in some days; return False if it was reopened, so that it stays.

    :param days: more than 0
    """
    seconds, microseconds = server.time()
    at = round(seconds * 1000 + microseconds / 1000 + days * _DAY_MS)
    last = f"{job_key(job.name)}:job".encode()
    for keys in _keys(server, job.name):
        others = [key for key in keys if key != last]
        if not run_script(server, "expire", job.keys, job.id, at, JOBS, job.name, *others):
            return False
    return bool(run_script(server, "expire", job.keys, job.id, at, JOBS, job.name, last))


def begin_deletion(server: Redis, name: str) -> tuple[int, int]:
    """Close a job to workers before its keys are deleted, unless it is in use.

    :return: live workers, and leases they hold; if both are 0 the job may be deleted
    """
    alive, held = run_script(server, "erase", (job_key(name),), "0", JOBS, name)
    return int(alive), int(held)


def delete_keys(server: Redis, name: str) -> int:
    """Delete a job's keys, its hash last; return how many. Keys shared by jobs stay."""
    last, count = f"{job_key(name)}:job".encode(), 1
    for keys in _keys(server, name):
        if others := [key for key in keys if key != last]:
            server.unlink(*others)
            count += len(others)
    run_script(server, "erase", (job_key(name),), "1", JOBS, name)
    return count


def forget_expired(server: Redis, name: str) -> bool:
    """Remove an expired job from the list of jobs; return whether it had expired."""
    return bool(run_script(server, "forget", (job_key(name),), JOBS, name))


def _keys(server: Redis, name: str) -> Iterator[tuple[bytes, ...]]:
    """Yield a job's keys in batches, some perhaps twice. Job names contain no wildcards."""
    found = server.scan_iter(match=f"{job_key(name)}:*", count=_BATCH)
    while keys := tuple(islice(found, _BATCH)):
        yield keys
