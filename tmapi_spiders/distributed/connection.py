"""Connections to Redis or Valkey, configured by scrapy-redis's settings, and their checks.

``REDIS_URL`` (``redis://``, ``rediss://`` with TLS, ``unix://``), ``REDIS_HOST``, ``REDIS_PORT``,
``REDIS_DB`` and ``REDIS_PARAMS`` mean what they mean in scrapy-redis; ``REDIS_URL`` may also come
from the environment, where a password belongs. ``REDIS_SENTINELS`` (a list of hosts and ports)
with ``REDIS_SENTINEL_SERVICE_NAME`` asks Sentinel for the current master.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis, exceptions
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import SSLConnection
from redis.retry import Retry
from scrapy_redis import connection as scrapy_redis

from tmapi_spiders.config.places import check_place, place_of, strike_out
from tmapi_spiders.config.redis_settings import redis_url
from tmapi_spiders.distributed.advice import advice, may_recover
from tmapi_spiders.distributed.sentinels import (
    AsyncSentinels,
    Sentinels,
    sentinel_options,
    underlying_error,
)
from tmapi_spiders.errors import StorageError, UsageProblems

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.settings import BaseSettings

__all__ = [
    "AWAY",
    "UNWRITABLE",
    "check_server",
    "connect",
    "connect_async",
    "describe",
    "is_passing",
    "is_unwritable",
    "quoted",
]

#: The server can't be reached, or not now; retried.
AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.MasterDownError,
    OSError,
)

#: The server answers but can't accept writes until someone repairs it; retried.
UNWRITABLE = (exceptions.OutOfMemoryError, exceptions.ReadOnlyError)

#: The same where redis-py has no class for it: a full disk, or too few replicas.
_UNWRITABLE_CODES = ("MISCONF", "NOREPLICAS")

#: How servers before 7.0 report it when a script runs into it.
_WITHIN_A_SCRIPT = ("-OOM ", "-READONLY ", "-MISCONF ", "-NOREPLICAS ")

_MIN_VERSION = (6, 2)

_SENTINEL = re.compile(r"[\w.-]+:[0-9]{1,5}|[\[\]0-9a-fA-F:.]+:[0-9]{1,5}")

#: Words in the names of options whose values must never be shown.
_SECRET = ("password", "credential")

#: A stalled command must not block everything: it is retried on a new connection.
_SOCKET_TIMEOUT = 10

#: Seconds between attempts to reach a server that is not up yet.
_RETRY_SECONDS = 0.5

#: Seconds between messages that we are still waiting for it.
_SAY_AGAIN_AFTER = 30.0


def connect(settings: BaseSettings) -> Redis:
    """Return a client; it connects when it is first used."""
    return _connect(settings, Redis, Retry, Sentinels)  # type: ignore[no-any-return]


def connect_async(settings: BaseSettings) -> AsyncRedis:
    """Return a client for the event loop; it connects when it is first used."""
    return _connect(settings, AsyncRedis, AsyncRetry, AsyncSentinels)  # type: ignore[no-any-return]


def _connect(settings: BaseSettings, client: Any, retry: Any, sentinel: Any) -> Any:
    # redis-py must not resend a command: a repeated pop would lose what the first one took.
    ours = {
        "socket_timeout": _SOCKET_TIMEOUT,
        "socket_connect_timeout": _SOCKET_TIMEOUT,
        **settings.getdict("REDIS_PARAMS"),
        "retry_on_timeout": False,
        "retry": retry(NoBackoff(), 0),
        "decode_responses": False,
    }
    if url := redis_url(settings):
        check_place("REDIS_URL", url)
    try:
        if sentinels := settings.getlist("REDIS_SENTINELS"):
            nodes = [_node(node) for node in sentinels]
            service = settings.get("REDIS_SENTINEL_SERVICE_NAME", "mymaster")
            if settings.get("REDIS_DB"):
                ours["db"] = settings.getint("REDIS_DB")
            asked = sentinel(nodes, sentinel_kwargs=sentinel_options(ours), **ours)
            server = asked.master_for(service, client)
        else:
            copy = settings.copy()
            copy.set("REDIS_URL", redis_url(settings), "cmdline")
            copy.set("REDIS_PARAMS", {**ours, "redis_cls": client}, "cmdline")
            copy.set("REDIS_DECODE_RESPONSES", None, "cmdline")
            server = scrapy_redis.get_redis_from_settings(copy)
        # Unknown options are noticed only when a connection is made, so make one now, unconnected.
        pool = server.connection_pool
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, exceptions.RedisError) as exc:
        raise UsageProblems(
            f"{describe(settings)}: {quoted(exc, settings)}. Accepted: "
            "REDIS_URL=redis://[:PASSWORD@]HOST:PORT/DB, rediss:// for TLS, or scrapy-redis's "
            "other settings."
        ) from exc
    return server


def is_passing(problem: Exception) -> bool:
    """Return whether a problem with the server is worth waiting out.

    >>> is_passing(exceptions.ReadOnlyError("READONLY You can't write against a replica."))
    True
    >>> is_passing(exceptions.ResponseError("Error running script: @user_script:9: -OOM command"))
    True
    >>> is_passing(exceptions.AuthenticationError("WRONGPASS"))
    False
    """
    if isinstance(problem, exceptions.AuthenticationError | exceptions.AuthorizationError):
        return False
    is_busy = str(problem).startswith("BUSY ")  # running someone's script
    return isinstance(problem, AWAY) or is_busy or is_unwritable(problem)


def is_unwritable(problem: Exception) -> bool:
    """Return whether the server answers but can't accept writes."""
    text = str(problem)
    return (
        isinstance(problem, UNWRITABLE)
        or text.startswith(_UNWRITABLE_CODES)
        or any(code in text for code in _WITHIN_A_SCRIPT)
    )


