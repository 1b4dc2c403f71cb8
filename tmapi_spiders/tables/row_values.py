"""Converts the values of a job's rows to what tables hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tmapi_spiders.formats import to_json
from tmapi_spiders.tables.columns import ColumnKind

__all__ = ["as_text", "is_decimal", "is_number", "is_text_list", "to_time"]

_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def as_text(kind: ColumnKind, value: Any) -> str:
    """Return any value as text; None becomes "".

    >>> as_text(ColumnKind.TEXT_LIST, ["广东", "佛山"])
    '广东; 佛山'
    >>> as_text(ColumnKind.FILTERS, {"a": True, "b": True})
    'a+b'
    >>> [as_text(ColumnKind.TEXT, value) for value in ("00123", 7, 0.5, True, None, {"a": ["é"]})]
    ['00123', '7', '0.5', 'true', '', '{"a": ["é"]}']
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if kind is ColumnKind.TEXT_LIST and is_text_list(value):
        return "; ".join(value)
    if (
        kind is ColumnKind.FILTERS
        and isinstance(value, dict)
        and all(on is True for on in value.values())
    ):
        return "+".join(value)
    return to_json(value, ensure_ascii=False)


def is_text_list(value: Any) -> bool:
    """Return whether a value is a list of strings.

    >>> [is_text_list(value) for value in (["a"], [], ["a", 1], "a")]
    [True, True, False, False]
    """
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def is_number(value: Any) -> bool:
    """Return whether a value is a number; True and False are not.

    >>> is_number(7), is_number(0.5), is_number(True), is_number("7")
    (True, True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_decimal(value: Any) -> bool:
    """Return whether a value is a decimal string, as prices are in the job's files.

    >>> is_decimal("60.00"), is_decimal("-5"), is_decimal("1e5"), is_decimal("ask"), is_decimal(6)
    (True, True, False, False, False)
    """
    return isinstance(value, str) and _DECIMAL.fullmatch(value) is not None


def to_time(value: Any) -> datetime | None:
    """Return a time in UTC; None if it is not ISO 8601. Without a zone it is taken as UTC.

    >>> to_time("2026-11-25T22:19:49.118+01:00"), to_time("yesterday"), to_time(None)
    (datetime.datetime(2026, 11, 25, 21, 19, 49, 118000, tzinfo=datetime.timezone.utc), None, None)
    """
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
