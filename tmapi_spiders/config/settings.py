"""The settings of this package: read, typed and checked in one place.

Each ``TMAPI_*`` setting comes from Scrapy's settings, else from the environment variable of the
same name, else from its default here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import SplitResult
from urllib.request import getproxies

from pydantic import BaseModel, ConfigDict, Field, PlainValidator
from scrapy.settings import SETTINGS_PRIORITIES

from tmapi_spiders.config import channels, values
from tmapi_spiders.config.places import check_proxies, place_of
from tmapi_spiders.config.token import Token
from tmapi_spiders.config.validation import validated
from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened
from tmapi_spiders.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

__all__ = ["COMMAND_LINE", "DEFAULT_BASE_URL", "PREFIX", "SECRETS", "Config", "given_value"]

PREFIX = "TMAPI_"

#: Scrapy's priority of ``-s``.
COMMAND_LINE = SETTINGS_PRIORITIES["cmdline"]

DEFAULT_BASE_URL = "https://api.tmapi.io"

#: Fields that nearly every product of 1688 has.
MONITOR_FIELDS = {
    "title": 0.9,
    "product_url": 0.9,
    "img": 0.9,
    "price": 0.9,
    "currency": 0.9,
    "company_name": 0.9,
}

_ASYNCIO_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"

Secret = Annotated[Token, PlainValidator(values.token)]
Share = Annotated[float, PlainValidator(values.share)]
Switch = Annotated[bool, PlainValidator(values.switch)]


def setting(default: Any) -> Any:
    """Declare a setting with its *default*, which is read as a given value is."""
    return Field(default=default, validate_default=True)


class Config(BaseModel):
    """What the user configured. Make one with :meth:`from_settings`."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    token: Secret = setting("")
    """The account's token; the sandbox needs none."""
    base_url: Annotated[SplitResult, PlainValidator(values.base_url)] = setting(DEFAULT_BASE_URL)
    """Where the API is; the token goes to no other scheme, host or port."""
    auth: Annotated[str, PlainValidator(values.one_of("query", "header"))] = setting("query")
    """How the token travels: ``query`` is ``apiToken=…``, ``header`` is ``apikey: …``."""
    output_dir: Annotated[Path, PlainValidator(values.output_dir)] = setting("output")
    """The folder of all jobs; relative to that of scrapy.cfg, else to the current folder."""
    max_concurrency: Annotated[int, PlainValidator(values.whole_number(1, 1000))] = setting(16)
    """The most calls in flight for the account; fewer where the API refuses so many."""
    budget: Annotated[int, PlainValidator(values.whole_number(0))] = setting(0)
    """Calls that this job may make in all its runs; 0 = no cap."""
    call_price: Annotated[float, PlainValidator(values.number(0))] = setting(0.0)
    """Money per call; 0 = the summary shows calls only."""
    retry_times: Annotated[int, PlainValidator(values.whole_number(0, 20))] = setting(3)
    """Retries of a call that failed for a transient reason."""
    retry_delay: Annotated[float, PlainValidator(values.number(0, 120))] = setting(2)
    """Seconds before the first retry; the delay doubles with each, up to two minutes."""
    outage_calls: Annotated[int, PlainValidator(values.whole_number(0, 100_000))] = setting(20)
    """Failures in a row, over different queries, that are taken for an outage; 0 = none are."""
    conversion_days: Annotated[float, PlainValidator(values.number(0, 3650))] = setting(0.5)
    """For how many days other jobs use a conversion that was paid for; 0 = not at all."""
    failed_ok: Share = setting(0.0)
    """The share of failed queries that still exits 0."""
    dedupe: Annotated[str, PlainValidator(values.one_of("job", "seed", "query"))] = setting("job")
    """Within what a product is written once (per language)."""
    progress: Switch = setting(True)
    """Whether a crawl shows its progress when standard error is a terminal."""
    sandbox: Switch = setting(False)
    """Whether this crawl starts a local, made-up TMAPI and calls that."""
    sandbox_options: Annotated[SandboxOptions, PlainValidator(values.sandbox_options)] = setting({})
    """Options of that sandbox; see :class:`tmapi_spiders.sandbox.SandboxOptions`."""
    lease_seconds: Annotated[float, PlainValidator(values.number(1, 3600))] = setting(30)
    """For workers: seconds without a heartbeat after which a worker's pages go to the others."""
    expire_days: Annotated[float, PlainValidator(values.number(0, 3650))] = setting(7)
    """For jobs on Redis: days that a job stays once it has ended and was exported; 0 = for ever."""
    trim_exported: Switch = setting(False)
    """For jobs on Redis: whether exported rows are dropped there."""
    rates: Annotated[Mapping[str, Decimal], PlainValidator(values.rates)] = setting("")
    """By currency (ISO 4217), how many CNY one unit is: converts target prices to CNY."""
    redis_wait: Annotated[float, PlainValidator(values.number(0, 3600 * 24))] | None = setting(None)
    """Seconds that Redis may be away at the start; None: 30 for workers, 5 for commands."""
    monitor_queries: Share = setting(0.95)
    """For monitors: the least share of queries that ended complete or empty."""
    monitor_fields: Annotated[Mapping[str, float], PlainValidator(values.shares)] = setting(
        MONITOR_FIELDS
    )
    """For monitors: by field, the least share of the products written that have a value."""
    monitor_rejected: Share = setting(0.05)
    """For monitors: the largest share of products that were rejected."""
    monitor_unreadable: Share = setting(0.02)
    """For monitors: by field, the largest share of items whose value could not be read."""
    monitor_duplicates: Share = setting(0.8)
    """For monitors: the largest share of products that had been found before."""
    monitor_refusals: Share = setting(0.3)
    """For monitors: the largest share of calls refused over the account's limit."""
    monitor_calls: Annotated[float, PlainValidator(values.number(0))] = setting(1.0)
    """For monitors: the most calls per product written."""
    monitor_budget: Share = setting(0.95)
    """For monitors: the largest share of the budget that may be spent."""
    monitor_price_move: Annotated[float, PlainValidator(values.number(0))] = setting(0.5)
    """For monitors: the share of a price by which it may move from job to job of a series."""
    monitor_prices_moved: Share = setting(0.2)
    """For monitors: the largest share of products whose price moved by more."""
    monitor_volume: Share = setting(0.5)
    """For monitors: the least number of products, as a share of the series' last job's."""
    monitor_gone: Share = setting(0.3)
    """For monitors: the largest share of the last job's products that this one lacks."""
    notify_secret: Secret = setting("")
    """For ``scrapy tmapi compare --notify``: signs the messages; "" = they are not signed."""

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
        given = {
            field: value
            for field in cls.model_fields
            if (value := given_value(settings, field, environ)) is not None
        }
        config, wrong = validated(cls, given, _setting_name, _shown)
        problems = [*_misspelt(settings, environ), *wrong]
        is_sandbox = _is_on(given.get("sandbox", False))
        if needs_token and not is_sandbox and not str(given.get("token", "")).strip():
            problems.append(
                "TMAPI_TOKEN: not set. Put your account's token in the environment "
                "(export TMAPI_TOKEN=…), or crawl the sandbox, which needs none: "
                "-s TMAPI_SANDBOX=1."
            )
        for field, value in given.items():
            if _setting_name(field) in SECRETS:  # it may have been pasted into another setting, too
                secret = Token(str(value).strip())
                problems = [secret.strike_out(problem) for problem in problems]
        problems += _broken_promises(settings)
        if needs_token:  # monitors are for crawls
            problems += channels.problems(settings, environ)
            if not is_sandbox:
                problems += check_proxies(getproxies())
        if config is None or problems:
            raise UsageProblems(*problems)
        if is_sandbox:  # which must not see a real token
            return config.model_copy(update={"token": Token("made-up-token")})
        return config

    @property
    def source(self) -> str:
        """Where the products come from: the API's host (and port), or ``sandbox``."""
        return "sandbox" if self.sandbox else self.base_url.netloc


