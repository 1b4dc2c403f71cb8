"""JSON as this project writes it: UTF-8, and nothing that is none: NaN, Infinity, half a letter.

Everything that is written as JSON comes from here, or from orjson, which writes null for them.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson
from itemadapter import ItemAdapter

__all__ = ["is_json", "to_document", "to_json", "to_line"]


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
    """Return *value* as text; a number that JSON does not know is null, as orjson has it.

    :param style: as :func:`json.dumps` takes it

    >>> to_json({"a": [1, float("nan"), "é"]}, ensure_ascii=False)
    '{"a": [1, null, "é"]}'
    """
    try:
        return json.dumps(value, allow_nan=False, **style)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, **style)


def is_json(value: Any) -> bool:
    """Say whether all of a value can be told in JSON.

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
