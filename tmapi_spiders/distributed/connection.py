"""Connections to Redis or Valkey, by scrapy-redis's own settings, and what can be wrong with them.

``REDIS_URL`` (``redis://``, ``rediss://`` with TLS, ``unix://``), ``REDIS_HOST``, ``REDIS_PORT``,
``REDIS_DB`` and ``REDIS_PARAMS`` mean what they mean there; ``REDIS_URL`` may also be in the
environment, where a password belongs. ``REDIS_SENTINELS`` (a list of host and
port) with ``REDIS_SENTINEL_SERVICE_NAME`` ask Sentinel for the present master.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis, exceptions
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import SSLConnection
from redis.retry import Retry
from scrapy_redis import connection as scrapy_redis

from tmapi_spiders.distributed.advice import advice
from tmapi_spiders.distributed.sentinels import AsyncSentinels, Sentinels, options, reason
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.places import check_place, place_of, strike_out

if TYPE_CHECKING:
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

#: The server can't be reached, or not now; it will be tried again.
AWAY = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.MasterDownError,
    OSError,
)

#: It answers, and can't take what is written; somebody has to mend it, and it will be tried again.
UNWRITABLE = (exceptions.OutOfMemoryError, exceptions.ReadOnlyError)

#: The same, where redis-py has no class for it: its disk is full, or it lacks replicas.
_UNWRITABLE_CODES = ("MISCONF", "NOREPLICAS")

#: How servers before 7.0 tell of it where a script met it.
_WITHIN_A_SCRIPT = ("-OOM ", "-READONLY ", "-MISCONF ", "-NOREPLICAS ")

_OLDEST = (6, 2)

_SENTINEL = re.compile(r"[\w.-]+:[0-9]{1,5}|[\[\]0-9a-fA-F:.]+:[0-9]{1,5}")

#: In the names of options whose values nobody may see.
_SECRET = ("password", "credential")

#: One stalled command must not hold everything up: it is tried again on a new connection.
_SOCKET_TIMEOUT = 10


def connect(settings: BaseSettings) -> Redis:
    """Return a client; it connects when it is first used."""
    return _connect(settings, Redis, Retry, Sentinels)  # type: ignore[no-any-return]


def connect_async(settings: BaseSettings) -> AsyncRedis:
    """Return a client for the event loop; it connects when it is first used."""
    return _connect(settings, AsyncRedis, AsyncRetry, AsyncSentinels)  # type: ignore[no-any-return]


def _connect(settings: BaseSettings, client: Any, retry: Any, sentinel: Any) -> Any:
    # Nothing is sent twice behind our back: a repeated pop would lose what the first one took.
    ours = {
        "socket_timeout": _SOCKET_TIMEOUT,
        "socket_connect_timeout": _SOCKET_TIMEOUT,
        **settings.getdict("REDIS_PARAMS"),
        "retry_on_timeout": False,
        "retry": retry(NoBackoff(), 0),
        "decode_responses": False,
    }
    if url := _url(settings):
        check_place("REDIS_URL", url)
    try:
        if sentinels := settings.getlist("REDIS_SENTINELS"):
            nodes = [_node(node) for node in sentinels]
            service = settings.get("REDIS_SENTINEL_SERVICE_NAME", "mymaster")
            if settings.get("REDIS_DB"):
                ours["db"] = settings.getint("REDIS_DB")
            asked = sentinel(nodes, sentinel_kwargs=options(ours), **ours)
            server = asked.master_for(service, client)
        else:
            copy = settings.copy()
            copy.set("REDIS_URL", _url(settings), "cmdline")
            copy.set("REDIS_PARAMS", {**ours, "redis_cls": client}, "cmdline")
            copy.set("REDIS_DECODE_RESPONSES", None, "cmdline")
            server = scrapy_redis.get_redis_from_settings(copy)
        # Options go there as they are, and are looked at when a connection is made, not before.
        pool = server.connection_pool
        pool.connection_class(**pool.connection_kwargs)
    except (ValueError, TypeError, exceptions.RedisError) as exc:
        raise UsageProblems(
            f"{describe(settings)}: {quoted(exc, settings)}. Accepted: "
            "REDIS_URL=redis://[:PASSWORD@]HOST:PORT/DB, rediss:// for TLS, or scrapy-redis's "
            "other settings."
        ) from exc
    return server


def _url(settings: BaseSettings) -> str | None:
    """Return ``REDIS_URL``: the setting, else the environment variable if no other says where."""
    url: str | None = settings.get("REDIS_URL")
    if not url and not settings.get("REDIS_HOST") and not settings.get("REDIS_PORT"):
        url = os.environ.get("REDIS_URL")
    return url


def is_passing(problem: Exception) -> bool:
    """Say whether a problem with the server is one to wait for the end of.

    >>> is_passing(exceptions.ReadOnlyError("READONLY You can't write against a replica."))
    True
    >>> is_passing(exceptions.ResponseError("Error running script: @user_script:9: -OOM command"))
    True
    >>> is_passing(exceptions.AuthenticationError("WRONGPASS"))
    False
    """
    if isinstance(problem, exceptions.AuthenticationError | exceptions.AuthorizationError):
        return False
    is_busy = str(problem).startswith("BUSY ")  # with somebody's script
    return isinstance(problem, AWAY) or is_busy or is_unwritable(problem)


def is_unwritable(problem: Exception) -> bool:
    """Say whether the server answers, and can't take what is written."""
    text = str(problem)
    return (
        isinstance(problem, UNWRITABLE)
        or text.startswith(_UNWRITABLE_CODES)
        or any(code in text for code in _WITHIN_A_SCRIPT)
    )