def _setting_name(field: str) -> str:
    return PREFIX + field.upper()


SECRETS = frozenset(
    _setting_name(name) for name, field in Config.model_fields.items() if field.annotation is Token
)
"""The settings whose values must not be shown."""


def given_value(
    settings: BaseSettings, field: str, environ: Mapping[str, str] = os.environ
) -> Any | None:
    """Return what the user gave for one setting; None if nothing.

    :param field: its name without the prefix, in lower case
    """
    name = _setting_name(field)
    given = settings.get(name)
    if given is None:
        given = environ.get(name) or None  # set to nothing is not set
    return given


def _is_on(given: Any) -> bool:
    try:
        return values.switch(given)
    except ValueError:
        return False


def _shown(field: str, given: Any) -> str:
    """Return ``=value`` for a message, without what may be a secret."""
    if _setting_name(field) in SECRETS:
        return ""
    if field == "base_url":  # a whole request may have been pasted, or a password
        given = place_of(given)
    return f"={shortened(given)}"


#: Scrapy's settings whose command-line value would break a promise: the harmless values, and the
#: promise.
_PROMISES = {
    "DOWNLOAD_VERIFY_CERTIFICATES": (
        {"1", "true"},
        "the token is never sent to an unverified certificate",
    ),
    "HTTPCACHE_ENABLED": ({"1", "true"}, "it is the job's archive, which keeps paid answers"),
    "HTTPCACHE_POLICY": (set(), "the job's archive stores only true pages and conversions"),
    "HTTPCACHE_STORAGE": (set(), "it is the job's archive, which keeps paid answers"),
    "JOBDIR": ({"none", ""}, "a crawl resumes from the job's own archive"),
    "RETRY_ENABLED": (
        {"0", "false", "none", ""},
        "two retry policies at once would pay for both (see TMAPI_RETRY_TIMES)",
    ),
}


def _broken_promises(settings: BaseSettings) -> list[str]:
    """Return what the command line or the project sets that the crawl can't work with."""
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
    """Return which TMAPI_* settings don't exist: a mistyped TMAPI_BUDGET must not mean no budget.

    The environment may hold other programs' variables: only those that look like ours are refused.
    """
    known = [field.upper() for field in Config.model_fields]
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
