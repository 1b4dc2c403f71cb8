"""The settings this package reads, typed and checked in one place.

Each ``TMAPI_*`` setting comes from Scrapy's settings, else from the environment variable of the
same name, else from its default here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies

import attrs
from scrapy.settings import SETTINGS_PRIORITIES

from tmapi_spiders.config import channels, values
from tmapi_spiders.config.places import check_proxies, place_of
from tmapi_spiders.config.token import Token
from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal
    from pathlib import Path
    from urllib.parse import SplitResult

    from scrapy.settings import BaseSettings

    from tmapi_spiders.sandbox.options import SandboxOptions

__all__ = ["COMMAND_LINE", "DEFAULT_BASE_URL", "PREFIX", "SECRETS", "Config", "given_value"]

PREFIX = "TMAPI_"

#: Scrapy's priority of ``-s``.
COMMAND_LINE = SETTINGS_PRIORITIES["cmdline"]

DEFAULT_BASE_URL = "https://api.tmapi.io"

#: Of 1688's own fields, those that nearly every product has.
MONITOR_FIELDS = {
    "title": 0.9,
    "product_url": 0.9,
    "img": 0.9,
    "price": 0.9,
    "currency": 0.9,
    "company_name": 0.9,
}

_ASYNCIO_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"


def setting(default: Any, read: Callable[[Any], Any]) -> Any:
    """One setting: its *default* and the function that reads a given value or raises ValueError."""
    return attrs.field(metadata={"default": default, "read": read})


@attrs.frozen
class Config:
    """What the user configured. :meth:`from_settings` is the way to make one."""

    token: Token = setting("", values.token)
    """The account's token; in the sandbox none is needed."""
    base_url: SplitResult = setting(DEFAULT_BASE_URL, values.base_url)
    """Where the API is; the token goes to this scheme, host and port alone."""
    auth: str = setting("query", values.one_of("query", "header"))
    """How the token travels: ``query`` is ``apiToken=…``, ``header`` is ``apikey: …``."""
    output_dir: Path = setting("output", values.output_dir)
    """The folder of all jobs; a relative one lies beside scrapy.cfg, else in the current folder."""
    max_concurrency: int = setting(16, values.number(int, 1, 1000))
    """The most calls in flight for the account; fewer where the API refuses so many."""
    budget: int = setting(0, values.number(int, 0))
    """Calls that this job may make in all its runs; 0 = no cap."""
    call_price: float = setting(0.0, values.number(float, 0))
    """Money per call; 0 = the summary shows calls alone."""
    retry_times: int = setting(3, values.number(int, 0, 20))
    """Tries after the first, of a call that failed for a passing reason."""
    retry_delay: float = setting(2, values.number(float, 0, 120))
    """Seconds before the first of them; it doubles with each, to two minutes at most."""
    outage_calls: int = setting(20, values.number(int, 0, 100_000))
    """Failures in a row, over different queries, that are taken for an outage; 0 = none are."""
    conversion_days: float = setting(0.5, values.number(float, 0, 3650))
    """For how many days other jobs use a conversion that was paid for; 0 = not at all."""
    failed_ok: float = setting(0.0, values.number(float, 0, 1))
    """The share of failed queries that still exits 0."""
    dedupe: str = setting("job", values.one_of("job", "seed", "query"))
    """Within what a product is written once (per language)."""
    progress: bool = setting(True, values.switch)
    """Whether a crawl shows how far it is, where standard error is a terminal."""
    sandbox: bool = setting(False, values.switch)
    """Whether this crawl starts a local, made-up TMAPI for itself and asks that."""
    sandbox_options: SandboxOptions = setting({}, values.sandbox_options)
    """Options of that sandbox; see :class:`tmapi_spiders.sandbox.SandboxOptions`."""
    lease_seconds: float = setting(30, values.number(float, 1, 3600))
    """Of workers: after so long without a heartbeat, a worker's pages go to the others."""
    expire_days: float = setting(7, values.number(float, 0, 3650))
    """Of jobs on Redis: for how long they stay once they ended and were exported; 0 = for ever."""
    trim_exported: bool = setting(False, values.switch)
    """Of jobs on Redis: whether rows that were exported are dropped there."""
    rates: Mapping[str, Decimal] = setting("", values.rates)
    """By currency (ISO 4217), how many CNY one is, for target prices in others than CNY."""
    redis_wait: float | None = setting(None, values.seconds(3600 * 24))
    """Of workers and commands: for so many seconds Redis may be away at the start; None: 30, of
    commands 5."""
    monitor_queries: float = setting(0.95, values.share)
    """Of monitors: the least share of queries that ended complete or empty."""
    monitor_fields: Mapping[str, float] = setting(MONITOR_FIELDS, values.shares)
    """Of monitors: by field, the least share of the products written that have a value."""
    monitor_rejected: float = setting(0.05, values.share)
    """Of monitors: the largest share of products that were rejected."""
    monitor_unreadable: float = setting(0.02, values.share)
    """Of monitors: by field, the largest share of items in which it could not be read."""
    monitor_duplicates: float = setting(0.8, values.share)
    """Of monitors: the largest share of products that had been found before."""
    monitor_refusals: float = setting(0.3, values.share)
    """Of monitors: the largest share of calls refused over the account's limit."""
    monitor_calls: float = setting(1.0, values.number(float, 0))
    """Of monitors: the most calls a product written."""
    monitor_budget: float = setting(0.95, values.share)
    """Of monitors: the largest share of the budget that is spent."""
    monitor_price_move: float = setting(0.5, values.number(float, 0))
    """Of monitors: the share of a price by which it may move from job to job of a series."""
    monitor_prices_moved: float = setting(0.2, values.share)
    """Of monitors: the largest share of products whose price moved by more."""
    monitor_volume: float = setting(0.5, values.share)
    """Of monitors: the least share of as many products as the series' last job had."""
    monitor_gone: float = setting(0.3, values.share)
    """Of monitors: the largest share of the last job's products that this one has not."""
    notify_secret: Token = setting("", values.token)
    """Of ``scrapy tmapi compare --notify``: what the messages are signed with; "" = not at all."""

    @classmethod
    def from_settings(
        cls,
        settings: BaseSettings,
        environ: Mapping[str, str] = os.environ,
        *,
        needs_token: bool = True,
    ) -> Config:
        """Read every setting.

        :param needs_token: whether calls are to be made
        :raises UsageProblems: with all that is wrong
        """
        problems = list(_misspelt(settings, environ))
        typed: dict[str, Any] = {}
        for field in attrs.fields(cls):
            name = PREFIX + field.name.upper()
            given = given_value(settings, field.name, environ)
            if given is None:
                given = field.metadata["default"]
            try:
                typed[field.name] = field.metadata["read"](given)
            except ValueError as exc:
                problems.append(f"{name}{_shown(field.name, given)}: {exc}")
        if typed.get("sandbox"):
            typed["token"] = Token("made-up-token")  # a real one has no business there
        elif needs_token and "token" in typed and not typed["token"]:
            problems.append(
                "TMAPI_TOKEN: not set. Put your account's token in the environment "
                "(export TMAPI_TOKEN=…), or try without one: SCRAPY_PROJECT=sandbox in this "
                "project, -s TMAPI_SANDBOX=1 anywhere."
            )
        for secret in ("token", "notify_secret"):  # pasted into another setting, too
            if isinstance(found := typed.get(secret), Token):
                problems = [found.strike_out(problem) for problem in problems]
        problems += _broken_promises(settings)
        if needs_token:  # monitors are for crawls
            problems += channels.problems(settings, environ)
            if not typed.get("sandbox"):
                problems += check_proxies(getproxies())
        if problems:
            raise UsageProblems(*problems)
        return cls(**typed)

    @property
    def source(self) -> str:
        """Where the products come from: the API's host (and port), or ``sandbox``."""
        return "sandbox" if self.sandbox else self.base_url.netloc


