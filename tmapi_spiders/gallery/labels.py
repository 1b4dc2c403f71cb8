"""Labels that distinguish the queries of a job, in a buyer's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["BEST_MATCH", "QueryLabels", "traits_of"]

BEST_MATCH: Final = "best match"

_SORTS: Final = {
    "default": BEST_MATCH,
    "sales": "best selling",
    "price_up": "price, low first",
    "price_down": "price, high first",
}

_LANGUAGES: Final = {
    "en": "English",
    "zh": "Chinese",
    "ru": "Russian",
    "vi": "Vietnamese",
    "ja": "Japanese",
    "ko": "Korean",
}

#: The parts of a label, in order. The sort is always in it, the rest where queries differ.
_TRAITS: Final = ("sort", "language", "price", "filters")


def traits_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what a query asks for, in a buyer's words.

    >>> row = {"sort": "price_up", "language": "en", "price_start": "0", "price_end": "20"}
    >>> ", ".join(traits_of(row).values())
    'price, low first, English, 0 to 20'
    >>> traits_of({"price_end": "9.5", "filters": {"is_factory": True, "free_shipping": True}})
    {'price': 'up to 9.5', 'filters': 'free shipping + factory'}
    """
    sort, language = row.get("sort"), row.get("language")
    start, end = row.get("price_start"), row.get("price_end")
    price = f"{start} to {end}" if start and end else f"from {start}" if start else f"up to {end}"
    found = {
        "sort": None if sort is None else _SORTS.get(str(sort), str(sort)),
        "language": None if language is None else _LANGUAGES.get(str(language), str(language)),
        "price": price if start or end else None,
        "filters": " + ".join(map(_filter, sorted(row.get("filters") or ()))),
    }
    return {name: text for name, text in found.items() if text}


def _filter(name: str) -> str:
    return name.removeprefix("is_").removeprefix("support_").replace("_", " ")


class QueryLabels:
    """Makes labels that distinguish a job's queries.

    :param all_traits: the traits of all of them
    """

    def __init__(self, all_traits: Iterable[Mapping[str, str]]) -> None:
        values: dict[str, set[str | None]] = {name: set() for name in _TRAITS}
        for traits in all_traits:
            for name in _TRAITS:
                values[name].add(traits.get(name))
        self._parts = [name for name in _TRAITS if name == "sort" or len(values[name]) > 1]

    def label(self, traits: Mapping[str, str]) -> str:
        """Return a query's label.

        >>> one, other = {"sort": "best match", "price": "from 5"}, {"sort": "best match"}
        >>> [QueryLabels([one, other]).label(traits) for traits in (one, other, {})]
        ['best match, from 5', 'best match', 'a query']
        """
        return ", ".join(traits[name] for name in self._parts if name in traits) or "a query"
