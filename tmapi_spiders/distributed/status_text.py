"""Text of ``scrapy tmapi status``: a job's progress, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders.crawl.evidence import describe_evidence
from tmapi_spiders.crawl.outage import MOST_PROBES
from tmapi_spiders.distributed.job_status import STATUSES
from tmapi_spiders.fields.unreadable import unreadable_lines
from tmapi_spiders.wording import calls, plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["detailed_lines", "short_lines"]

_SHOWN_LEASES = 20
_SHOWN_LETTERS = 5
#: Characters of a line about damage, which quotes Redis and says what to do.
_LONGEST_PROBLEM = 2000


def short_lines(seen: dict[str, Any], price: float) -> list[str]:
    """Return what the list of all jobs shows of a job.

    :param price: money per call; 0 = not shown
    """
    queries = seen["queries"]
    ended = queries["all"] - queries["left"]
    return [
        (
            f"{seen['job']}: {_state(seen)}; {ended:,} of "
            f"{plural(queries['all'], 'query', 'queries')} ended, {plural(seen['pages'], 'page')}, "
            f"{plural(seen['products']['all'], 'product')}, {_paid(seen, price)}, "
            f"{plural(len(seen['workers']), 'worker')}, "
            f"{plural(len(seen['dead_letters']), 'dead letter')}{_left(seen)}"
            + ("; damaged (scrapy tmapi status NAME says how)" if seen["problems"] else "")
        )
    ]


def detailed_lines(seen: dict[str, Any], price: float) -> list[str]:
    """Return the lines about one job.

    :param price: money per call; 0 = not shown
    """
    queries, limit, products = seen["queries"], seen["limit"], seen["products"]
    by_status = [f"{queries[one]:,} {one.replace('_', ' ')}" for one in STATUSES if queries[one]]
    rate = seen["pages_a_minute"]
    pause = limit["paused_seconds"]
    is_open = seen["state"] == "open"
    return [
        f"{seen['job']}: {_state(seen)}" + ("; products are made up" if seen["made_up"] else ""),
        *(f"  damaged: {printable(problem, _LONGEST_PROBLEM)}" for problem in seen["problems"]),
        *_times(seen),
        f"  queries: {queries['all']:,} of {plural(seen['seeds'], 'seed')}: "
        + ", ".join([*by_status, f"{queries['left']:,} left"])
        + ("" if seen["is_fed"] else " (more are being put in)"),
        *_evidence(seen),
        f"  pages: {seen['pages']:,}"
        + (
            f"; rate: {rate:,.1f} per minute"
            if rate is not None
            else "; rate: unknown yet" * is_open
        )
        + (_left(seen) or "; time left: unknown" * is_open),
        f"  paid: {_paid(seen, price)}",
        f"  limit now: {limit['now']} of at most {limit['most']} calls in flight; "
        f"{limit['calls_in_flight']} of this job, {limit['calls_in_flight_of_account']} of the "
        "account" + (f"; paused for {pause:g} s" if pause else ""),
        *_outage(seen),
        (
            f"  products: {products['all']:,} ({plural(seen['duplicates'], 'duplicate')}), "
            f"{products['exported']:,} exported; {plural(seen['sightings']['all'], 'sighting')}"
        ),
        *(f"  {line}" for line in unreadable_lines(seen["unreadable"])),
        f"  waiting: {seen['waiting']['now']:,} now, {seen['waiting']['later']:,} later",
        *_workers(seen),
        *_leases(seen),
        *_letters(seen),
    ]


def _state(seen: dict[str, Any]) -> str:
    state = {"open": "running" if seen["workers"] else "waiting for workers"}
    text = state.get(seen["state"], seen["state"])
    if seen["outage"] is not None:
        text += ", the API fails everything"
    if seen["state"] == "stopped":
        text += f" ({seen['stop_reason']}: {seen['stop_detail']})"
    return printable(text)


def _times(seen: dict[str, Any]) -> Iterator[str]:
    names = ("created_at", "ended_at", "exported_at", "expires_at")
    known = [f"{name.removesuffix('_at')} {printable(seen[name])}" for name in names if seen[name]]
    if known:
        yield f"  {', '.join(known)}"


def _evidence(seen: dict[str, Any]) -> Iterator[str]:
    if words := describe_evidence(seen["evidence"]):
        yield f"  {words}"


def _paid(seen: dict[str, Any], price: float) -> str:
    budget = f"of a budget of {seen['budget']:,}" if seen["budget"] else "no budget"
    return f"{calls(seen['calls'], price)}, {budget}"


def _left(seen: dict[str, Any]) -> str:
    seconds = seen["seconds_left"]
    if seconds is None:
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"; time left: about {f'{hours} h ' if hours else ''}{minutes} min"


def _outage(seen: dict[str, Any]) -> Iterator[str]:
    if (outage := seen["outage"]) is not None:
        yield (
            f"  the API fails everything: {printable(outage['failing'])}; one call at a time "
            f"probes it, {outage['probes']} of {MOST_PROBES} have failed, the next one may leave "
            f"in {outage['seconds_to_probe']:g} s"
        )


def _workers(seen: dict[str, Any]) -> Iterator[str]:
    yield f"  workers alive: {len(seen['workers']):,}"
    for one in seen["workers"]:
        made = f": {printable(one['calls'])} calls" if "calls" in one else ""
        yield f"    {printable(one['worker'])}{made}"


def _leases(seen: dict[str, Any]) -> Iterator[str]:
    leases = seen["leases"]
    yield f"  leased: {len(leases):,}"
    for lease in leases[:_SHOWN_LEASES]:
        what = "conversion" if lease["is_conversion"] else f"page {lease['page']}"
        how = "awaits its answer" if lease["awaits_answer"] else "is being read"
        if lease["is_expired"]:
            how = "has expired, another worker gets it"
        yield (
            f"    {printable(lease['query_id'] or lease['task'])} {what}: "
            f"{printable(lease['worker']) or 'no worker'} for {lease['seconds']:g} s; {how}"
        )
    if len(leases) > _SHOWN_LEASES:
        yield f"    and {len(leases) - _SHOWN_LEASES:,} more (--json shows all)"


def _letters(seen: dict[str, Any]) -> Iterator[str]:
    letters = seen["dead_letters"]
    yield f"  dead letters: {len(letters):,}"
    for letter in letters[:_SHOWN_LETTERS]:
        yield f"    {printable(letter.get('id'))}: {printable(letter.get('error'), 200)}"
    if len(letters) > _SHOWN_LETTERS:
        yield f"    and {len(letters) - _SHOWN_LETTERS:,} more (--json shows all)"
