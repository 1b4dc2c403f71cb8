"""Makes thumbnails in a separate process with limits, so no picture can block or crash the caller.

``python -m tmapi_spiders.gallery.scaler`` is that process: it reads pictures and writes thumbnails,
each with its length before it.
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
"""For one picture. The largest allowed takes about two; what takes more was made to."""

MEMORY: Final = 2_000_000_000
"""Bytes of address space: for several copies of the largest allowed picture, and libraries."""

_LENGTH: Final = struct.Struct(">I")


class TooCostly(Unusable):
    """The picture took more time or memory than allowed."""


class Scaler:
    """A process that makes thumbnails one after another. Use it in ``async with``.

    It starts with the first picture, and again after a picture that ended it.
    """

    def __init__(self) -> None:
        self._process: Process | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._turn:  # a cancelled `make` may still be ending the process
            await self._end()

    async def make(self, data: bytes) -> Thumbnail:
        """Return the thumbnail of a picture.

        :raises Unusable: if the picture can't be shown
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
                if answer is None:  # the picture ended the process, or the caller was cancelled
                    await self._end()
        if answer is None:
            raise TooCostly(f"more than {CPU_SECONDS} s, or too much memory, to read it")
        media_type, _, content = answer.partition(b"\0")
        if not media_type:
            raise Unusable(content.decode())
        return Thumbnail(media_type.decode(), content)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(ProcessLookupError):
            process.kill()
        process.stdin.close()
        # Until its pipes are closed, too, asyncio may find the process "unclosed" at the end.
        with suppress(ConnectionError):
            await process.stdin.wait_closed()
        await process.stdout.read()
        await process.wait()


async def _start() -> Process:
    environment = {name: text for name, text in os.environ.items() if name not in SECRETS}
    # The process loads this package from where it was loaded here.
    folders = [str(Path(tmapi_spiders.__file__).parent.parent), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the parent process only
    )


def _serve(pictures: IO[bytes], thumbnails: IO[bytes]) -> None:
    """Make thumbnails until the input ends; a picture that takes too long ends the process."""
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
