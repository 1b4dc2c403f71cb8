"""Access to jobs on Redis for commands: a checked connection, and names that exist."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from redis import exceptions

from tmapi_spiders.config.settings import Config
from tmapi_spiders.distributed.connection import check_server, connect, describe, quoted
from tmapi_spiders.distributed.damage import find_damage
from tmapi_spiders.distributed.keys import JOBS
from tmapi_spiders.distributed.scheduler import is_shared
from tmapi_spiders.distributed.shared_job import facts_of
from tmapi_spiders.errors import StorageError, UsageProblems, did_you_mean
from tmapi_spiders.inputs.job_names import is_job_name
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis import Redis
    from scrapy.settings import BaseSettings

__all__ = ["checked_server", "job_names", "no_such_job", "worker_command"]

#: Seconds to wait for Redis, unless TMAPI_REDIS_WAIT is set: few, since a user is waiting too.
_WAIT = 5.0


@contextmanager
def checked_server(
    settings: BaseSettings,
    job: str | None,
    say: Callable[[str], None],
    *,
    needs_token: bool = False,
    adds: bool = False,
) -> Iterator[tuple[Redis, Config]]:
    """Connect to Redis, and make sure that it can be used; close the connection at the end.

    :param job: the job that the command is for, if it is for one
    :param say: prints a message: Redis is waited for, or may discard what it is given
    :param needs_token: whether the command has to know the account
    :param adds: whether the command adds something that Redis has to keep
    :raises UsageProblems: if the settings, the job's name or the server won't do
    :raises StorageError: if Redis can't be reached, or fails while it is in use; what is wrong with
        the job on it, if anything, is in the message and in notes
    """
    config = Config.from_settings(settings, needs_token=needs_token)
    if job is not None:
        _check_name(job)
    server = connect(settings)
    wait = _WAIT if config.redis_wait is None else config.redis_wait
    try:
        check_server(server, settings, wait, say, adds=adds)
        yield server, config
    except (exceptions.RedisError, OSError) as exc:
        damage: list[str] = []
        if job is not None and isinstance(exc, exceptions.ResponseError):
            # A script stumbled over something that no worker has written.
            damage = _damage(server, job)
        failed = f"{describe(settings)}: {quoted(exc, settings)}."
        message, *more = damage or [f"{failed} Run the same command again once it works."]
        error = StorageError(message)
        for note in more:
            error.add_note(note)
        raise error from exc
    finally:
        server.close()


def _damage(server: Redis, job: str) -> list[str]:
    """Return what is wrong with a job on Redis, as far as it can be read."""
    try:
        account = facts_of(server, job).get("account", "")
        return [f"job={job}: {problem}" for problem in find_damage(server, job, account)]
    except (exceptions.RedisError, OSError):
        return []


def _check_name(job: str) -> None:
    if not is_job_name(job):
        raise UsageProblems(
            f"job={printable(job)}: not a valid job name; accepted: up to 64 of A-Z, a-z, 0-9, _ "
            "and -."
        )


def job_names(server: Redis) -> list[str]:
    """Return the names of all jobs on Redis, expired ones included."""
    found: list[bytes] = server.zrange(JOBS, 0, -1)  # type: ignore[assignment]
    return sorted(
        name for name in (one.decode("utf-8", "replace") for one in found) if is_job_name(name)
    )


def no_such_job(server: Redis, name: str) -> UsageProblems:
    """Return the error for a job that doesn't exist."""
    nearest = did_you_mean(name, job_names(server))
    return UsageProblems(
        f"job={name}: there is no such job on this Redis.{nearest} "
        "To see all of them: scrapy tmapi status"
    )


def worker_command(settings: BaseSettings, spider: str, job: str) -> str:
    """Return the command that starts a worker on a job.

    It has the profile of these settings, if they make a crawl a worker; else that of this
    repository which does.
    """
    command = f"scrapy crawl {spider} -a job={job}"
    if is_shared(settings):
        return with_profile(command)
    return f"SCRAPY_PROJECT=distributed {command}"
