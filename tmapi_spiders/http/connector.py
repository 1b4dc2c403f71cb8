"""Connections to the API, never reused once they hold data that no call asked for."""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import aiohttp
from scrapy.exceptions import DownloadConnectionRefusedError
from typing_extensions import override

if TYPE_CHECKING:
    from aiohttp.connector import Connection

__all__ = ["Connector"]

_MOST_TRIES = 1000
"""Connections tried for one call: more than an account has calls in flight."""


class Connector(aiohttp.TCPConnector):
    """Hands out connections with nothing left to read.

    If a server answers twice, or late, its answer would be taken for that to the next call, and one
    query would get another's products.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._handed_out: WeakSet[Any] = WeakSet()

    @override
    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """Return a connection for a request.

        :raises DownloadConnectionRefusedError: if the server sends an answer before any request
        """
        for _ in range(_MOST_TRIES):
            connection = await super().connect(*args, **kwargs)
            protocol = connection.protocol
            is_new = protocol not in self._handed_out
            # On a new connection, what can be read is TLS's own.
            is_quiet = is_new or not _can_be_read(connection)
            if protocol is not None and not protocol.should_close and is_quiet:
                self._handed_out.add(protocol)
                return connection
            connection.close()
            if is_new:
                break
        raise DownloadConnectionRefusedError("the server sends an answer before any request")


def _can_be_read(connection: Connection) -> bool:
    """Return whether there is something to read, the end of the connection included."""
    transport = connection.transport
    socket = None if transport is None else transport.get_extra_info("socket")
    if socket is None:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(socket.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))
