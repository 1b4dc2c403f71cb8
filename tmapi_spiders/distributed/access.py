"""Asking: what all commands for jobs on Redis do alike: connect, check, and say what went wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from redis import exceptions

from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_STOPPED, EXIT_USAGE
from tmapi_spiders.distributed.connection import check_server, connect, describe, quoted
from tmapi_spiders.distributed.damage import find_damage
from tmapi_spiders.distributed.keys import JOBS
from tmapi_spiders.distributed.shared_job import facts_of
from tmapi_spiders.errors import StorageError, UsageProblems, did_you_mean
from tmapi_spiders.inputs.job_names import is_job_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis
    from scrapy.settings import BaseSettings

__all__ = ["ask", "clean", "job_names", "no_such_job"]

#: Seconds for which Redis may be away, unless TMAPI_REDIS_WAIT says otherwise: somebody waits.
_WAIT = 5.0


def ask(
    command: str,
    settings: BaseSettings,
    job: str | None,
    act: Callable[[Redis, Config], int],
    *,
    needs_token: bool = False,
    adds: bool = False,
) -> int:
    """Do what a command does, on a connection that works; return its exit status.

    :param command: its name, for messages
    :param job: the job that it is asked for, if it is for one
    :param act: does it, and returns the exit status
    :param needs_token: whether it has to know the account
    :param adds: whether it puts something there that the server has to keep
    """

    def say(told: str) -> None:
        print(f"{command}: {told}", file=sys.stderr, flush=True)

    server: Redis | None = None
    damage: list[str] = []
    try:
        config = Config.from_settings(settings, needs_token=needs_token)
        if job is not None:
            _check_name(job)
        server = connect(settings)
        wait = _WAIT if config.redis_wait is None else config.redis_wait
        check_server(server, settings, wait, say, adds=adds)
        return act(server, config)
    except UsageProblems as exc:
        problems, status = exc.problems, EXIT_USAGE
    except StorageError as exc:
        problems, status = (str(exc),), EXIT_STOPPED
    except (exceptions.RedisError, OSError) as exc:
        if job is not None and server is not None and isinstance(exc, exceptions.ResponseError):
            # A script stumbled over something that no worker has written.
            damage = _damage(server, job)
        said = quoted(exc, settings)
        problems = (f"{describe(settings)}: {said}. Run the same command again once it works.",)
        problems = tuple(damage) or problems
        status = EXIT_STOPPED
    finally:
        if server is not None:
            server.close()
    for problem in problems:
        say(problem)
    return status


def _damage(server: Redis, job: str) -> list[str]:
    """Return what is wrong with a job on Redis, as far as it can be looked at."""
    try:
        account = facts_of(server, job).get("account", "")
        return [f"job={job}: {problem}" for problem in find_damage(server, job, account)]
    except (exceptions.RedisError, OSError):
        return []


def _check_name(job: str) -> None:
    if not is_job_name(job):
        raise UsageProblems(
            f"job={clean(job)}: this can't be a job's name; accepted: up to 64 of A-Z, a-z, 0-9, _ "
            "and -."
        )


def job_names(server: Redis) -> list[str]:
    """Return the names of all jobs that are on Redis, or were until they expired."""
    found: list[bytes] = server.zrange(JOBS, 0, -1)  # type: ignore[assignment]
    return sorted(
        name for name in (one.decode("utf-8", "replace") for one in found) if is_job_name(name)
    )


def no_such_job(server: Redis, name: str) -> UsageProblems:
    """Return what to raise where a job is not there."""
    nearest = did_you_mean(name, job_names(server))
    return UsageProblems(
        f"job={name}: there is no such job on this Redis.{nearest} "
        "To see all of them: scrapy tmapi status"
    )


def clean(text: object) -> str:
    r"""Return text as a terminal may be given it: what Redis holds may be anybody's.

    >>> clean("a\x1b[2Jb")
    'a?[2Jb'
    """
    return "".join(char if char.isprintable() else "?" for char in str(text))