def _node(given: Any) -> tuple[str, int]:
    """Parse one Sentinel address.

    >>> _node("10.0.0.1:26379"), _node(("10.0.0.1", 26379))
    (('10.0.0.1', 26379), ('10.0.0.1', 26379))
    """
    if isinstance(given, str) and not _SENTINEL.fullmatch(given):
        raise ValueError("REDIS_SENTINELS: accepted: HOST:PORT, or several")
    host, port = given.rsplit(":", 1) if isinstance(given, str) else given
    return str(host), int(port)


def describe(settings: BaseSettings) -> str:
    """Return where Redis is, for messages; never includes a password.

    >>> from scrapy.settings import Settings
    >>> describe(Settings({"REDIS_URL": "redis://:secret@10.0.0.1:6379/0"}))
    'Redis at redis://10.0.0.1:6379/0'
    """
    if sentinels := settings.getlist("REDIS_SENTINELS"):
        nodes = (
            place_of(
                ":".join(map(str, node)) if isinstance(node, list | tuple) else f"redis://{node}"
            )
            for node in sentinels
        )
        return f"Redis by Sentinel at {', '.join(nodes)}"
    url = redis_url(settings)
    if not url:
        host, port = settings.get("REDIS_HOST", "localhost"), settings.get("REDIS_PORT", 6379)
        scheme = "rediss" if settings.getdict("REDIS_PARAMS").get("ssl") else "redis"
        url = f"{scheme}://{host}:{port}/{settings.get('REDIS_DB') or 0}"
    return f"Redis at {place_of(url)}"


def quoted(problem: object, settings: BaseSettings) -> str:
    """Return a third party's error text with all secrets from the settings struck out.

    >>> from scrapy.settings import Settings
    >>> quoted("bad value 'hunter2'", Settings({"REDIS_PARAMS": {"password": "hunter2"}}))
    "bad value '…'"
    """
    params = settings.getdict("REDIS_PARAMS")
    secrets = [value for name, value in params.items() if any(word in name for word in _SECRET)]
    if url := redis_url(settings):
        parts = urlsplit(url)
        asked = parse_qsl(parts.query)
        secrets += [parts.password, unquote(parts.password or "")]
        secrets += [value for name, value in asked if any(word in name for word in _SECRET)]
    return strike_out(problem, secrets)


