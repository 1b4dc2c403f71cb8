"""Counts unreadable values by field: those the API gave and this package could not read.

Such a value is null in the product, like a missing one: the count tells the two apart.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.formats import to_json
from tmapi_spiders.wording import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tmapi_spiders.config.token import Token

__all__ = ["Unread", "Unreadable", "unreadable_lines"]

logger = logging.getLogger(__name__)

_LONGEST = 60


@attrs.frozen
class Unread:
    """A field of an element that was given and could not be read."""

    row: int
    """The element's index among those that were loaded."""
    field: str
    expression: str
    value: Any
    error: Exception | None = None
    """The exception of a processor, if one failed."""


class Unreadable:
    """Counts a run's unreadable values, and keeps an example for each field.

    :param token: struck out of the examples
    """

    def __init__(self, token: Token) -> None:
        self._token = token
        self.items: Counter[str] = Counter()
        """By field, the number of items with an unreadable value."""
        self.examples: dict[str, str] = {}
        """By field, the first unreadable value, shortened."""
        self._failed: set[str] = set()

    def note(self, unread: Unread, item_id: int | None) -> str:
        """Count a value and return it as an example; a field's first failure is logged.

        :param item_id: the id of its item, if that could be read
        """
        field = unread.field
        self.items[field] += 1
        if field in self.examples and (unread.error is None or field in self._failed):
            return self.examples[field]
        example = self._shown(unread.value) + (f" (item {item_id})" if item_id else "")
        if unread.error is not None and field not in self._failed:
            self._failed.add(field)
            message = printable(self._token.strike_out(str(unread.error)))
            logger.warning(
                "Field %s (%s): its processor failed on %s: %s: %s. The value is left out (as are "
                "others like it, without another log line)",
                *(field, unread.expression, example, type(unread.error).__name__, message),
            )
        return self.examples.setdefault(field, example)

    def _shown(self, value: Any) -> str:
        """Return a value for messages: short, printable, without the token."""
        is_text = isinstance(value, str)
        text = self._token.strike_out(value if is_text else _json(value))
        if is_text:
            return repr(text[:_LONGEST]) + "…" * (len(text) > _LONGEST)
        return printable(text, _LONGEST)

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """The counts and examples for JSON, the most frequent first."""
        return {
            field: {"items": items, "example": self.examples[field]}
            for field, items in self.items.most_common()
        }


def _json(value: Any) -> str:
    try:
        return to_json(value, ensure_ascii=False, default=str)
    except RecursionError:
        return type(value).__name__


def unreadable_lines(facts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield lines about unreadable values; nothing if there are none.

    :param facts: from :attr:`Unreadable.facts`

    >>> print(*unreadable_lines({"price": {"items": 3, "example": "'9,90' (item 7)"}}), sep=chr(10))
    could not be read, and left out:
      price of 3 items, such as '9,90' (item 7)
    """
    if facts:
        yield "could not be read, and left out:"
    for field, found in facts.items():
        given = printable(found["example"], 1000)
        yield f"  {printable(field)} of {plural(found['items'], 'item')}, such as {given}"
