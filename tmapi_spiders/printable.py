"""Texts that strangers wrote, where people read them: a terminal, a log, a message."""

from __future__ import annotations

import re

__all__ = ["printable"]

#: More is not read by anybody, and a log line is read whole.
LONGEST = 300

_SPACE = re.compile(r"\s+")


def printable(text: str, longest: int = LONGEST) -> str:
    r"""Return *text* on one line, cut short, without what a terminal would take for a command.

    That are control characters, line breaks in any script, and marks that turn the direction of
    what follows: with them a stranger clears a screen, or writes log lines of his own.

    >>> printable("bad key\x1b[2J\r\n2026-01-01 [scrapy] INFO: all is well \u202edne")
    'bad key?[2J 2026-01-01 [scrapy] INFO: all is well ?dne'
    >>> printable("a" * 9, longest=5)
    'aaaaa…'
    """
    cut = text[: longest + 1]
    line = _SPACE.sub(" ", cut[:longest]).strip()
    line = "".join(one if one.isprintable() else "?" for one in line)
    return f"{line}…" if len(cut) > longest else line