SECRETS = frozenset(
    PREFIX + field.name.upper()
    for field in attrs.fields(Config)
    if field.metadata["read"] is values.token
)
"""The settings that nobody may see the value of."""


def given_value(
    settings: BaseSettings, field: str, environ: Mapping[str, str] = os.environ
) -> Any | None:
    """Return what the user gave for one setting; None if nothing.

    :param field: its name without the prefix, in lower case
    """
    name = PREFIX + field.upper()
    given = settings.get(name)
    if given is None:
        given = environ.get(name) or None  # set to nothing is not set
    return given


def _shown(name: str, given: Any) -> str:
    """Return ``=value`` for a message, without what may be a secret."""
    if PREFIX + name.upper() in SECRETS:
        return ""
    if name == "base_url":  # somebody may have pasted a whole request, or a password
        given = place_of(given)
    return f"={shortened(given)}"


#: Scrapy's settings whose command-line value would break a promise: the values that would not, and
#: the promise.
_PROMISES = {
    "DOWNLOAD_VERIFY_CERTIFICATES": (
        {"1", "true"},
        "the token is never sent to an unverified certificate",
    ),
    "HTTPCACHE_ENABLED": ({"1", "true"}, "it is the job's archive, which keeps what was paid for"),
    "HTTPCACHE_POLICY": (set(), "the job's archive stores true pages and conversions alone"),
    "HTTPCACHE_STORAGE": (set(), "it is the job's archive, which keeps what was paid for"),
    "JOBDIR": ({"none", ""}, "the job's own archive is what a crawl goes on from"),
    "RETRY_ENABLED": (
        {"0", "false", "none", ""},
        "two authorities over second tries would pay for both (see TMAPI_RETRY_TIMES)",
    ),
}


def _broken_promises(settings: BaseSettings) -> list[str]:
    """Return what the command line or the project sets that the crawl can't do its work under."""
    problems = [
        f"{name}={settings.get(name)}: {promise}; leave it out."
        for name, (harmless, promise) in _PROMISES.items()
        if (settings.getpriority(name) or 0) >= COMMAND_LINE
        and str(settings.get(name)).lower() not in harmless
    ]
    reactor = settings.get("TWISTED_REACTOR")
    if settings.getbool("TWISTED_REACTOR_ENABLED") and reactor != _ASYNCIO_REACTOR:
        problems.append(
            f"TWISTED_REACTOR={reactor}: the crawl needs Scrapy's default, {_ASYNCIO_REACTOR}."
        )
    return problems


def _misspelt(settings: BaseSettings, environ: Mapping[str, str]) -> list[str]:
    """A mistyped TMAPI_BUDGET must not pass for no budget.

    The environment belongs to others too: there only what looks like one of ours is refused.
    """
    known = [field.name.upper() for field in attrs.fields(Config)]
    usable = ", ".join(PREFIX + name for name in known)
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
