"""A terminal to which a crawl's standard error can be connected."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import termios
import threading
import time
from typing import TYPE_CHECKING, Self

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable


#: What follows a complete frame of the display.
_WHOLE = re.compile(rb"(?<= in flight of \d)")


class Terminal:
    """An emulated terminal, and everything that was ever visible on it."""

    def __init__(self, columns: int = 160, lines: int = 24) -> None:
        self._screen = pyte.HistoryScreen(columns, lines, history=100_000)
        self.lowest: set[tuple[str, str]] = set()
        """The two lowest rows, at each moment."""
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
        """Wait for everything that was written."""
        if self._thread.is_alive():
            os.close(self.file)
            self._thread.join()
            os.close(self._master)

    def _read(self) -> None:
        stream = pyte.ByteStream(self._screen)
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # no one has the other end open any more
                return
            for part in _WHOLE.split(data):
                with self._lock:
                    stream.feed(part)
                    above, lowest = ["", *self._visible()][-2:]
                    self.lowest.add((above, lowest))

    def _visible(self) -> list[str]:
        return "\n".join(row.rstrip() for row in self._screen.display).rstrip().split("\n")

    @property
    def rows(self) -> list[str]:
        """All rows, those scrolled off and those visible, without empty ones at the bottom."""
        with self._lock:
            gone = [
                "".join(row[column].data for column in range(self._screen.columns)).rstrip()
                for row in self._screen.history.top
            ]
            return gone + self._visible()

    @property
    def has_cursor(self) -> bool:
        with self._lock:
            return not self._screen.cursor.hidden

    def wait_for(self, seen: Callable[[Terminal], bool]) -> None:
        """Wait until some text is visible."""
        deadline = time.monotonic() + 120
        while not seen(self):
            assert time.monotonic() < deadline, "\n".join(self.rows)
            time.sleep(0.1)
