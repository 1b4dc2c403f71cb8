"""Runs a job's scripts on Redis, one batch at a time.

Everything that waits for the server goes into one pipeline, so that a page costs about two round
trips however many pages a worker has in hand. While the server is away or can't be written to, the
batch is repeated until it gets through: every step is safe to repeat, since a lease's token lets it
take effect only once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import attrs
from redis import exceptions

from tmapi_spiders.crawl import backoff, concurrency_limit, outage, page_order
from tmapi_spiders.distributed import damage
from tmapi_spiders.distributed.connection import is_passing, is_unwritable
from tmapi_spiders.distributed.sentinels import close_client

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

__all__ = ["Step", "Store", "run_script"]

logger = logging.getLogger(__name__)

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 5.0

#: Seconds between messages that the server is away.
_COMPLAINT = 30.0

#: Deaths of workers over one page, after which it is not retried.
_MOST_DEATHS = 10

#: How long an account's limit is remembered while no one calls.
_REMEMBERED_SECONDS = 3600


@cache
def script(name: str) -> tuple[str, str]:
    """Return a script's text, including the shared part, and its SHA-1."""
    folder = resources.files("tmapi_spiders.distributed") / "scripts"
    constants = {
        "AHEAD": page_order.AHEAD,
        "SPARE": page_order.SPARE,
        "MOST_PAGES": page_order.MOST_PAGES,
        "CONVERSIONS": page_order.CONVERSIONS,
        "FIRST": concurrency_limit.FIRST,
        "PROBE_MS": concurrency_limit.PROBE_SECONDS * 1000,
        "LONGEST_PROBE_MS": concurrency_limit.LONGEST_PROBE_SECONDS * 1000,
        "LONGEST_PAUSE_MS": concurrency_limit.LONGEST_PAUSE * 1000,
        "DIFFERENT": outage.DIFFERENT,
        "MOST_PROBES": outage.MOST_PROBES,
        "LONGEST_DELAY_MS": backoff.LONGEST_DELAY * 1000,
        "REMEMBERED_SECONDS": _REMEMBERED_SECONDS,
        "MOST_DEATHS": _MOST_DEATHS,
        "LONGEST_MS": damage.LONGEST_MS,
        "FIRST_PERMITS": damage.CHECKED_PERMITS,
        "MOST_CALLS": damage.MOST_CALLS,
    }
    head = "".join(f"local {key} = {value:g}\n" for key, value in constants.items())
    parts = [(folder / f"{part}.lua").read_text("utf-8") for part in ("common", name)]
    text = head + "".join(parts)
    return text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def run_script(server: Redis, name: str, keys: Sequence[str], *values: Any) -> Any:
    """Run a script on a command's blocking connection; return its reply."""
    text, sha = script(name)
    try:
        return server.evalsha(sha, len(keys), *keys, *values)
    except exceptions.NoScriptError:
        return server.eval(text, len(keys), *keys, *values)


@attrs.frozen(eq=False)
class Step:
    """One run of a script, and the callback that gets its reply."""

    name: str
    values: Sequence[Any]
    done: Callable[[Any], None] = lambda _: None


class Store:
    """A worker's access to its job on Redis.

    :param keys: prefixes of the job's and of the account's keys
    :param longest_wait: most seconds between two attempts while the server is away
    """

    def __init__(
        self, server: AsyncRedis, keys: tuple[str, str], longest_wait: float = _LONGEST_WAIT
    ) -> None:
        self._server = server
        self._keys = keys
        self._longest_wait = min(longest_wait, _LONGEST_WAIT)
        self.is_away = False
        """Whether the last batch failed to get through."""
        self._is_loaded = False
        self.batches = 0
        """Round trips so far."""

    async def run(self, steps: Sequence[Step]) -> bool:
        """Run the steps in order and pass each its reply; return once all have run.

        :return: whether they got through at once; otherwise some may have run before, and the
            replies of that attempt are lost
        :raises exceptions.RedisError: if a step is refused for another reason than that the server
            is away or full; the steps after it may have run
        """
        wait, complained = _FIRST_WAIT, 0.0
        while True:
            steps, problem = await self._try(steps)
            if not steps:
                break
            if problem is None:
                continue
            now = asyncio.get_running_loop().time()
            if not self.is_away or now > complained + _COMPLAINT:
                complained = now
                why = "can't be written to" if is_unwritable(problem) else "is away"
                logger.error(
                    "Redis %s (%s). No calls are made meanwhile; paid answers are held until it "
                    "is back.",
                    *(why, problem),
                )
            self.is_away = True
            await asyncio.sleep(wait)
            wait = min(2 * wait, self._longest_wait)
        if not self.is_away:
            return True
        self.is_away = False
        logger.warning("Redis is back.")
        return False

    async def _try(self, steps: Sequence[Step]) -> tuple[Sequence[Step], Exception | None]:
        """Run the steps; return those to run again, and the error if that has to wait.

        Steps after one that failed may have run; running them again changes nothing.
        """
        pipeline = self._server.pipeline(transaction=False)
        for step in steps:
            pipeline.evalsha(script(step.name)[1], len(self._keys), *self._keys, *step.values)
        self.batches += 1
        try:
            if not self._is_loaded:
                await self._load()
            replies = await pipeline.execute(raise_on_error=False)
            for number, (step, reply) in enumerate(zip(steps, replies, strict=True)):
                if isinstance(reply, exceptions.NoScriptError):
                    self._is_loaded = False  # the server was restarted
                    return steps[number:], None
                if isinstance(reply, Exception):
                    steps = steps[number:]
                    raise reply
                step.done(reply)
        except (exceptions.RedisError, OSError) as exc:
            if not is_passing(exc):
                raise
            return steps, exc
        return (), None

    async def _load(self) -> None:
        """Load all scripts into the server."""
        for path in (resources.files("tmapi_spiders.distributed") / "scripts").iterdir():
            if path.name.endswith(".lua") and path.name != "common.lua":
                await self._server.script_load(script(path.name.removesuffix(".lua"))[0])
        self._is_loaded = True

    async def damage(self, name: str, account: str) -> list[str]:
        """Return what is wrong with a job, if it can be checked."""
        commands = damage.status_commands(name, account)
        pipeline = self._server.pipeline(transaction=False)
        for command in commands.values():
            pipeline.execute_command(*command)
        try:
            replies = await pipeline.execute(raise_on_error=False)
            seconds, microseconds = await self._server.time()
        except (exceptions.RedisError, OSError):
            return []
        now = seconds * 1000 + microseconds // 1000
        return damage.problems_in(name, account, dict(zip(commands, replies, strict=True)), now)

    async def close(self) -> None:
        """Close the connection."""
        await close_client(self._server)
