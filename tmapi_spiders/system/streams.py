"""Standard streams that are gone: a closed terminal, ``| head -1``, ``>&-``, a full disk."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["hold_closed_streams", "mute_broken_streams", "outlasting", "problem_of_stdout"]


def hold_closed_streams() -> None:
    """Lead standard streams that are closed nowhere.

    Python has None for them, and the next file that is opened would take their number: what some
    program prints would go into that file.
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


class _Outlasting(io.FileIO):
    """A stream's file; once it can't be written any more, what is written is dropped."""

    problem: OSError | None = None

    def write(self, data: object, /) -> int:
        """Write what there is room for; never fails."""
        if self.problem is None:
            try:
                return super().write(data)  # type: ignore[arg-type]
            except OSError as exc:
                self.problem = exc
        return memoryview(data).nbytes  # type: ignore[arg-type]


@contextmanager
def outlasting() -> Iterator[None]:
    """Have nothing that is printed fail meanwhile, on standard output or standard error.

    What a command does comes before what it says of it: a file is written, and a program told,
    whether or not anybody reads. :func:`problem_of_stdout` says whether somebody could.
    """
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_outlasting, streams)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = streams


def problem_of_stdout() -> OSError | None:
    """Return why standard output can't be written; None if it can, as far as anybody has tried."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.problem if isinstance(raw, _Outlasting) else None


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


def _outlasting(stream: TextIO) -> TextIO:
    """Return a stream to the same file; one that is none of the system's as it is."""
    try:
        stream.flush()
        file = _Outlasting(stream.fileno(), "w", closefd=False)
    except (OSError, ValueError):  # it has no file
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding,
        errors="backslashreplace",  # a terminal that knows ASCII alone
        line_buffering=getattr(stream, "line_buffering", False),
    )
