"""Reads and checks the parameters of a call; bad ones are refused as the API does."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs

from tmapi_spiders.sandbox.catalogue import FLAGS
from tmapi_spiders.sandbox.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

SORTS: Final = ("default", "sales", "price_up", "price_down")
"""The values of the parameter `sort` (the vendor's page)."""

DEFAULT_PAGE_SIZE: Final = 20
MAX_PAGE_SIZE: Final = 50
SEARCH_API: Final = "/global/search/image/v2"

_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class ParameterError(ValueError):
    """A parameter has a wrong value; the text says which, and what is accepted."""


@attrs.frozen
class SearchCall:
    """The parameters of one search."""

    img_url: str
    language: str
    page: int
    page_size: int
    sort: str
    price_start: Decimal | None
    price_end: Decimal | None
    flags: frozenset[str]
    """The filters that are on. A filter given as false asks for nothing."""
    filters: dict[str, str | bool]
    """The filters as given, which the answer echoes."""


def read_search(query: Mapping[str, str]) -> SearchCall:
    """Read a search from a query string; raises ParameterError.

    >>> call = read_search({"img_url": "/search/a.jpg", "price_start": "2", "is_factory": "True"})
    >>> call.page_size, call.filters
    (20, {'price_start': '2', 'is_factory': True})
    >>> read_search({"img_url": "/search/a.jpg", "page": "0"})
    Traceback (most recent call last):
    ...
    tmapi_spiders.sandbox.parameters.ParameterError: page=0 is not a whole number from 1 up
    """
    if not query.get("img_url"):
        raise ParameterError("img_url is required")
    flags = {name: _boolean(name, query[name]) for name in FLAGS if name in query}
    start, end = _price(query, "price_start"), _price(query, "price_end")
    if start is not None and end is not None and start > end:
        raise ParameterError(f"price_start={start} is above price_end={end}")
    prices = {name: query[name] for name in ("price_start", "price_end") if name in query}
    return SearchCall(
        img_url=query["img_url"],
        language=_one_of(query, "language", LANGUAGES, "en"),
        page=_whole(query, "page", 1, None),
        page_size=_whole(query, "page_size", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE),
        sort=_one_of(query, "sort", SORTS, "default"),
        price_start=start,
        price_end=end,
        flags=frozenset(name for name, on in flags.items() if on),
        filters={**prices, **flags},
    )


def read_conversion(body: bytes) -> dict[str, Any]:
    """Read the JSON body of a conversion, with a usable `url`; raises ParameterError.

    >>> read_conversion(b"{}")
    Traceback (most recent call last):
    ...
    tmapi_spiders.sandbox.parameters.ParameterError: url=None is not an http or https URL
    """
    try:
        # Decoded first, so that bytes that are not UTF-8 are an error like any other.
        fields = json.loads(body.decode())
    except ValueError as exc:
        raise ParameterError("the body is not JSON") from exc
    if not isinstance(fields, dict):
        raise ParameterError("the body is not a JSON object")
    url = fields.get("url")
    if not isinstance(url, str) or not _is_http(url):
        raise ParameterError(f"url={url} is not an http or https URL")
    if fields.get("search_api_endpoint") != SEARCH_API:
        raise ParameterError(f"search_api_endpoint must be {SEARCH_API}")
    return fields


def read_since(query: Mapping[str, str], day: int) -> int:
    """Read `since`, a day no later than this one; raises ParameterError.

    >>> read_since({"since": "1"}, 2)
    1
    >>> read_since({"since": "3"}, 2)
    Traceback (most recent call last):
    ...
    tmapi_spiders.sandbox.parameters.ParameterError: since=3 is not a whole number from 0 to 2
    """
    text = query.get("since", "")
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > day:
        raise ParameterError(f"since={text} is not a whole number from 0 to {day}")
    return int(text)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(f"https:{url}" if url.startswith("//") else url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in _BOOLEANS:
        raise ParameterError(f"{name}={text} is none of {', '.join(_BOOLEANS)}")
    return _BOOLEANS[text.lower()]


def _one_of(query: Mapping[str, str], name: str, accepted: tuple[str, ...], default: str) -> str:
    value = query.get(name, default)
    if value not in accepted:
        raise ParameterError(f"{name}={value} is none of {', '.join(accepted)}")
    return value


def _whole(query: Mapping[str, str], name: str, default: int, most: int | None) -> int:
    text = query.get(name, str(default))
    # Nine digits are enough for any page, and keep `int` fast.
    if (
        not re.fullmatch(r"[0-9]{1,9}", text)
        or int(text) < 1
        or (most is not None and int(text) > most)
    ):
        bounds = f"from 1 to {most}" if most else "from 1 up"
        raise ParameterError(f"{name}={text} is not a whole number {bounds}")
    return int(text)


def _price(query: Mapping[str, str], name: str) -> Decimal | None:
    if name not in query:
        return None
    if not re.fullmatch(r"[0-9]+(\.[0-9]*)?|\.[0-9]+", query[name]):
        raise ParameterError(f"{name}={query[name]} is not a decimal from 0 up")
    return Decimal(query[name])
