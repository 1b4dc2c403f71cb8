"""The settings this package reads, typed and checked in one place.

Each ``TMAPI_*`` setting comes from Scrapy's settings, else from the environment variable of the
same name, else from its default here.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import attrs
from scrapy import Request
from scrapy.settings import SETTINGS_PRIORITIES
from scrapy.utils.conf import closest_scrapy_cfg

from tmapi_spiders.credentials import Token
from tmapi_spiders.errors import UsageProblems, did_you_mean
from tmapi_spiders.sandbox import SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.settings import BaseSettings

__all__ = ["COMMAND_LINE", "DEFAULT_BASE_URL", "PREFIX", "Config", "is_loopback"]

PREFIX = "TMAPI_"

#: Scrapy's priority of ``-s``.
COMMAND_LINE = SETTINGS_PRIORITIES["cmdline"]

DEFAULT_BASE_URL = "https://api.tmapi.io"

_ASYNCIO_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"


def is_loopback(host: str) -> bool:
    """Say whether *host* names this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("api.tmapi.io")
    (True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _one_of(*accepted: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in accepted:
            raise ValueError(
                f"accepted: {', '.join(accepted)}.{did_you_mean(str(value), accepted)}"
            )
        return str(value)

    return read


def _number(kind: type[int | float], least: float, most: float = math.inf) -> Callable[[Any], Any]:
    span = f"from {least:g}" + (f" to {most:g}" if most < math.inf else " up")
    rule = f"accepted: {'whole numbers' if kind is int else 'numbers'} {span}."

    def read(value: Any) -> int | float:
        try:
            number = kind(str(value).strip())
        except ValueError:
            raise ValueError(rule) from None
        if not (least <= number <= most) or math.isinf(number):
            raise ValueError(rule)
        return number

    return read


def _later(default: Any) -> Callable[[Any], Any]:
    """A setting of a later version: anything but its default would be a promise not kept."""

    def read(value: Any) -> Any:
        if str(value).strip() not in {str(default), ""}:
            raise ValueError(
                "this version does not act on it yet, so that it is refused rather than ignored; "
                "leave it out."
            )
        return default

    return read


def _switch(value: Any) -> bool:
    words = {"1": True, "true": True, "0": False, "false": False, "": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise ValueError("accepted: 1, 0, true, false.")
    return found


def _base_url(value: Any) -> SplitResult:
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


def _token(value: Any) -> Token:
    secret = str(value).strip()
    if any(ord(character) < 33 or ord(character) > 126 for character in secret):
        # The value itself must not appear in the message, so it can't be quoted.
        raise ValueError("accepted: printable ASCII without spaces.")
    return Token(secret)


def _output_dir(value: Any) -> Path:
    rule = "accepted: a folder (it is made if missing)."
    root = closest_scrapy_cfg()
    folder = Path(root).parent if root else Path.cwd()
    try:
        path = (folder / Path(str(value)).expanduser()).absolute()
        is_file = path.exists() and not path.is_dir()
    except (OSError, RuntimeError) as exc:  # an unknown ~user, a name that is too long
        raise ValueError(f"{getattr(exc, 'strerror', None) or exc}; {rule}") from exc
    if is_file:
        raise ValueError(f"it is a file; {rule}")
    return path


def _sandbox_options(value: Any) -> SandboxOptions:
    names = [field.name for field in attrs.fields(SandboxOptions)]
    try:
        given = json.loads(value or "{}") if isinstance(value, str) else value
    except ValueError:
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


def setting(default: Any, read: Callable[[Any], Any]) -> Any:
    """One setting: its *default* and the function that reads a given value or raises ValueError."""
    return attrs.field(metadata={"default": default, "read": read})


@attrs.frozen
class Config:
    """What the user configured. :meth:`from_settings` is the way to make one."""

    token: Token = setting("", _token)
    """The account's token; in the sandbox none is needed."""
    base_url: SplitResult = setting(DEFAULT_BASE_URL, _base_url)
    """Where the API is; the token goes to this scheme, host and port alone."""
    auth: str = setting("query", _one_of("query", "header"))
    """How the token travels: ``query`` is ``apiToken=…``, ``header`` is ``apikey: …``."""
    output_dir: Path = setting("output", _output_dir)
    """The folder of all jobs; a relative one lies beside scrapy.cfg, else in the current folder."""
    max_concurrency: int = setting(4, _number(int, 1, 1000))
    """The most calls in flight for the account."""
    call_price: float = setting(0.0, _number(float, 0))
    """Money per call; 0 = the summary shows calls alone."""
    failed_ok: float = setting(0.0, _number(float, 0, 1))
    """The share of failed queries that still exits 0."""
    dedupe: str = setting("job", _one_of("job", "seed", "query"))
    """Within what a product is written once (per language)."""
    sandbox: bool = setting(False, _switch)
    """Whether this crawl starts a local, made-up TMAPI for itself and asks that."""
    sandbox_options: SandboxOptions = setting({}, _sandbox_options)
    """Options of that sandbox; see :class:`tmapi_spiders.sandbox.SandboxOptions`."""
    budget: int = setting(0, _later(0))
    retry_times: int = setting(0, _later(0))
    retry_delay: float = setting(0, _later(0))
    lease_seconds: float = setting(0, _later(0))

    @classmethod
    def from_settings(
        cls, settings: BaseSettings, environ: Mapping[str, str] = os.environ
    ) -> Config:
        """Read every setting.

        :raises UsageProblems: with all that is wrong
        """
        problems = list(_misspelt(settings, environ))
        values: dict[str, Any] = {}
        for field in attrs.fields(cls):
            name = PREFIX + field.name.upper()
            given = settings.get(name)
            if given is None:
                given = environ.get(name) or None  # set to nothing is not set
            if given is None:
                given = field.metadata["default"]
            try:
                values[field.name] = field.metadata["read"](given)
            except ValueError as exc:
                problems.append(f"{name}{_shown(field.name, given)}: {exc}")
        if values.get("sandbox"):
            values["token"] = Token("made-up-token")  # a real one has no business there
        elif "token" in values and not values["token"]:
            problems.append(
                "TMAPI_TOKEN: not set. Put your account's token in the environment "
                "(export TMAPI_TOKEN=…), or try without one: SCRAPY_PROJECT=sandbox in this "
                "project, -s TMAPI_SANDBOX=1 anywhere."
            )
        problems += _broken_promises(settings)
        if problems:
            raise UsageProblems(*problems)
        return cls(**values)

    @property
    def source(self) -> str:
        """Where the products come from: the API's host (and port), or ``sandbox``."""
        return "sandbox" if self.sandbox else self.base_url.netloc


def _shown(name: str, given: Any) -> str:
    """Return ``=value`` for a message, without what may be a token."""
    if name == "token":
        return ""
    if name == "base_url":  # somebody may have pasted a whole request, or a password
        given = re.sub(r"[?#].*|(?<=//)[^/]*@", "…", str(given), flags=re.DOTALL)
    return f"={given}"


def _broken_promises(settings: BaseSettings) -> list[str]:
    """Return what the command line or the project sets that the crawl can't do its work under."""
    problems = [
        f"{name}={settings.get(name)}: {why}; leave it out."
        for name, why in {
            "DOWNLOAD_VERIFY_CERTIFICATES": "the token is never sent to an unverified certificate",
            "HTTPCACHE_ENABLED": "a stored answer would pass for one that was paid for now",
            "JOBDIR": "its requests would meet a run that knows nothing of them",
        }.items()
        if (settings.getpriority(name) or 0) >= COMMAND_LINE
        and str(settings.get(name)).lower() not in _HARMLESS[name]
    ]
    reactor = settings.get("TWISTED_REACTOR")
    if settings.getbool("TWISTED_REACTOR_ENABLED") and reactor != _ASYNCIO_REACTOR:
        problems.append(
            f"TWISTED_REACTOR={reactor}: the crawl needs Scrapy's default, {_ASYNCIO_REACTOR}."
        )
    return problems


#: Values of such settings that change nothing.
_HARMLESS = {
    "DOWNLOAD_VERIFY_CERTIFICATES": {"1", "true"},
    "HTTPCACHE_ENABLED": {"0", "false", "none", ""},
    "JOBDIR": {"none", ""},
}


def _misspelt(settings: BaseSettings, environ: Mapping[str, str]) -> list[str]:
    """A mistyped TMAPI_BUDGET must not pass for no budget.

    The environment belongs to others too: there only what looks like one of ours is refused.
    """
    known = [field.name.upper() for field in attrs.fields(Config)]
    usable = ", ".join(
        PREFIX + field.name.upper()
        for field in attrs.fields(Config)
        if field.metadata["read"].__qualname__.partition(".")[0] != _later.__name__
    )
    problems = []
    for name in {*settings, *environ}:
        word = name.removeprefix(PREFIX)
        if word == name or word in known:
            continue
        nearest = did_you_mean(word, known).replace('"', f'"{PREFIX}', 1)
        if name in settings:
            problems.append(f"{name}: no such setting.{nearest} Accepted: {usable}.")
        elif nearest:
            problems.append(f"{name} in the environment: no such setting.{nearest}")
    return sorted(problems)
