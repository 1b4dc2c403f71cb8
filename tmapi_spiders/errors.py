"""Errors that this package raises on purpose.

TmapiError
├── UsageProblems     arguments or settings are wrong; nothing was sent (exit status 2)
├── StorageError      a file of the job can't be read or written (exit status 4)
└── DeliveryError     changes were found and could not be delivered (exit status 4)
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from tmapi_spiders.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DeliveryError",
    "StorageError",
    "TmapiError",
    "UsageProblems",
    "did_you_mean",
    "shortened",
]

#: Characters of a given value that a message repeats: enough to recognise it.
_SHOWN = 200


#: Characters of a message, since it quotes given values, which may be anything.
_LONGEST = 2000


class TmapiError(Exception):
    """Base class of all errors that this package raises on purpose."""


class UsageProblems(TmapiError):
    """All that is wrong with the user's input, found before anything was sent.

    :param problems: each has a sentence or more: what was given, what is accepted, what to do
    """

    def __init__(self, *problems: str) -> None:
        self.problems = tuple(printable(problem, _LONGEST) for problem in problems)
        super().__init__("\n".join(self.problems))


class StorageError(TmapiError):
    """A file or folder of a job can't be read or written; the message names it and says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(printable(problem, _LONGEST))


class DeliveryError(TmapiError):
    """Changes could not be delivered; the message says to whom, and why."""


def shortened(given: object) -> str:
    """Return a given value for a message, cut short if it is long.

    >>> shortened(20), len(shortened("9" * 5000))
    ('20', 220)
    """
    text = str(given)
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}… ({len(text):,} characters)"


def did_you_mean(given: str, accepted: Iterable[str]) -> str:
    """Return a question naming the accepted word nearest to *given*, or "".

    >>> did_you_mean("sale", ["default", "sales"])
    ' Did you mean "sales"?'
    >>> did_you_mean("zzz", ["default", "sales"])
    ''
    """
    # Cut, since difflib's time grows with the square of the length.
    nearest = get_close_matches(given[:_SHOWN], list(accepted), n=1)
    return f' Did you mean "{nearest[0]}"?' if nearest else ""
