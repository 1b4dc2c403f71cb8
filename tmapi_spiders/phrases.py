"""Phrases: how counts and money read."""

from __future__ import annotations

__all__ = ["calls", "plural"]


def plural(count: int, noun: str, many: str = "") -> str:
    """Return a count and its noun.

    >>> plural(1, "query", "queries"), plural(2000, "page")
    ('1 query', '2,000 pages')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def calls(count: int, price: float) -> str:
    """Return a number of calls, with what they cost if a price is set.

    >>> calls(12, 0.01), calls(1, 0)
    ('12 calls (cost 0.12)', '1 call')
    """
    return plural(count, "call") + (f" (cost {count * price:,.2f})" if price else "")
