"""JSON as the job's files have it: UTF-8, one object a line, and nothing that can't be written."""

from __future__ import annotations

import json
from typing import Any

import orjson
from itemadapter import ItemAdapter

__all__ = ["to_document", "to_line"]


def to_line(item: Any) -> bytes:
    """Return *item* (of any class that Scrapy knows as an item) as one line.

    >>> to_line({"item_id": 1, "title": "灯"}).decode()
    '{"item_id":1,"title":"灯"}\\n'
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


def _by_hand(content: dict[str, Any], **style: Any) -> bytes:
    """Write what orjson refuses: integers over 64 bits, half of a surrogate pair, odd keys."""
    text = json.dumps(content, ensure_ascii=False, default=str, skipkeys=True, **style)
    return (text + "\n").encode("utf-8", "replace")
