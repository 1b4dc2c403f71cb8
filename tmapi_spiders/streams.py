"""Standard output and error that nobody reads any more: a closed terminal, ``| head -1``."""

from __future__ import annotations

import os
import sys

__all__ = ["mute_broken_streams"]


def mute_broken_streams() -> None:
    """Let go what can't be written any more.

    Python would try once more as it ends, complain, and end with status 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
