"""Limit of files and connections that this process may have open at once."""

from __future__ import annotations

import errno
import os
import resource
from typing import Final

from tmapi_spiders.errors import UsageProblems

__all__ = ["check_file_limit", "is_out_of_files", "out_of_files"]

_BESIDE: Final = 48
"""Files open besides the connections of calls: those of the job and its archive, libraries, the
reactor, Redis and the resolver."""


def check_file_limit(calls: int) -> None:
    """Make sure that so many calls can be in flight; raise this process's soft limit if needed.

    :raises UsageProblems: if the hard limit is too low
    """
    needed = calls + _BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _suffices(soft, needed):
        return
    if _suffices(hard, needed):
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return
    most = max(hard - _BESIDE, 0)
    fewer = f", or set TMAPI_MAX_CONCURRENCY={most} or fewer" if most else ""
    raise UsageProblems(
        f"RLIMIT_NOFILE: this process may have {hard:,} files open, and {calls:,} calls in flight "
        f"need {needed:,}. Raise the limit (ulimit -n {needed}){fewer}."
    )


def is_out_of_files(problem: BaseException | None) -> bool:
    """Return whether a problem is that no more files can be opened."""
    if isinstance(problem, OSError) and problem.errno in {errno.EMFILE, errno.ENFILE}:
        return True
    try:  # the resolver hides why it failed
        os.close(os.dup(2))
    except OSError as exc:
        return exc.errno == errno.EMFILE
    return False


def out_of_files() -> str:
    """Return the message for that problem."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"no more files can be opened: this process may have {soft:,} at once (RLIMIT_NOFILE), and "
        "each call in flight takes one. Raise the limit (ulimit -n), set TMAPI_MAX_CONCURRENCY "
        "lower, or find what leaves files open"
    )


def _suffices(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
