"""Reads the current state of a job on Redis, without changing anything.

It answers whatever the keys hold: a damaged value may be the very reason to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tmapi_spiders.crawl import concurrency_limit
from tmapi_spiders.crawl.evidence import EVIDENCE
from tmapi_spiders.distributed.damage import find_damage
from tmapi_spiders.distributed.dead_letter import page_of_mend
from tmapi_spiders.distributed.keys import job_key
from tmapi_spiders.distributed.replies import Replies, iso, number, to_text
from tmapi_spiders.distributed.shared_job import SharedJob, unreadable_of
from tmapi_spiders.errors import TmapiError
from tmapi_spiders.inputs.seed import Seed
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH, SpiderKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from redis import Redis

__all__ = ["STATUSES", "read_status"]

#: In display order.
STATUSES = ("complete", "empty", "partial", "failed", "not_started")

#: Most complete minutes that the rate is averaged over.
_PACE_MINUTES = 5

_MINUTE_MS = 60_000


def read_status(
    server: Redis,
    name: str,
    kind_of: Callable[[Mapping[str, Any]], SpiderKind] = lambda _: SpiderKind(),
) -> dict[str, Any] | None:
    """Return a job's status as JSON-ready values; None if there is no such job.

    :param kind_of: see :meth:`SharedJob.load`
    """
    seconds, microseconds = server.time()
    now = seconds * 1000 + microseconds // 1000
    key = job_key(name)
    found = Replies(
        server,
        job=("HGETALL", f"{key}:job"),
        ttl=("PTTL", f"{key}:job"),
        requests=("LLEN", f"{key}:requests"),
        free=("LLEN", f"{key}:free"),
        delayed=("ZCARD", f"{key}:delayed"),
        leases=("ZRANGE", f"{key}:leases", 0, -1, "WITHSCORES"),
        leased=("HGETALL", f"{key}:leased"),
        items=("LLEN", f"{key}:items"),
        sightings=("LLEN", f"{key}:sightings"),
        dead=("HGETALL", f"{key}:dead"),
        workers=("HGETALL", f"{key}:workers"),
        alive=("ZRANGE", f"{key}:alive", 0, -1, "WITHSCORES"),
        pace=("HGETALL", f"{key}:pace"),
        outage=("HGETALL", f"{key}:outage"),
    )
    job = {field: to_text(value) for field, value in found.fields("job").items()}
    if not job:
        return None
    account = job.get("account", "")
    shared = Replies(
        server,
        permits=("ZRANGE", f"{account}:permits", 0, -1, "WITHSCORES"),
        limit=("HGETALL", f"{account}:limit"),
    )
    permits_held = {one for one, until in shared.scores("permits").items() if until > now}
    status = {one: number(job.get(f"status:{one}")) for one in STATUSES}
    all_queries = number(job.get("queries"))
    left = max(all_queries - sum(status.values()), 0)
    pages = number(job.get("pages"))
    rate = _rate(found.fields("pace"), now)
    ttl = found.number("ttl")
    return {
        "job": name,
        "spider": job.get("spider", IMAGE_SEARCH),
        "state": job.get("state", "unknown"),
        "stop_reason": job.get("stop_reason"),
        "stop_detail": job.get("stop_detail"),
        "source": job.get("source"),
        "made_up": job.get("source") == "sandbox",
        "created_at": job.get("created_at"),
        "ended_at": iso(job.get("ended_at")),
        "exported_at": job.get("exported_at"),
        "expires_at": iso(now + ttl) if ttl > 0 else None,
        "is_fed": job.get("fed") == "1",
        "seeds": number(job.get("seeds")),
        "queries": {"all": all_queries, **status, "left": left},
        "failures": number(job.get("failures")),
        "evidence": {one: number(job.get(f"evidence:{one}")) for one in ("all", *EVIDENCE)},
        "pages": pages,
        "pages_a_minute": rate,
        "seconds_left": _seconds_left(job.get("state"), left, all_queries - left, pages, rate),
        "calls": number(job.get("calls")),
        "budget": number(job.get("budget")),
        "limit": _limit(job, shared.fields("limit"), now)
        | {
            "calls_in_flight": sum(one.startswith(f"{key} ") for one in permits_held),
            "calls_in_flight_of_account": len(permits_held),
        },
        "outage": _outage(found.fields("outage"), now) if job.get("state") == "open" else None,
        "products": _rows(job, "items", found.number("items")),
        "sightings": _rows(job, "sightings", found.number("sightings")),
        "duplicates": number(job.get("duplicates")),
        "unreadable": unreadable_of(job),
        "waiting": {
            "now": found.number("free") + found.number("requests"),
            "later": found.number("delayed"),
        },
        "leases": _leases(server, name, found, permits_held, now, kind_of=kind_of),
        "workers": _workers(found, now),
        "problems": find_damage(server, name, account),
        "dead_letters": [
            {"id": one, **_object(letter)} for one, letter in sorted(found.fields("dead").items())
        ],
    }


def _object(value: bytes) -> dict[str, Any]:
    """Return the object that a JSON value holds, else one that quotes the value."""
    try:
        found = orjson.loads(to_text(value))
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"error": f"unreadable: {to_text(value)[:200]}"}


def _rows(job: dict[str, str], name: str, here: int) -> dict[str, int]:
    """Return the numbers of rows in all, exported, and still on Redis."""
    total = here + number(job.get(f"trimmed:{name}"))
    exported = min(number(job.get(f"exported:{name}")), total)
    return {"all": total, "exported": exported, "on_redis": here}


def _limit(job: dict[str, str], known: dict[str, bytes], now: int) -> dict[str, Any]:
    """Return the account's concurrency limit, as far as it is known."""
    most = number(job.get("max_concurrency"), 1)
    allowed = max(number(known.get("allowed"), concurrency_limit.FIRST), 1)
    pause = max(number(known.get("paused_until")) - now, 0)
    return {"now": min(allowed, most), "most": most, "paused_seconds": round(pause / 1000, 1)}


