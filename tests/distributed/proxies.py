"""Proxies in front of a server, in a thread: TLS, and networks that stall or break."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl


class Proxy:
    """Forwards bytes.

    :param tls: the TLS context towards clients; the server itself is spoken to in plain text
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._to = port
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls), self._loop
        )
        self._server = started.result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0.01)  # time for aborted connections to close

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:  # the server is away
            writer.close()
            return
        both = [
            asyncio.ensure_future(self._pass(reader, to)),
            asyncio.ensure_future(self._pass(there, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # TLS would wait for an answer to its goodbye
            for one in (to, writer):
                one.transport.abort()
        for task in both:
            task.cancel()
        for one in (to, writer):
            with suppress(OSError):
                one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not await self._send(data, writer):
                    return

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        """Forward a piece; return whether the connection stays open."""
        writer.write(data)
        await writer.drain()
        return True


class HoldingProxy(Proxy):
    """Forwards nothing while it is held."""

    held = False

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        while self.held:  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.01)
        return await super()._send(data, writer)


class CuttingProxy(Proxy):
    """Cuts a connection now and then, before or after a request or a reply has gone through.

    :param share: the share of forwarded pieces after which the connection ends
    """

    def __init__(self, port: int, share: float, seed: int = 1) -> None:
        super().__init__(port)
        self._share = share
        self._draw = random.Random(seed)
        self.cuts = 0

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        is_cut = self._draw.random() < self._share
        self.cuts += is_cut
        if not is_cut or self._draw.random() >= 0.5:
            await super()._send(data, writer)
        return not is_cut


class LosingProxy(Proxy):
    """Loses replies: the request is carried out, and the connection ends without an answer.

    :param word: part of the replies to lose
    :param times: how many of them to lose
    """

    def __init__(self, port: int, word: bytes, times: int = 1) -> None:
        super().__init__(port)
        self._word = word
        self._times = times
        self.lost = 0

    async def _send(self, data: bytes, writer: asyncio.StreamWriter) -> bool:
        is_reply = writer.get_extra_info("peername")[1] != self._to
        if is_reply and self._word in data and self.lost < self._times:
            self.lost += 1
            return False
        return await super()._send(data, writer)


class RefusingProxy(Proxy):
    """Answers requests itself while its reply is set.

    :param word: part of the requests to refuse; others are forwarded
    """

    def __init__(self, port: int, reply: bytes, word: bytes = b"") -> None:
        super().__init__(port)
        self.reply = reply
        self._word = word
        self.refused = 0

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        while first and self.reply and self._word in first.upper():
            self.refused += 1
            writer.write(self.reply)
            first = await reader.read(65536)
        if not first:
            writer.close()
            return
        reader.feed_data(first)  # as if no one had looked at it
        await super()._connected(reader, writer)
