"""Finds values in a job's Redis keys that someone has edited and workers can't use.

Workers and commands then name the key, the field and what is accepted, instead of waiting for
ever or crashing somewhere else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.distributed.keys import OVER_LIMIT, STRUCK, UNREADABLE, job_key
from tmapi_spiders.distributed.replies import number, to_text
from tmapi_spiders.errors import StorageError, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis import Redis

__all__ = [
    "CHECKED_PERMITS",
    "LONGEST_MS",
    "MOST_CALLS",
    "STATES",
    "check_facts",
    "find_damage",
    "problems_in",
    "status_commands",
]

STATES: Final = ("open", "stopped", "ended", "deleting")

LONGEST_MS: Final = 7_200_000
"""Limit for everything that lasts a while (leases, permits, pauses): twice the longest lease."""

MOST_CALLS: Final = 1000
"""Most calls in flight: the highest value of TMAPI_MAX_CONCURRENCY."""

CHECKED_PERMITS: Final = 10
"""How many permits are checked: those that expire last."""

_WHOLE: Final = "[0-9]{1,15}"

#: Fields of a job's hash: the pattern of a value, and its description for messages.
_RULES: Final = {
    "state": ("|".join(STATES), ", ".join(STATES)),
    "fed": ("[01]", "0 while seeds are being added, 1 afterwards"),
    "dedupe": ("job|seed|query", "job, seed, query"),
    "max_concurrency": ("[1-9][0-9]{0,2}|1000", "a whole number from 1 to 1000"),
    "each": ("[1-9][0-9]{0,8}", "a whole number from 1 up"),
    **dict.fromkeys(
        (
            *("schema", "budget", "stops", "seeds", "queries", "calls", "pages", "products"),
            *("sightings", "duplicates", "failures", "ended_calls", "ended_pages", "longest"),
            *("most_pages", "dead", STRUCK, OVER_LIMIT),
            *("fed_at", "ended_at", "seen_at", "tokens", "foreign", "expired"),
        ),
        (_WHOLE, "a whole number from 0 up"),
    ),
}

#: Prefixes of further fields that hold whole numbers.
_COUNTER_PREFIXES: Final = ("status:", "evidence:", "trimmed:", "exported:", UNREADABLE)

#: Fields without which there is no job.
_REQUIRED: Final = (
    *("id", "state", "fed", "stops", "schema", "version", "arguments", "source"),
    *("account", "budget", "max_concurrency", "dedupe"),
)

_PERMIT: Final = re.compile(r"image_search:[A-Za-z0-9_-]{1,64} [0-9a-f]+/\w+ [0-9]+")

_REMEDY: Final = "Put it right with redis-cli, or delete the job: scrapy tmapi delete {name}"


def facts_problems(name: str, facts: Mapping[str, str]) -> list[str]:
    """Return what is wrong with a job's hash.

    :param facts: the hash
    """
    problems = []
    for field, value in sorted(facts.items()):
        counted = field.startswith(_COUNTER_PREFIXES)
        rule = (_WHOLE, "a whole number from 0 up") if counted else _RULES.get(field)
        if rule is not None and not re.fullmatch(rule[0], value):
            problems.append(_field(f"{job_key(name)}:job", field, value, rule[1], name))
    problems += [
        f"Redis, key {job_key(name)}:job: the field {field} is missing. {_REMEDY.format(name=name)}"
        for field in _REQUIRED
        if field not in facts
    ]
    return problems


def check_facts(name: str, facts: Mapping[str, str]) -> None:
    """Check that a job's hash is what this package writes.

    :raises StorageError: listing all that is wrong
    """
    if problems := facts_problems(name, facts):
        raise StorageError("\n".join(f"job={name}: {problem}" for problem in problems))


def status_commands(name: str, account: str) -> dict[str, tuple[Any, ...]]:
    """Return the commands whose replies :func:`problems_in` reads."""
    key = job_key(name)
    longest = (0, CHECKED_PERMITS - 1, "WITHSCORES")
    return {
        f"{key}:job": ("HGETALL", f"{key}:job"),
        f"{account}:limit": ("HGETALL", f"{account}:limit"),
        f"{account}:permits": ("ZREVRANGE", f"{account}:permits", *longest),
        f"{key}:leases": ("ZREVRANGE", f"{key}:leases", *longest),
        f"{key}:delayed": ("ZREVRANGE", f"{key}:delayed", *longest),
    }


def problems_in(name: str, account: str, replies: Mapping[str, Any], now: int) -> list[str]:
    """Return what is wrong with a job, and with the keys its account's jobs share.

    :param replies: by key, the replies to the commands of :func:`status_commands`
    :param now: Redis's time in milliseconds
    """
    problems = [
        f"Redis, key {key}: it has the wrong type ({reply}). {_REMEDY.format(name=name)}"
        for key, reply in replies.items()
        if isinstance(reply, Exception)
    ]
    sound = {key: reply for key, reply in replies.items() if not isinstance(reply, Exception)}
    if facts := sound.get(f"{job_key(name)}:job"):
        texts = {to_text(field): to_text(value) for field, value in facts.items()}
        problems += facts_problems(name, texts)
    limit = {to_text(field): value for field, value in sound.get(f"{account}:limit", {}).items()}
    problems += _limit_problems(f"{account}:limit", limit, now)
    for key, members in sound.items():
        if isinstance(members, list):
            problems += _expiry_problems(key, members, now, of_permits=key == f"{account}:permits")
    return problems


def find_damage(server: Redis, name: str, account: str) -> list[str]:
    """Return what is wrong with a job; for commands, which have a blocking connection."""
    commands = status_commands(name, account)
    pipeline = server.pipeline(transaction=False)
    for command in commands.values():
        pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
    replies = pipeline.execute(raise_on_error=False)
    seconds, microseconds = server.time()
    now = seconds * 1000 + microseconds // 1000
    return problems_in(name, account, dict(zip(commands, replies, strict=True)), now)


def _limit_problems(key: str, limit: Mapping[str, bytes], now: int) -> list[str]:
    remedy = f"Its content is soon learned again: redis-cli DEL {key}"
    problems = []
    if "allowed" in limit and number(limit["allowed"]) < 1:
        problems.append(
            f"Redis, key {key}, field allowed: {_shown(limit['allowed'])}. Accepted: a number from "
            f"1 up. {remedy}"
        )
    if number(limit.get("paused_until")) > now + LONGEST_MS:
        problems.append(
            f"Redis, key {key}, field paused_until: {_shown(limit['paused_until'])}. Accepted: a "
            f"time in milliseconds, minutes ahead at most. {remedy}"
        )
    return problems


def _expiry_problems(
    key: str, members: list[tuple[bytes, float]], now: int, *, of_permits: bool
) -> list[str]:
    remedy = f"Remove foreign members: redis-cli ZREM {key} MEMBER, or delete the key"
    for member, until in members:
        if of_permits and not _PERMIT.fullmatch(to_text(member)):
            rule = "JOB TASK TOKEN, as workers write it; it takes a place among the calls in flight"
        elif not until <= now + LONGEST_MS:
            rule = f"two hours ahead at most, in milliseconds; it holds until {until:.0f}"
        else:
            continue
        return [f"Redis, key {key}, member {_shown(member)}. Accepted: {rule}. {remedy}"]
    return []


def _field(key: str, field: str, value: str, rule: str, name: str) -> str:
    return (
        f"Redis, key {key}, field {_shown(field)}: {_shown(value)}. Accepted: {rule}. "
        + _REMEDY.format(name=name)
    )


def _shown(value: object) -> str:
    return shortened(ascii(to_text(value)))
