"""The scaler: makes pictures small in a process of its own, which a picture can't hold up for long.

``python -m tmapi_spiders.gallery.scaler`` is that process: it reads pictures, and writes what came
of them, each with its length before it.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import tmapi_spiders
from tmapi_spiders.config.settings import SECRETS
from tmapi_spiders.gallery.thumbnails import Thumbnail, Unusable, make_thumbnail

if TYPE_CHECKING:
    from asyncio.subprocess import Process

__all__ = ["CPU_SECONDS", "Scaler", "TooCostly"]

CPU_SECONDS: Final = 5
"""Of one picture. The largest that is allowed takes some two; what takes more was made to."""

MEMORY: Final = 2_000_000_000
"""Bytes of address space: several copies of the largest picture allowed, and the libraries."""

_LENGTH: Final = struct.Struct(">I")


class TooCostly(Unusable):
    """It took more time or memory than a picture may."""


class Scaler:
    """A process that makes pictures small, one after another. Use it in ``async with``.

    It is started at the first picture, and again after one that has ended it.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    async def make(self, data: bytes) -> Thumbnail:
        """Return the thumbnail of a picture.

        :raises Unusable: if it is none that can be shown
        :raises OSError: if the process can't be started
        """
        async with self._turn:
            process = self._process = self._process or await _start()
            assert process.stdin is not None
            assert process.stdout is not None
            answer = None
            try:
                with suppress(ConnectionError, asyncio.IncompleteReadError):
                    process.stdin.write(_LENGTH.pack(len(data)) + data)
                    await process.stdin.drain()
                    (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
                    answer = await process.stdout.readexactly(length)
            finally:
                if answer is None:  # it has died of this one, or nobody waits any more
                    await self._end()
        if answer is None:
            raise TooCostly(f"more than {CPU_SECONDS} s, or too much memory, to read it")
        media_type, _, content = answer.partition(b"\0")
        if not media_type:
            raise Unusable(content.decode())
        return Thumbnail(media_type.decode(), content)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _start() -> Process:
    environment = {name: text for name, text in os.environ.items() if name not in SECRETS}
    # Wherever this package was loaded from, it is loaded from there.
    folders = [str(Path(tmapi_spiders.__file__).parent.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is for whoever has started it
    )


def _serve(pictures: IO[bytes], thumbnails: IO[bytes]) -> None:
    """Work until there are no more pictures; one that takes too long ends the process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while len(head := pictures.read(_LENGTH.size)) == _LENGTH.size:
        data = pictures.read(*_LENGTH.unpack(head))
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        try:
            made = make_thumbnail(data)
            answer = made.media_type.encode() + b"\0" + made.data
        except Unusable as exc:
            answer = b"\0" + str(exc).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        thumbnails.write(_LENGTH.pack(len(answer)) + answer)
        thumbnails.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
