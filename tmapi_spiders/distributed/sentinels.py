"""redis-py's Sentinel clients, with a useful error and no long wait if there is no master.

redis-py's own error lists all options of all connections, but not what went wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis import Sentinel, exceptions
from redis.asyncio import sentinel as asynchronous
from redis.sentinel import MasterNotFoundError

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

__all__ = ["AsyncSentinels", "Sentinels", "close_client", "sentinel_options", "underlying_error"]


def sentinel_options(params: dict[str, Any]) -> dict[str, Any]:
    """Return those options of a connection that apply to connections to the sentinels, too.

    >>> sentinel_options({"ssl": True, "ssl_certfile": "a.pem", "password": "the master's"})
    {'ssl': True, 'ssl_certfile': 'a.pem'}
    """
    # Without "retry", redis-py retries each unreachable sentinel for seconds before the next.
    kept = {"socket_timeout", "socket_connect_timeout", "retry"}
    return {name: value for name, value in params.items() if name in kept or name.startswith("ssl")}


class Sentinels(Sentinel):
    """Blocking Sentinel client, for commands."""

    def discover_master(self, service_name: str) -> Any:
        """Return the master's address."""
        try:
            return super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError:
            raise MasterNotFoundError(_no_master(service_name)) from None


class AsyncSentinels(asynchronous.Sentinel):
    """Asynchronous Sentinel client, for workers."""

    async def discover_master(self, service_name: str) -> Any:
        """Return the master's address."""
        try:
            return await super().discover_master(service_name)
        except asynchronous.MasterNotFoundError:
            raise asynchronous.MasterNotFoundError(_no_master(service_name)) from None


def _no_master(service_name: str) -> str:
    return f"no sentinel knows a master {service_name!r} that is up"


def underlying_error(server: Redis, problem: Exception) -> Exception:
    """Return why no master was found, if a sentinel can't be reached; else the problem itself."""
    if isinstance(problem, MasterNotFoundError):
        pool: Any = server.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            try:
                sentinel.ping()
            except exceptions.RedisError as exc:
                return exc
    return problem


async def close_client(server: AsyncRedis) -> None:
    """Close a client's connections, including those to sentinels."""
    await server.aclose()
    manager = getattr(server.connection_pool, "sentinel_manager", None)
    for sentinel in manager.sentinels if manager else ():
        await sentinel.aclose()