def check_server(
    server: Redis,
    settings: BaseSettings,
    wait: float,
    say: Callable[[str], None],
    *,
    adds: bool,
) -> list[str]:
    """Check that the server is up and suitable; return what a worker should warn about.

    :param wait: seconds for which it may be away, or loading, before that is a problem
    :param say: called with messages about waiting, and about what the server may evict
    :param adds: whether the caller stores something that the server has to keep
    :raises UsageProblems: saying what is wrong and what to do
    :raises StorageError: if it does not come up in time
    """
    where = describe(settings)
    try:
        facts = _wait_for(server, settings, wait, say)
    except exceptions.AuthenticationError as exc:
        raise UsageProblems(
            f"{where}: it refused the password ({quoted(exc, settings)}). Put the right one "
            "into REDIS_URL (redis://:PASSWORD@HOST:PORT) or REDIS_PARAMS."
        ) from exc
    except (exceptions.RedisError, OSError) as exc:
        why, over_tls = underlying_error(server, exc), _is_over_tls(server)
        raise UsageProblems(
            f"{where}: it can't be used ({quoted(why, settings)}). {advice(why, over_tls=over_tls)}"
        ) from exc
    version = str(facts.get("redis_version", _MIN_VERSION))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _MIN_VERSION:
        raise UsageProblems(f"{where}: it is version {version}; 6.2 or newer is needed, or Valkey.")
    if facts.get("cluster_enabled"):
        raise UsageProblems(
            f"{where}: it is a Cluster, where an account's limit and a job can't be changed in one "
            "step. Use a single Redis, or Sentinel."
        )
    if facts.get("role", "master") != "master":
        raise UsageProblems(
            f"{where}: it is a replica, which can't be written to. Set REDIS_URL to the master, or "
            "REDIS_SENTINELS."
        )
    if adds:
        _check_keeping(facts, where, say)
    if not facts or facts.get("aof_enabled"):
        return []
    lost = "answers paid for since its last snapshot are lost when it is restarted"
    return [f"{where}: appendonly is off: {lost}."]


def _check_keeping(facts: dict[str, Any], where: str, say: Callable[[str], None]) -> None:
    """Check that a server keeps what is stored in it, as far as its settings tell.

    :raises UsageProblems: if it evicts any key when its memory is full
    """
    policy, most = str(facts.get("maxmemory_policy", "noeviction")), facts.get("maxmemory", 0)
    means = f"its maxmemory-policy is {policy}: when its {most:,} bytes are full, it throws away"
    remedy = "Set noeviction: redis-cli CONFIG SET maxmemory-policy noeviction."
    if most and policy.startswith("allkeys"):
        raise UsageProblems(f"{where}: {means} parts of jobs, and with them paid answers. {remedy}")
    if most and policy != "noeviction":
        say(
            f"{where}: {means} stored conversions, what is known of the account's limit, and "
            f"jobs that have ended and were exported. {remedy}"
        )


def _wait_for(
    server: Redis, settings: BaseSettings, wait: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Return the server's INFO once it is up; {} if INFO is forbidden.

    :raises StorageError: if it does not come up in time
    """
    began = last_said = time.monotonic()
    has_said = False
    while True:
        try:
            return _server_info(server)
        except exceptions.AuthenticationError:
            raise
        except (exceptions.RedisError, OSError) as exc:
            why = underlying_error(server, exc)
            if not is_passing(exc) or not may_recover(why, over_tls=_is_over_tls(server)):
                raise
            now, what = time.monotonic(), f"{describe(settings)}: {quoted(why, settings)}"
            left = began + wait - now
            if left <= 0:
                said = f", after {wait:g} s of waiting (TMAPI_REDIS_WAIT)" if wait else ""
                raise StorageError(
                    f"{what}{said}. {advice(why, over_tls=_is_over_tls(server))}"
                ) from exc
            if not has_said or now > last_said + _SAY_AGAIN_AFTER:
                has_said, last_said = True, now
                say(f"{what}; waiting for it, up to {left:.0f} s")
            time.sleep(min(_RETRY_SECONDS, left))


def _server_info(server: Redis) -> dict[str, Any]:
    """Return the server's INFO; {} on managed servers that forbid it."""
    try:
        facts: dict[str, Any] = server.info()
    except exceptions.ResponseError:
        server.ping()  # only INFO is refused, or this raises the same error
        return {}
    if facts.get("loading"):
        raise exceptions.BusyLoadingError("it is loading its data")
    return facts


def _is_over_tls(server: Redis) -> bool:
    return issubclass(server.connection_pool.connection_class, SSLConnection)
