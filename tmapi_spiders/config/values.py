"""Readers of given values: each returns a typed one, or raises ValueError saying what is accepted.

A reader takes whatever a settings file, the command line, the environment or a script may hold.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import attrs
from scrapy import Request
from scrapy.utils.conf import closest_scrapy_cfg

from tmapi_spiders.config.token import Token
from tmapi_spiders.errors import did_you_mean, shortened
from tmapi_spiders.sandbox.options import SandboxOptions
from tmapi_spiders.system.output_path import path_exists

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "LARGEST_NUMBER",
    "base_url",
    "is_loopback",
    "number",
    "one_of",
    "output_dir",
    "quoted",
    "rates",
    "sandbox_options",
    "several_of",
    "share",
    "shares",
    "split",
    "switch",
    "token",
    "whole_number",
]

_CURRENCY = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,8})?")

#: The upper bound of whole numbers that have no other: more calls than anyone can pay for.
LARGEST_NUMBER = 999_999_999


def whole_number(least: int, most: int | None = None) -> Callable[[Any], int]:
    """Return a reader of whole numbers from *least* to *most*.

    >>> whole_number(1, 50)("20")
    20
    """
    if most is None:
        most = LARGEST_NUMBER
        span = f"from {least} up to {most}"
    else:
        span = f"from {least} to {most}"
    rule = f"accepted: a whole number {span}."

    def read(value: Any) -> int:
        try:
            found = int(str(value).strip())
        except ValueError:
            raise ValueError(rule) from None
        if not least <= found <= most:
            raise ValueError(rule)
        return found

    return read


def number(least: float, most: float = math.inf) -> Callable[[Any], float]:
    """Return a reader of finite numbers from *least* to *most*.

    >>> number(0, 1)("0.5")
    0.5
    """
    span = f"from {least:g}" + (f" to {most:g}" if most < math.inf else " up")
    rule = f"accepted: a number {span}."

    def read(value: Any) -> float:
        try:
            found = float(str(value).strip())
        except ValueError:
            raise ValueError(rule) from None
        if not least <= found <= most or found == math.inf:
            raise ValueError(rule)
        return found

    return read


share = number(0, 1)


def one_of(*accepted: str) -> Callable[[Any], str]:
    """Return a reader of one of the words *accepted*.

    >>> one_of("query", "header")("query")
    'query'
    """

    def read(value: Any) -> str:
        if value not in accepted:
            raise ValueError(
                f"accepted: {', '.join(accepted)}.{did_you_mean(str(value), accepted)}"
            )
        return str(value)

    return read


def several_of(*accepted: str) -> Callable[[Any], tuple[str, ...]]:
    """Return a reader of a list of the words *accepted*; it drops repeated ones.

    >>> several_of("en", "zh")("zh, en,zh")
    ('zh', 'en')
    """
    rule = f"accepted: {', '.join(accepted)}, or several separated by commas."

    def read(value: Any) -> tuple[str, ...]:
        found = [str(word).strip() for word in split(value)]
        if wrong := [word for word in found if word not in accepted]:
            raise ValueError(f"{quoted(wrong)} not known; {rule}{did_you_mean(wrong[0], accepted)}")
        return tuple(dict.fromkeys(found))

    return read


def split(value: Any) -> list[Any]:
    """Split a comma-separated list; a list or tuple (from a script) is taken as it is.

    >>> split("a,b"), split(("a", 1))
    (['a', 'b'], ['a', 1])
    """
    return list(value) if isinstance(value, list | tuple) else str(value).split(",")


def quoted(words: list[str]) -> str:
    """Return wrong words and a verb, for a message.

    >>> quoted(["a"]), quoted(["a", "b"])
    ("'a' is", "'a', 'b' are")
    """
    return f"{shortened(', '.join(map(repr, words)))} {'is' if len(words) == 1 else 'are'}"


def switch(value: Any) -> bool:
    """Read ``1``, ``0``, ``true`` or ``false``.

    >>> switch("True"), switch(0)
    (True, False)
    """
    words = {"1": True, "true": True, "0": False, "false": False, "": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise ValueError("accepted: 1, 0, true, false.")
    return found


def shares(value: Any) -> Mapping[str, float]:
    """Read a share for each of some fields.

    >>> shares('{"price": 0.95}')
    {'price': 0.95}
    """
    rule = 'accepted: an object of fields and shares from 0 to 1, such as {"price": 0.95}.'
    try:
        return {str(name): share(least) for name, least in _object(value).items()}
    except ValueError:
        raise ValueError(rule) from None


def rates(value: Any) -> Mapping[str, Decimal]:
    """Read exchange rates: how many CNY one unit of a currency is.

    >>> rates("EUR=7.8, usd=7.1")
    {'EUR': Decimal('7.8'), 'USD': Decimal('7.1')}
    """
    rule = "accepted: CURRENCY=RATE in CNY, separated by commas, such as EUR=7.8,USD=7.1."
    if isinstance(value, Mapping):
        pairs = [(str(currency), str(rate)) for currency, rate in value.items()]
    else:
        parts = [part.partition("=") for part in str(value).split(",") if part.strip()]
        pairs = [(currency, rate) for currency, _, rate in parts]
    found = {}
    for currency, rate in pairs:
        code = currency.strip().upper()
        if not (_CURRENCY.fullmatch(code) and _RATE.fullmatch(rate.strip()) and Decimal(rate)):
            raise ValueError(rule)
        found[code] = Decimal(rate.strip())
    return found


def base_url(value: Any) -> SplitResult:
    """Read the API's address: https, or http to this machine."""
    rule = "accepted: https://HOST[:PORT], or http:// for this machine only (127.0.0.1)."
    try:
        given = urlsplit(str(value).strip().rstrip("/"))
        host = given.hostname
        _ = given.port
    except ValueError:
        raise ValueError(rule) from None
    scheme_ok = given.scheme in {"http", "https"}
    if not host or not scheme_ok or given.query or given.fragment or "@" in given.netloc:
        raise ValueError(rule)
    # As Scrapy writes it in a request, so that the two can be compared.
    url = urlsplit(Request(given.geturl()).url.rstrip("/"))
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError(f"the token is not sent over plain http to another machine; {rule}")
    return url


