"""The limit on files and connections that this process may have open at once."""

from __future__ import annotations

import errno
import os
import resource
from typing import Final

from tmapi_spiders.errors import UsageProblems

__all__ = ["check_file_limit", "is_out_of_files", "out_of_files_message"]

_BESIDE: Final = 48
"""Files open besides the connections of calls: those of the job, its archive, libraries, the
reactor, Redis, and name resolution."""


def check_file_limit(calls: int) -> None:
    """Raise this process's file limit, if need be, so that *calls* can be in flight at once.

    :raises UsageProblems: if it can't be raised that far
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
    """Return whether something failed because no more files may be opened."""
    if isinstance(problem, OSError) and problem.errno in {errno.EMFILE, errno.ENFILE}:
        return True
    try:  # name resolution hides why it failed, so try
        os.close(os.dup(2))
    except OSError as exc:
        return exc.errno == errno.EMFILE
    return False


def out_of_files_message() -> str:
    """Return the message for :func:`is_out_of_files`."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"no more files can be opened: this process may have {soft:,} at once (RLIMIT_NOFILE), and "
        "each call in flight takes one. Raise the limit (ulimit -n), set TMAPI_MAX_CONCURRENCY "
        "lower, or find what leaves files open"
    )


def _suffices(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