def _outage(known: dict[str, bytes], now: int) -> dict[str, Any] | None:
    """Return the outage, while the API fails everything and is probed; else None."""
    if "probe_at" not in known:
        return None
    return {
        **{name: number(known.get(name)) for name in ("failures", "queries", "probes")},
        "failing": to_text(known.get("failing", b"")),
        "seconds_to_probe": round(max(number(known["probe_at"]) - now, 0) / 1000, 1),
    }


def _rate(pace: dict[str, bytes], now: int) -> float | None:
    """Return pages per minute over the last complete minutes; None before the first one.

    >>> _rate({"7": b"10", "8": b"30", "9": b"50", "10": b"1"}, 10 * 60_000)
    40.0
    """
    by_minute = {number(minute): number(pages) for minute, pages in pace.items()}
    this = now // _MINUTE_MS
    # The first minute is not complete.
    first = max(min(by_minute, default=this) + 1, this - _PACE_MINUTES)
    if first >= this:
        return None
    pages = sum(by_minute.get(minute, 0) for minute in range(first, this))
    return round(pages / (this - first), 2)


def _seconds_left(
    state: str | None, left: int, ended: int, pages: int, rate: float | None
) -> int | None:
    """Return an estimate from the queries that have ended; None if there is none.

    >>> _seconds_left("open", left=50, ended=100, pages=200, rate=20.0)
    300
    """
    if state != "open" or not rate or ended <= 0:
        return None
    return round(left * pages / ended / rate * 60)


def _leases(
    server: Redis,
    name: str,
    found: Replies,
    permits_held: set[str],
    now: int,
    *,
    kind_of: Callable[[Mapping[str, Any]], SpiderKind],
) -> list[dict[str, Any]]:
    """Return which worker works on which task, the longest-running first."""
    held, key = found.fields("leased"), job_key(name)
    tasks = list(held)
    if not tasks:
        return []
    seed_ids = [task.partition("/")[0] for task in tasks]
    more = Replies(
        server,
        seeds=("HMGET", f"{key}:seeds", *seed_ids),
        **{f"page {task}": ("HMGET", f"{key}:query:{task}", "page", "attempt") for task in tasks},
    )
    try:
        job: SharedJob | None = SharedJob.load(server, name, kind_of)
    except TmapiError:
        job = None
    until = found.scores("leases")
    seeds = more.values("seeds") or [None] * len(tasks)
    leases = []
    for task, seed in zip(tasks, seeds, strict=True):
        token, _, rest = to_text(held[task]).partition(" ")
        sends, _, rest = rest.partition(" ")
        since, _, worker = rest.partition(" ")
        page, attempt = [*more.values(f"page {task}"), None, None][:2]
        leases.append(
            {
                "task": task,
                "query_id": _query_id(job, task, seed),
                "seed": _text_of(seed) if seed is not None else None,
                "is_conversion": task.endswith("/c"),
                "page": None if task.endswith("/c") else page_of_mend(task) or number(page, 1),
                "attempt": number(attempt, 1),
                "worker": worker,
                "seconds": round(max(now - number(since, now), 0) / 1000, 1),
                "awaits_answer": sends == "1" and f"{key} {task} {token}" in permits_held,
                "is_expired": until.get(task, 0) <= now,
            }
        )
    return sorted(leases, key=lambda lease: -float(lease["seconds"]))


def _text_of(record: bytes) -> str:
    text = to_text(record)
    try:
        return Seed.from_record(text).text
    except ValueError:
        return text


def _query_id(job: SharedJob | None, task: str, seed: bytes | None) -> str | None:
    if job is None or seed is None:
        return None
    try:
        return job.query_of(task, seed.decode()).query_id
    except (ValueError, IndexError):
        return None


def _workers(found: Replies, now: int) -> list[dict[str, Any]]:
    """Return the live workers."""
    known = found.fields("workers")
    return [
        {"worker": name, **(_object(known[name]) if name in known else {})}
        for name, until in sorted(found.scores("alive").items())
        if until > now
    ]
