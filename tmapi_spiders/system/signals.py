"""Signals that end a command in an orderly way, as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDING", "forward_hang_ups", "interruptible"]

#: The signals by which a command is asked to end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def forward_hang_ups() -> None:
    """Turn every hang-up (the terminal was closed, ssh was cut off) into a SIGTERM.

    The handler of SIGTERM, whether set before or later, needs no change. An ignored hang-up (nohup)
    stays ignored.
    """
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _terminate)


def _terminate(*_: Any) -> None:
    signal.raise_signal(signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does.

    Python lets only the main thread handle signals; in any other, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    forward_hang_ups()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
