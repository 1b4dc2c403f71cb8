"""Decides whether a product is new or gone, or why that can't be said yet.

A product is **gone** only if every query that had found it was read to its end without it. If one
of them ended at a limit it is ``out_of_view``; if one was not made, failed or is provisional
(:mod:`~tmapi_spiders.compare.provisional`) it is ``unknown``. The same holds for ``new``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tmapi_spiders.compare.readings import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tmapi_spiders.compare.pairs import SightingPair

__all__ = ["DISAPPEARED", "presence_change"]

#: By the most doubtful verdict of the queries concerned.
_APPEARANCE: Final = {
    Verdict.READ_TO_END: "new",
    Verdict.LIMITED: "into_view",
    Verdict.DOUBTED: "first_seen",
    Verdict.UNKNOWN: "first_seen",
}
_DISAPPEARANCE: Final = {
    Verdict.READ_TO_END: "gone",
    Verdict.LIMITED: "out_of_view",
    Verdict.DOUBTED: "unknown",
    Verdict.UNKNOWN: "unknown",
}

DISAPPEARED: Final = frozenset(_DISAPPEARANCE.values())
"""Kinds of change of a product that the new job did not find."""


def presence_change(pairs: Sequence[SightingPair]) -> str | None:
    """Return the kind of change if a product appeared or disappeared, else None.

    :param pairs: its sightings under all queries, or under those of one seed
    """
    if not any(pair.rank0 is not None for pair in pairs):
        return _appearance(pairs)
    if not any(pair.is_found for pair in pairs):
        return _disappearance(pairs)
    return None


def _appearance(pairs: Sequence[SightingPair]) -> str | None:
    # A carried product counts only if a job between the two compared ones found it.
    if not any(pair.is_found or (pair.carried1 or 0) > 0 for pair in pairs):
        return None
    # A query that was not made before says nothing, as long as another one was.
    verdicts = [pair.verdict0 for pair in pairs if pair.rank1 is not None]
    known = [verdict for verdict in verdicts if verdict is not None]
    return _APPEARANCE[Verdict(max(known, default=Verdict.UNKNOWN))]


def _disappearance(pairs: Sequence[SightingPair]) -> str | None:
    before = [pair for pair in pairs if pair.rank0 is not None]
    if any(pair.carried1 for pair in pairs):
        kind = _DISAPPEARANCE[Verdict.UNKNOWN]
    else:
        verdicts = [Verdict.UNKNOWN if it.verdict1 is None else it.verdict1 for it in before]
        kind = _DISAPPEARANCE[Verdict(max(verdicts))]
    # If the old job only carried the product, an earlier comparison reported it as unknown.
    is_reported = kind == "unknown" and not any(pair.was_found for pair in before)
    return None if is_reported else kind