def _node(given: Any) -> tuple[str, int]:
    """Read one of Sentinel's addresses.

    >>> _node("10.0.0.1:26379"), _node(("10.0.0.1", 26379))
    (('10.0.0.1', 26379), ('10.0.0.1', 26379))
    """
    if isinstance(given, str) and not _SENTINEL.fullmatch(given):
        raise ValueError("REDIS_SENTINELS: accepted: HOST:PORT, or several")
    host, port = given.rsplit(":", 1) if isinstance(given, str) else given
    return str(host), int(port)


def describe(settings: BaseSettings) -> str:
    """Return where Redis is, for messages; never a password.

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
    url = _url(settings)
    if not url:
        host, port = settings.get("REDIS_HOST", "localhost"), settings.get("REDIS_PORT", 6379)
        scheme = "rediss" if settings.getdict("REDIS_PARAMS").get("ssl") else "redis"
        url = f"{scheme}://{host}:{port}/{settings.get('REDIS_DB') or 0}"
    return f"Redis at {place_of(url)}"


def quoted(problem: object, settings: BaseSettings) -> str:
    """Return what somebody else's exception says, without a secret of the settings.

    >>> from scrapy.settings import Settings
    >>> quoted("bad value 'hunter2'", Settings({"REDIS_PARAMS": {"password": "hunter2"}}))
    "bad value '…'"
    """
    params = settings.getdict("REDIS_PARAMS")
    secrets = [value for name, value in params.items() if any(word in name for word in _SECRET)]
    if url := _url(settings):
        parts = urlsplit(url)
        asked = parse_qsl(parts.query)
        secrets += [parts.password, unquote(parts.password or "")]
        secrets += [value for name, value in asked if any(word in name for word in _SECRET)]
    return strike_out(problem, secrets)


def check_server(server: Redis, settings: BaseSettings) -> list[str]:
    """Make sure that the server is there and will do; return warnings.

    :raises UsageProblems: saying what is wrong, and what to do
    """
    where = describe(settings)
    try:
        facts: dict[str, Any] = server.info()
        policy = str(facts.get("maxmemory_policy", "noeviction"))
    except exceptions.AuthenticationError as exc:
        raise UsageProblems(
            f"{where}: it refused the password ({quoted(exc, settings)}). Put the right one "
            "into REDIS_URL (redis://:PASSWORD@HOST:PORT) or REDIS_PARAMS."
        ) from exc
    except (exceptions.RedisError, OSError) as exc:
        over_tls = issubclass(server.connection_pool.connection_class, SSLConnection)
        why = reason(server, exc)
        raise UsageProblems(
            f"{where}: it can't be used ({quoted(why, settings)}). {advice(why, over_tls=over_tls)}"
        ) from exc
    version = str(facts.get("redis_version", "0"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST:
        raise UsageProblems(f"{where}: it is version {version}; 6.2 or newer is needed, or Valkey.")
    if facts.get("cluster_enabled"):
        raise UsageProblems(
            f"{where}: it is a Cluster, where an account's limit and a job can't be changed in one "
            "step. Use a single Redis, or Sentinel."
        )
    if facts.get("role") != "master":
        raise UsageProblems(
            f"{where}: it is a replica, which can't be written to. Set REDIS_URL to the master, or "
            "REDIS_SENTINELS."
        )
    warnings = []
    if policy != "noeviction":
        warnings.append(
            f"{where}: maxmemory-policy is {policy}, so that it throws away parts of a job when "
            "memory runs out. Set noeviction."
        )
    if not facts.get("aof_enabled"):
        warnings.append(
            f"{where}: appendonly is off: what was paid for since its last snapshot is lost when "
            "it is restarted."
        )
    return warnings
