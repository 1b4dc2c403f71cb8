"""A terminal that a crawl's standard error can be."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
import time
from typing import TYPE_CHECKING, Self

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal:
    """An emulated terminal; high enough for all lines of a short crawl."""

    def __init__(self, columns: int = 160, lines: int = 2000) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._master, self.file = pty.openpty()
        """:attr:`file` is the end that a process writes to."""
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, size)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        """Wait for all that was written."""
        if self._thread.is_alive():
            os.close(self.file)
            self._thread.join()
            os.close(self._master)

    def _read(self) -> None:
        stream = pyte.ByteStream(self._screen)
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nobody has the other end open any more
                return
            with self._lock:
                stream.feed(data)

    @property
    def rows(self) -> list[str]:
        """What is to be seen, without the empty rows at the end."""
        with self._lock:
            return "\n".join(row.rstrip() for row in self._screen.display).rstrip().split("\n")

    @property
    def has_cursor(self) -> bool:
        with self._lock:
            return not self._screen.cursor.hidden

    def wait_for(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Wait until something is to be seen; return all that is."""
        deadline = time.monotonic() + 30
        while not seen(rows := self.rows):
            assert time.monotonic() < deadline, "\n".join(rows)
            time.sleep(0.1)
        return rows
