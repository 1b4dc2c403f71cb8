"""Standard streams that can't be used: a closed terminal, ``| head -1``, ``>&-``, a full disk."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["mute_broken_streams", "replace_closed_streams", "stdout_problem", "unfailing_output"]


def replace_closed_streams() -> None:
    """Replace standard streams that are closed by the null device.

    Python sets them to None, and the next file opened would get their file descriptor: what some
    library prints would end up in that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - stays


class _UnfailingFile(io.FileIO):
    """A stream's file that drops what is written once writing has failed."""

    problem: OSError | None = None

    def write(self, data: object, /) -> int:
        """Write what can be written; never fail."""
        if self.problem is None:
            try:
                return super().write(data)  # type: ignore[arg-type]
            except OSError as exc:
                self.problem = exc
        return memoryview(data).nbytes  # type: ignore[arg-type]


@contextmanager
def unfailing_output() -> Iterator[None]:
    """Let no output to standard output or standard error fail.

    A command's work matters more than its output: a file is written and a program is run whether or
    not the output can be. :func:`stdout_problem` says whether it could.
    """
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_unfailing, streams)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = streams


def stdout_problem() -> OSError | None:
    """Return why writing to standard output has failed; None if it hasn't."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.problem if isinstance(raw, _UnfailingFile) else None


def mute_broken_streams() -> None:
    """Drop buffered output that can't be written.

    Python would try once more at its exit, complain, and end with status 120.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _unfailing(stream: TextIO) -> TextIO:
    """Return a stream that writes to the same file and never fails; a fileless one unchanged."""
    try:
        stream.flush()
        file = _UnfailingFile(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):  # no file descriptor
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding,
        errors="backslashreplace",  # a terminal that supports only ASCII
        line_buffering=getattr(stream, "line_buffering", False),
    )
