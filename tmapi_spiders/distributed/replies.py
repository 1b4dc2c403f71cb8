"""Replies: what Redis answers to a look, whatever is in the place of a value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis

__all__ = ["Replies", "iso", "number", "to_text"]

#: From here on, floats don't tell all whole numbers apart.
_TOO_MUCH = 2**53


def number(value: Any, default: int = 0) -> int:
    """Return a whole number, of text or bytes or whatever else it is.

    >>> number(b"12"), number("12.7"), number(b"garbage"), number(None)
    (12, 12, 0, 0)

    :param default: for what is no number, or one that JSON can't hold
    """
    try:
        found = int(float(value))
    except (TypeError, ValueError, OverflowError):
        return default
    return found if abs(found) < _TOO_MUCH else default


def iso(ms: Any) -> str | None:
    """Return a time of Redis's as the job's files have times; None if it is none.

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
    """Return text, whatever the bytes are."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class Replies:
    """What a look at several keys came to; a key of another type than it should be is empty."""

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
        """Return how many there are."""
        found = self._replies[name]
        return number(found) if isinstance(found, int) else 0
