"""Field readers: the two processors of a field combined, to load many values fast and lose none.

Clean values take a fast path. Where a value can't be read or a processor fails, the reader looks
closely: it keeps the other values, and reports which one could not be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
from itemloaders.common import wrap_loader_context
from itemloaders.processors import Identity, MapCompose

from tmapi_spiders.fields.prices import PickPrice
from tmapi_spiders.fields.unreadable import Unread
from tmapi_spiders.processors import Every, every, first, is_given

__all__ = ["UNSURE", "FieldReader", "Lost"]

Lost = Callable[[Unread], None]

_Process = Callable[[Any], Any]

UNSURE: Final = object()
"""Stands for a value that has to be looked at closely."""


@attrs.frozen
class FieldReader:
    """Reads one field of a product from the result of its jmespath expression."""

    name: str
    expression: str
    one: _Process
    """Makes a value of anything but a list; None where it can't."""
    several: _Process
    """Makes a value of a list; None where the list holds nothing, UNSURE where that is unclear."""
    _read: _Process
    _choose: _Process
    _by_value: bool
    """Whether the input processor reads each value separately."""

    @classmethod
    def of(
        cls, name: str, expression: str, read: _Process, choose: _Process, context: Any
    ) -> FieldReader:
        """Return the reader of a field.

        :param read: its input processor
        :param choose: its output processor
        :param context: the item loader's
        """
        by_value = isinstance(read, Every | MapCompose | Identity)
        reads, chooses = (wrap_loader_context(each, context) for each in (read, choose))
        return cls(
            name,
            expression,
            _one(reads, chooses),
            _several(reads, chooses),
            reads,
            chooses,
            by_value,
        )

    def look_closely(self, found: Any, row: int, lost: Lost) -> Any:
        """Return the value that can be read, and report what can't.

        :param found: the result of the expression
        :param row: the number of the element
        :param lost: called with the value that could not be read, if any
        """
        given = found if isinstance(found, list) else [found]
        known: list[Any] = []
        unread: list[tuple[Any, Exception | None]] = []
        for values in [[value] for value in given] if self._by_value else [given]:
            if not any(map(is_given, values)):
                continue
            try:
                if isinstance(self._read, PickPrice):
                    some, others = self._read.sift(values)
                    unread += [(value, None) for value in others]
                else:
                    some = self._read(values)
                    if not some:
                        unread.append((_shown(values), None))
                known += some or ()
            except Exception as exc:  # noqa: BLE001 - whatever a project's processor raises
                unread.append((_shown(values), exc))
        value = None
        if known:
            try:
                value = self._choose(known)
                if value is None:
                    unread.append((_shown(given), None))
            except Exception as exc:  # noqa: BLE001
                unread.append((_shown(given), exc))
        if unread:
            # A failure is reported rather than a value that gives nothing.
            first_one, error = next((one for one in unread if one[1] is not None), unread[0])
            lost(Unread(row, self.name, self.expression, first_one, error))
        return value


def _shown(values: list[Any]) -> Any:
    """Return the values that were given, or the only one."""
    there = [value for value in values if is_given(value)]
    return there[0] if len(there) == 1 else there


def _one(read: _Process, choose: _Process) -> _Process:
    """Return a reader of values that are not lists: both processors in one.

    Most fields take the first value that one function reads; calling only it is a third faster.
    """
    if type(read) is Every and choose is first:
        return read.read

    def one(found: Any) -> Any:
        known = read([found]) if found != "null" else None
        return choose(known) if known else None

    return one


def _several(read: _Process, choose: _Process) -> _Process:
    """Return a reader of lists."""
    if type(read) is Every:
        return _several_by_value(read.read, choose)
    if isinstance(read, PickPrice):
        return _price(read, choose)

    def whole(found: list[Any]) -> Any:
        if "null" in found:
            found = [None if value == "null" else value for value in found]
        known = read(found)
        value = choose(known) if known else None
        return value if value is not None or not any(map(is_given, found)) else UNSURE

    return whole


def _several_by_value(read: _Process, choose: _Process) -> _Process:
    def by_value(found: list[Any]) -> Any:
        known = []
        for value in found:
            if value is not None and value != "":
                one = read(value)
                if one is None:
                    return UNSURE
                known.append(one)
        if not known:
            return None
        chosen = known[0] if choose is first else known if choose is every else choose(known)
        return UNSURE if chosen is None else chosen

    return by_value


def _price(read: PickPrice, choose: _Process) -> _Process:
    def price(found: list[Any]) -> Any:
        known, unread = read.sift(found)
        if unread:
            return UNSURE
        return choose(known) if known else None

    return price
