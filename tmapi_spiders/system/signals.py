"""Interrupts: the signals that end a command in good order, as Ctrl-C does."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENDING", "heed_hang_ups", "interruptible"]

#: Those that whoever has started a command may send to end it.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heed_hang_ups() -> None:
    """Have a hang-up (the terminal was closed, ssh is gone) do what SIGTERM does, at any time.

    Whoever handles SIGTERM, now or later, need not know of it. One that is ignored, as under nohup,
    stays so.
    """
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _terminate)


def _terminate(*_: Any) -> None:
    signal.raise_signal(signal.SIGTERM)


@contextmanager
def interruptible() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    heed_hang_ups()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
