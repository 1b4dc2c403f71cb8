"""The settings this package reads, typed and checked in one place.

Each ``TMAPI_*`` setting comes from Scrapy's settings, else from the environment variable of the
same name, else from its default here.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import attrs
from scrapy.utils.conf import closest_scrapy_cfg

from tmapi_spiders.credentials import Token
from tmapi_spiders.errors import UsageProblems, did_you_mean
from tmapi_spiders.sandbox import SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.settings import BaseSettings

__all__ = ["Config", "is_loopback"]

PREFIX = "TMAPI_"


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
        url = urlsplit(str(value).strip().rstrip("/"))
        host = url.hostname
        _ = url.port
    except ValueError:
        raise ValueError(rule) from None
    if not host or url.scheme not in {"http", "https"} or url.query or url.fragment or url.username:
        raise ValueError(rule)
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
    root = closest_scrapy_cfg()
    folder = Path(root).parent if root else Path.cwd()
    path = (folder / Path(str(value)).expanduser()).absolute()
    if path.exists() and not path.is_dir():
        raise ValueError("it is a file; accepted: a folder (it is made if missing).")
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
    base_url: SplitResult = setting("https://api.tmapi.io", _base_url)
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
                shown = "" if field.name == "token" else f"={given}"
                problems.append(f"{name}{shown}: {exc}")
        if values.get("sandbox"):
            values["token"] = Token("made-up-token")  # a real one has no business there
        elif "token" in values and not values["token"]:
            problems.append(
                "TMAPI_TOKEN: not set. Put your account's token in the environment "
                "(export TMAPI_TOKEN=…), or try without one: SCRAPY_PROJECT=sandbox in this "
                "project, -s TMAPI_SANDBOX=1 anywhere."
            )
        if not settings.getbool("DOWNLOAD_VERIFY_CERTIFICATES", True) and (
            (settings.getpriority("DOWNLOAD_VERIFY_CERTIFICATES") or 0) >= _COMMAND_LINE
        ):
            problems.append(
                "DOWNLOAD_VERIFY_CERTIFICATES=False: the token is never sent to an unverified "
                "certificate; leave it out."
            )
        if problems:
            raise UsageProblems(*problems)
        return cls(**values)

    @property
    def source(self) -> str:
        """Where the products come from: the API's host (and port), or ``sandbox``."""
        return "sandbox" if self.sandbox else self.base_url.netloc


#: Scrapy's priority of ``-s``.
_COMMAND_LINE = 40


def _misspelt(settings: BaseSettings, environ: Mapping[str, str]) -> list[str]:
    """A mistyped TMAPI_BUDGET must not pass for no budget.

    The environment belongs to others too: there only what looks like one of ours is refused.
    """
    known = [field.name.upper() for field in attrs.fields(Config)]
    problems = []
    for name in {*settings, *environ}:
        word = name.removeprefix(PREFIX)
        if word == name or word in known:
            continue
        nearest = did_you_mean(word, known).replace('"', f'"{PREFIX}', 1)
        if name in settings:
            accepted = ", ".join(PREFIX + other for other in known)
            problems.append(f"{name}: no such setting.{nearest} Accepted: {accepted}.")
        elif nearest:
            problems.append(f"{name} in the environment: no such setting.{nearest}")
    return sorted(problems)
