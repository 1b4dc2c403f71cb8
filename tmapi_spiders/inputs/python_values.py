"""Converts a script's Python values to the text that ``-a`` gives.

A job is then the same however it was started, and job.json holds text that ``-a`` takes again.
"""

from __future__ import annotations

import os
from contextlib import suppress
from numbers import Real
from typing import TYPE_CHECKING, Any

from tmapi_spiders.errors import shortened
from tmapi_spiders.formats import is_json
from tmapi_spiders.inputs.seeds import joined

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

__all__ = ["as_text", "unkept"]

_LIKE_IMAGES = ("//", "/search/")


def as_text(given: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """Return arguments as ``-a`` gives them; what has no text stays as it is, and is refused later.

    None means not given. Names that begin with ``_`` are dropped: scrapyd adds a ``_job``.

    >>> as_text({"sort": ["sales", "default"], "max_pages": 3, "job": None}, {"sort", "max_pages"})
    {'sort': 'sales,default', 'max_pages': '3'}
    >>> as_text({"seeds": ("//a.alicdn.com/1.jpg", "/search/2.jpg")}, {"seeds"})
    {'seeds': '//a.alicdn.com/1.jpg,/search/2.jpg'}
    >>> as_text({"columns": {"image": "Bild", "id": "Nr"}}, {"columns"})
    {'columns': 'image=Bild,id=Nr'}

    :param names: the arguments that are converted; a project's own may be anything
    """
    return {
        name: _text(name, value) if name in names else _plain(value)
        for name, value in given.items()
        if value is not None and not name.startswith("_")
    }


def _text(name: str, value: Any) -> Any:
    if name == "seeds" and isinstance(value, os.PathLike):
        path = _plain(value)
        # A file, not an image: /search/a is /./search/a too.
        return f"/.{path}" if isinstance(path, str) and path.startswith(_LIKE_IMAGES) else path
    if isinstance(value, list | tuple) and name == "seeds":
        with suppress(ValueError):  # reported where the argument is read
            value = joined(value)
        return value
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        if all(isinstance(item, str | Real) for item in items):
            return ",".join(map(str, items))
    if name == "columns" and isinstance(value, dict):
        return ",".join(f"{meaning}={column}" for meaning, column in value.items())
    if isinstance(value, bool):
        return str(value).lower()  # "true" is not a number: max_pages=True is refused
    return str(value) if isinstance(value, Real) else _plain(value)


def _plain(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def unkept(given: Mapping[str, Any], names: Container[str]) -> list[str]:
    """Return which of a project's own arguments job.json can't hold.

    >>> unkept({"tags": ["a", 1], "when": {1}}, {"seeds"})
    ["when={1}: job.json can't hold a set. Accepted: text, numbers, lists and objects of them."]

    :param names: the arguments that are converted to text
    """
    problems = []
    for name, value in given.items():
        if name not in names and not is_json(value):
            problems.append(
                f"{name}={shortened(value)}: job.json can't hold a {type(value).__name__}. "
                "Accepted: text, numbers, lists and objects of them."
            )
    return problems
