"""Reads replies from Redis, whatever values the keys hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["Replies", "iso", "number", "to_text"]

#: From here on, floats can't represent all whole numbers.
_FLOAT_LIMIT = 2**53


def number(value: Any, default: int = 0) -> int:
    """Return a whole number, from text, bytes or anything else.

    >>> number(b"12"), number("12.7"), number(b"garbage"), number(None)
    (12, 12, 0, 0)

    :param default: returned for what is not a number, or too large for JSON
    """
    try:
        found = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return default
    return found if abs(found) < _FLOAT_LIMIT else default


def iso(ms: Any) -> str | None:
    """Return a Redis time as a job's files write times; None if there is none.

    >>> iso("0"), iso(b"1764000000123")
    (None, '2025-11-24T16:00:00.123Z')
    """
    try:
        at = datetime.fromtimestamp(number(ms) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    text = at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    return text if number(ms) > 0 else None


def to_text(value: Any) -> str:
    """Return bytes as text, whatever they hold, and anything else as a string."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class Replies:
    """Replies to several read commands; a key of the wrong type reads as empty."""

    def __init__(self, server: Redis, **commands: tuple[Any, ...]) -> None:
        pipeline = server.pipeline(transaction=False)
        for command in commands.values():
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        replies = pipeline.execute(raise_on_error=False)
        self._replies = dict(zip(commands, replies, strict=True))

    def fields(self, name: str) -> dict[str, bytes]:
        """Return a hash."""
        found = self._replies[name]
        items = found.items() if isinstance(found, dict) else ()
        return {to_text(field): value for field, value in items}

    def scores(self, name: str) -> dict[str, float]:
        """Return a sorted set."""
        found = self._replies[name]
        pairs = found if isinstance(found, list) else ()
        return {to_text(pair[0]): float(pair[1]) for pair in pairs}

    def values(self, name: str) -> list[Any]:
        """Return several fields of a hash."""
        found = self._replies[name]
        return found if isinstance(found, list) else []

    def number(self, name: str) -> int:
        """Return an integer."""
        found = self._replies[name]
        return number(found) if isinstance(found, int) else 0