def is_loopback(host: str) -> bool:
    """Return whether *host* is always this machine.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("api.tmapi.io")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token(value: Any) -> Token:
    """Read a secret."""
    secret = str(value).strip()
    if any(ord(character) < 33 or ord(character) > 126 for character in secret):
        # The message must not quote the value.
        raise ValueError("accepted: printable ASCII without spaces.")
    return Token(secret)


def output_dir(value: Any) -> Path:
    """Read a folder's path; a relative one starts at scrapy.cfg, else in the current folder."""
    rule = "accepted: a folder (it is created if missing)."
    root = closest_scrapy_cfg()
    folder = Path(root).parent if root else Path.cwd()
    try:
        path = (folder / Path(str(value)).expanduser()).absolute()
        is_file = path_exists(path) and not path.is_dir()
    except (OSError, RuntimeError) as exc:  # an unknown ~user, a name that is too long
        raise ValueError(f"{getattr(exc, 'strerror', None) or exc}; {rule}") from exc
    if is_file:
        raise ValueError(f"it is a file; {rule}")
    return path


def sandbox_options(value: Any) -> SandboxOptions:
    """Read the options of a sandbox.

    >>> sandbox_options('{"products": 500}').products
    500
    """
    names = [field.name for field in attrs.fields(SandboxOptions)]
    try:
        given = _object(value)
    except ValueError:
        raise ValueError('accepted: an object such as {"products": 500}.') from None
    for name in given:
        if name not in names:
            raise ValueError(
                f"{name!r} is not an option; accepted: {', '.join(names)}."
                f"{did_you_mean(name, names)}"
            )
    try:
        return SandboxOptions(**given)
    except TypeError as exc:
        raise ValueError(str(exc)) from exc


def _object(value: Any) -> Mapping[Any, Any]:
    """Return a JSON object, given as text or as a mapping.

    :raises ValueError: if it is neither
    """
    try:
        found = json.loads(value or "{}") if isinstance(value, str) else value
    except RecursionError:
        found = None
    if not isinstance(found, Mapping):
        raise ValueError
    return found
