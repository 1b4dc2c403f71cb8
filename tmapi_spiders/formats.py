"""Writes JSON and times in the format of a job's files.

All JSON is written here or by orjson: UTF-8, and null for numbers that JSON lacks (NaN,
Infinity).
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import orjson
from itemadapter import ItemAdapter

__all__ = ["is_json", "not_before", "to_document", "to_json", "to_line", "utc_now"]


def to_line(item: Any) -> bytes:
    """Return *item* (of any class that Scrapy knows as an item) as one line.

    >>> to_line({"item_id": 1, "title": "灯"}).decode()
    '{"item_id":1,"title":"灯"}\\n'
    >>> to_line({"score": float("inf"), "own": 10**30}).decode()
    '{"score":null,"own":1000000000000000000000000000000}\\n'
    """
    slots = getattr(item, "__attrs_attrs__", None)
    if slots is None:
        row = ItemAdapter(item).asdict()
    else:
        row = {slot.name: getattr(item, slot.name) for slot in slots}
    try:
        return orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return _by_hand(row, separators=(",", ":"))


def to_document(content: dict[str, Any]) -> bytes:
    r"""Return *content* as an indented document.

    >>> to_document({"file": "seeds-\udce9.txt"}).decode()
    '{\n  "file": "seeds-?.txt"\n}\n'
    """
    return _by_hand(content, indent=2)


def to_json(value: Any, **style: Any) -> str:
    """Return *value* as JSON text; numbers that JSON lacks become null, as in orjson.

    :param style: options of :func:`json.dumps`

    >>> to_json({"a": [1, float("nan"), "é"]}, ensure_ascii=False)
    '{"a": [1, null, "é"]}'
    """
    try:
        return json.dumps(value, allow_nan=False, **style)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, **style)


def is_json(value: Any) -> bool:
    """Return whether JSON can hold all of a value.

    >>> is_json({"a": [1, None]}), is_json({1}), is_json([float("nan")])
    (True, False, False)
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _by_hand(content: dict[str, Any], **style: Any) -> bytes:
    """Write what orjson refuses: integers over 64 bits, half of a surrogate pair, odd keys."""
    text = to_json(content, ensure_ascii=False, default=str, skipkeys=True, **style)
    return (text + "\n").encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {
            key: _finite(one)
            for key, one in value.items()
            if not isinstance(key, float) or math.isfinite(key)
        }
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def utc_now() -> str:
    """Return the current time: UTC, ISO 8601, in milliseconds.

    >>> len(utc_now()), utc_now()[-1]
    (24, 'Z')
    """
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def not_before(began: str | None, ended: str | None) -> str | None:
    """Return when something ended; if a clock was set back meanwhile, when it began.

    >>> not_before("2026-11-23T18:00:00.000Z", "2026-11-23T17:00:00.000Z")
    '2026-11-23T18:00:00.000Z'
    >>> not_before(None, "2026-11-23T17:00:00.000Z")
    '2026-11-23T17:00:00.000Z'
    """
    return max(began, ended) if began and ended else ended
