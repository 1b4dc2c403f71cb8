"""Decides which readings are provisional: not to be believed before another job confirms them.

A reading is **provisional** if the previous reading of the same query, in the same series, speaks
against it: it has evidence against its ending that the previous one has not, or less than half as
many items. What it lacks is unknown, not gone (:mod:`~tmapi_spiders.compare.history`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tmapi_spiders.compare.readings import Reading, Verdict
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

__all__ = [
    "SHORT",
    "ProvisionalReading",
    "describe_provisional",
    "provisional_readings",
    "reasons_against",
]

SHORT: Final = "short"
"""The reason that a reading has less than half as many items, among the codes of evidence."""


class ProvisionalReading(NamedTuple):
    """A reading of the new job that is not believed yet."""

    query_id: str
    seed_id: str
    why: str
    """For people: ``29 items after 60, empty_page``."""


def reasons_against(new: Reading, before: Reading) -> tuple[str, ...]:
    """Return why a reading is provisional, given the previous one; () if it is not.

    Evidence against both proves nothing: a ``has_next_page`` that is always true, for example. A
    reading that ended at a limit is as short as it was asked to be.

    >>> old = Reading(60, "repeated_page")
    >>> reasons_against(Reading(29, "repeated_page"), old)
    ('short',)
    >>> reasons_against(Reading(30, "empty_page repeated_page"), old)
    ('empty_page',)
    >>> reasons_against(Reading(20, verdict=Verdict.LIMITED), old)
    ()
    """
    is_short = new.verdict == Verdict.READ_TO_END and 2 * new.items < before.items
    others = [code for code in new.evidence.split() if code not in before.evidence.split()]
    return (*([SHORT] if is_short else []), *others)


def provisional_readings(connection: sqlite3.Connection) -> Iterator[ProvisionalReading]:
    """Yield the new job's provisional readings, in the order of its queries."""
    rows = connection.execute(
        "SELECT query_id, seed_id, reasons, items, before FROM reading "
        "JOIN query ON query.id = reading.query JOIN seed ON seed.id = query.seed "
        "WHERE side = 1 AND reasons IS NOT NULL ORDER BY reading.query"
    )
    for query_id, seed_id, reasons, items, before in rows:
        codes = [code for code in reasons.split() if code != SHORT]
        short = f"{plural(items, 'item')} after {before:,}"
        why = [short] if SHORT in reasons.split() else []
        yield ProvisionalReading(query_id, seed_id, ", ".join([*why, *codes]))


def describe_provisional(queries: int) -> str:
    """Return how many queries are provisional, and what that means.

    >>> describe_provisional(1)
    '1 query is provisional: what it lacks is unknown, not gone, until another job confirms it'
    """
    which = f"{queries:,} queries are" if queries != 1 else "1 query is"
    lack = "they lack" if queries != 1 else "it lacks"
    return f"{which} provisional: what {lack} is unknown, not gone, until another job confirms it"
