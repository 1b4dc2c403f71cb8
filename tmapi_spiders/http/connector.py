"""Connections to the API: none is used again on which something came that nobody asked for."""

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

#: Connections that are tried for one call: an account has fewer calls in flight.
_MOST_TRIES = 1000


class Connector(aiohttp.TCPConnector):
    """Hands out connections on which nothing is left to be read.

    A server that answers twice, or late, would have its answer taken for that to the next call: the
    products of one search would be another's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._handed_out: WeakSet[Any] = WeakSet()

    @override
    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        """Return a connection for a request.

        :raises DownloadConnectionRefusedError: if whoever is there speaks before being asked
        """
        for _ in range(_MOST_TRIES):
            connection = await super().connect(*args, **kwargs)
            protocol = connection.protocol
            is_new = protocol not in self._handed_out
            # What TLS itself sends over a new connection is no answer.
            is_quiet = is_new or not _can_be_read(connection)
            if protocol is not None and not protocol.should_close and is_quiet:
                self._handed_out.add(protocol)
                return connection
            connection.close()
            if is_new:
                break
        raise DownloadConnectionRefusedError("whoever is there answers before being asked")


def _can_be_read(connection: Connection) -> bool:
    """Say whether something has come that was not read yet, the end of the connection included."""
    transport = connection.transport
    socket = None if transport is None else transport.get_extra_info("socket")
    if socket is None:
        return True
    with selectors.DefaultSelector() as selector:
        selector.register(socket.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))
