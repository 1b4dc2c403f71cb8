"""A network that is cut now and then: a proxy in front of a server, in a thread."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from typing import Self


class CuttingProxy:
    """Passes bytes on, and cuts a connection before or after a request or a reply has gone through.

    :param share: of the pieces that go through, how many end their connection
    """

    def __init__(self, port: int, share: float, seed: int = 1) -> None:
        self._to = port
        self._share = share
        self._draw = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.cuts = 0
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, "127.0.0.1", 0), self._loop
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

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", self._to)
        both = [
            asyncio.ensure_future(self._pass(reader, to)),
            asyncio.ensure_future(self._pass(there, writer)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        for one in (to, writer):
            with suppress(OSError):
                one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if self._draw.random() < self._share:
                    self.cuts += 1
                    if self._draw.random() < 0.5:
                        return
                    writer.write(data)
                    await writer.drain()
                    return
                writer.write(data)
                await writer.drain()
