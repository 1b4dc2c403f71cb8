"""Turns what a command raises, and the signals that end it, into messages and an exit status.

``UsageProblems`` is exit status 2; every other error that this package raises on purpose is 4, an
interrupt included. Anything else is a crash: a traceback, and exit status 1. A note of an exception
(:meth:`BaseException.add_note`) is one more message.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tmapi_spiders.crawl.run import EXIT_STOPPED, EXIT_USAGE
from tmapi_spiders.errors import TmapiError, UsageProblems
from tmapi_spiders.system.signals import interruptible
from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Interrupted", "exit_status_of", "messages_of", "report", "say", "stoppable"]

#: Characters of an interrupt's message: it may quote a path.
_LONGEST = 2000


class Interrupted(TmapiError):
    """A signal ended the command; the message says what was done, and how to continue."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message, _LONGEST))


@contextmanager
def stoppable(message: str) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end a command with a message and exit status 4.

    :raises Interrupted: on one of these signals
    """
    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        raise Interrupted(message) from None


def say(command: str, *messages: str) -> None:
    """Print messages of a command to standard error, each on its own line."""
    for message in messages:
        print(f"{command}: {message}", file=sys.stderr, flush=True)


def report(command: str, error: TmapiError) -> int:
    """Print what ended a command; return the exit status."""
    say(command, *messages_of(error))
    return exit_status_of(error)


def messages_of(error: TmapiError) -> list[str]:
    """Return what to print of an error.

    >>> messages_of(UsageProblems("price=x: accepted: 10-50.", "seeds: missing."))
    ['price=x: accepted: 10-50.', 'seeds: missing.']
    """
    problems = error.problems if isinstance(error, UsageProblems) else (str(error),)
    return [*problems, *getattr(error, "__notes__", ())]


def exit_status_of(error: TmapiError) -> int:
    """Return the exit status of a command that an error has ended.

    >>> exit_status_of(UsageProblems("seeds: missing.")), exit_status_of(Interrupted("stopped"))
    (2, 4)
    """
    return EXIT_USAGE if isinstance(error, UsageProblems) else EXIT_STOPPED
