"""Reads job.json, and checks it: others may have written it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from tmapi_spiders.errors import StorageError
from tmapi_spiders.system.input_file import read_limited

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["JOB_JSON", "read_job_json"]

JOB_JSON: Final = "job.json"

LARGEST: Final = 16_000_000
"""Bytes. It holds what a command line can (about 2 MB at most: seeds, separated by commas) and a
few counts. What is larger is not this package's, and must not fill the memory."""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_whole, value.values()))


def _is_objects(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_object, value.values()))


def _is_files(value: Any) -> bool:
    return _is_objects(value) and all(_is_whole(one.get("lines", 0)) for one in value.values())


def _is_unreadable(value: Any) -> bool:
    return _is_objects(value) and all(
        _is_whole(one.get("items")) and _is_text(one.get("example")) for one in value.values()
    )


#: What each check asks for, for messages.
_WORDS: Final[dict[Callable[[Any], bool], str]] = {
    _is_text: "text",
    _is_number: "a number",
    _is_whole: "a whole number",
    _is_flag: "true or false",
    _is_object: "an object",
    _is_counts: "an object of whole numbers",
    _is_files: "an object of objects, each with its number of lines",
    _is_unreadable: "an object of objects, each with items and example",
}

#: The check of each key that is read anywhere. Null is valid for all: not known, or not yet.
_KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("version", "job", "spider", "endpoint", "directory", "source", "started_at")
        + ("finished_at", "stop_reason"),
        _is_text,
    ),
    **dict.fromkeys(("schema", "exit_status", "budget", "calls", "dead_letters"), _is_whole),
    **dict.fromkeys(("running", "made_up"), _is_flag),
    **dict.fromkeys(("arguments", "process", "readers", "shared"), _is_object),
    **dict.fromkeys(("queries", "errors", "evidence", "products", "refusals"), _is_counts),
    "cost": _is_number,
    "files": _is_files,
    "unreadable": _is_unreadable,
}


def read_job_json(folder: Path) -> dict[str, Any]:
    """Return what job.json says of the job in *folder*; {} if there is none.

    :raises StorageError: if it can't be read, or is damaged: a key has a value of the wrong kind
    """
    path = folder / JOB_JSON
    try:
        content = orjson.loads(read_limited(path, LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as exc:
        raise StorageError(f"{path}: it can't be read ({exc}).") from exc
    if not isinstance(content, dict):
        raise StorageError(f"{path}: it is not a JSON object.")
    for key, value in content.items():
        is_fit = _KINDS.get(key)
        if value is not None and is_fit is not None and not is_fit(value):
            raise StorageError(f"{path}: it is damaged: {key} is not {_WORDS[is_fit]}.")
    return content
