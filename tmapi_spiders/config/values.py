"""Readers: how the given value of a setting becomes a typed one.

Each takes whatever a settings file, the command line or the environment holds, and raises
ValueError saying what is accepted.
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
from tmapi_spiders.errors import did_you_mean
from tmapi_spiders.sandbox.options import SandboxOptions
from tmapi_spiders.system.output_path import path_exists

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MOST",
    "base_url",
    "count",
    "is_loopback",
    "number",
    "one_of",
    "output_dir",
    "rates",
    "sandbox_options",
    "share",
    "shares",
    "switch",
    "token",
]

_CURRENCY = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,8})?")

#: Of whole numbers without a bound of their own: more than anybody can pay for.
MOST = 999_999_999


def is_loopback(host: str) -> bool:
    """Say whether *host* names this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("api.tmapi.io")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def one_of(*accepted: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in accepted:
            raise ValueError(
                f"accepted: {', '.join(accepted)}.{did_you_mean(str(value), accepted)}"
            )
        return str(value)

    return read


def number(kind: type[int | float], least: float, most: float = math.inf) -> Callable[[Any], Any]:
    span = f"from {least:g}" + (f" to {most:g}" if most < math.inf else " up")
    if kind is int and most == math.inf:
        most = MOST
        span += f" to {MOST}"
    rule = f"accepted: {'whole numbers' if kind is int else 'numbers'} {span}."

    def read(value: Any) -> int | float:
        try:
            number = kind(str(value).strip())
        except ValueError:
            raise ValueError(rule) from None
        if not (least <= number <= most) or number == math.inf:
            raise ValueError(rule)
        return number

    return read


share = number(float, 0, 1)


def seconds(most: float) -> Callable[[Any], float | None]:
    """Read seconds, where nothing given means something of its own: None."""
    read_number = number(float, 0, most)
    return lambda value: None if value is None else read_number(value)


def shares(value: Any) -> Mapping[str, float]:
    rule = 'accepted: an object of fields and shares from 0 to 1, such as {"price": 0.95}.'
    try:
        given = json.loads(value or "{}") if isinstance(value, str) else value
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, Mapping):
        raise ValueError(rule)
    try:
        return {str(name): share(least) for name, least in given.items()}
    except ValueError:
        raise ValueError(rule) from None


def rates(value: Any) -> Mapping[str, Decimal]:
    rule = "accepted: CURRENCY=CNY for one, separated by commas, such as EUR=7.8,USD=7.1."
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


def switch(value: Any) -> bool:
    words = {"1": True, "true": True, "0": False, "false": False, "": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise ValueError("accepted: 1, 0, true, false.")
    return found


def base_url(value: Any) -> SplitResult:
    rule = "accepted: https://HOST[:PORT], or http:// for this machine alone (127.0.0.1)."
    try:
        given = urlsplit(str(value).strip().rstrip("/"))
        host = given.hostname
        _ = given.port
    except ValueError:
        raise ValueError(rule) from None
    scheme_ok = given.scheme in {"http", "https"}
    if not host or not scheme_ok or given.query or given.fragment or "@" in given.netloc:
        raise ValueError(rule)
    # The way Scrapy writes it in a request, so that the two can be compared.
    url = urlsplit(Request(given.geturl()).url.rstrip("/"))
    if url.scheme == "http" and not is_loopback(host):
        raise ValueError(f"the token is not sent over plain http to another machine; {rule}")
    return url


def token(value: Any) -> Token:
    secret = str(value).strip()
    if any(ord(character) < 33 or ord(character) > 126 for character in secret):
        # The value itself must not appear in the message, so it can't be quoted.
        raise ValueError("accepted: printable ASCII without spaces.")
    return Token(secret)


def output_dir(value: Any) -> Path:
    rule = "accepted: a folder (it is made if missing)."
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
    names = [field.name for field in attrs.fields(SandboxOptions)]
    try:
        given = json.loads(value or "{}") if isinstance(value, str) else value
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, Mapping):
        raise ValueError('accepted: an object such as {"products": 500}.')
    for name in given:
        if name not in names:
            raise ValueError(
                f"{name!r} is no option; accepted: {', '.join(names)}.{did_you_mean(name, names)}"
            )
    try:
        return SandboxOptions(**given)
    except TypeError as exc:
        raise ValueError(str(exc)) from exc


def count(least: int, most: int | None = None) -> Callable[[Any], int]:
    """Return what reads a whole number from *least* to *most*.

    >>> count(1, 50)("20")
    20
    """
    span = f"from {least} up to {MOST}" if most is None else f"from {least} to {most}"
    most = MOST if most is None else most
    rule = f"accepted: a whole number {span}."

    def read(given: Any) -> int:
        # Python refuses to read numbers of thousands of digits, and takes its time over others.
        if not re.fullmatch(r"[0-9]{1,12}", str(given).strip()):
            raise ValueError(rule)
        number = int(given)
        if not least <= number <= most:
            raise ValueError(rule)
        return number

    return read
