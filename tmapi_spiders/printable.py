"""Texts that strangers wrote, where people read them: a terminal, a log, a message."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["printable"]

#: Characters of what is said by somebody else; more is not read by anybody.
LONGEST: Final = 300

_SPACE: Final = re.compile(r"\s+")


def printable(text: object, longest: int = LONGEST) -> str:
    r"""Return text on one line, cut short, without what a terminal would take for a command.

    That are control characters, line breaks in any script, and marks that turn the direction of
    what follows: with them a stranger clears a screen, or writes log lines of his own.

    >>> printable("bad key\x1b[2J\r\n2026-01-01 [scrapy] INFO: all is well \u202edne")
    'bad key?[2J 2026-01-01 [scrapy] INFO: all is well ?dne'
    >>> printable("a lamp", 4)
    'a l…'

    :param longest: characters of what is returned
    """
    cut = str(text)[: longest + 1]  # what is left out is not looked through
    if len(cut) > longest:
        cut = f"{cut[: longest - 1]}…"
    return "".join(one if one.isprintable() else "?" for one in _SPACE.sub(" ", cut).strip())
