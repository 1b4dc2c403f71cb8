"""Finds evidence against the ending of a query in the answers that led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EVIDENCE", "HIGHEST_COUNT", "describe_evidence", "evidence_against"]

EVIDENCE: Final = {
    "empty_first_page": "page 1 is empty, although it says there is a next page",
    "counted_not_given": "page 1 is empty, although the API counted matches",
    "empty_page": "the last page is empty, although it says there is a next one",
    "repeated_page": "the last page brought nothing new, although it says there is a next one",
    "unreadable_ids": "elements without a readable item_id were left out",
    "short_of_count": "it ended with less than a tenth of what the API counted",
}
"""The codes that ``evidence`` of an outcome may hold, and what they mean."""

#: The endings that mean that everything was read.
_READ_ALL: Final = {"last_page", "empty_page", "no_new_items"}

#: The API counts no further, whatever there is (source: observed behaviour), so it is not known
#: what a larger number would mean.
HIGHEST_COUNT: Final = 2000

#: The count is an upper bound, some 680 in every example whatever is found, so a third of it, say,
#: is nothing unusual. Where less than a tenth came, an answer was cut short or the count means
#: nothing; only a second reading can tell which.
_LEAST_SHARE: Final = 10


def evidence_against(
    reason: str | None,
    *,
    pages: int,
    items: int,
    unreadable: int,
    has_next_page: bool = False,
    total_count: int | None = None,
) -> tuple[str, ...]:
    """Return the codes of :data:`EVIDENCE` that apply to a query.

    :param reason: the outcome's; None for a query that continues, or was cut short
    :param pages: pages read, the last one included
    :param items: items read, before dedupe
    :param unreadable: elements without a readable id, which are not among the items
    :param has_next_page: what the last page says
    :param total_count: what the API counted

    >>> first = dict(pages=1, items=0, unreadable=0)
    >>> evidence_against("empty_page", **first, total_count=0)
    ()
    >>> evidence_against("empty_page", **first, has_next_page=True, total_count=688)
    ('empty_first_page', 'counted_not_given')
    >>> evidence_against("no_new_items", pages=4, items=70, unreadable=1, has_next_page=True)
    ('repeated_page', 'unreadable_ids')
    >>> [evidence_against("last_page", pages=9, items=items, unreadable=0, total_count=9999)
    ...  for items in (199, 200)]
    [('short_of_count',), ()]
    >>> evidence_against("max_items", pages=1, items=10, unreadable=0, total_count=688)
    ()
    """
    read, counted = items + unreadable, min(total_count or 0, HIGHEST_COUNT)
    is_first = reason == "empty_page" and pages == 1
    holds = {
        "empty_first_page": is_first and has_next_page,
        "counted_not_given": is_first and counted > 0,
        "empty_page": reason == "empty_page" and not is_first and has_next_page,
        "repeated_page": reason == "no_new_items" and has_next_page,
        "unreadable_ids": unreadable > 0,
        "short_of_count": reason in _READ_ALL and not is_first and read * _LEAST_SHARE < counted,
    }
    return tuple(code for code in EVIDENCE if holds[code])


def describe_evidence(counts: Mapping[str, int]) -> str:
    """Describe how many queries have evidence against their ending, and which.

    :param counts: queries by code, and under ``all`` those that have any

    >>> describe_evidence({"all": 2, "repeated_page": 2, "unreadable_ids": 1})
    '2 queries have evidence against their ending: 2 repeated_page, 1 unreadable_ids'
    >>> describe_evidence({"all": 0})
    ''
    """
    queries = counts.get("all", 0)
    if not queries:
        return ""
    which = ", ".join(f"{counts[code]:,} {code}" for code in EVIDENCE if counts.get(code))
    who = f"{queries:,} queries have" if queries != 1 else "1 query has"
    return f"{who} evidence against {'their' if queries != 1 else 'its'} ending: {which}"
