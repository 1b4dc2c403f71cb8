"""The file limit: how many files and connections this process may have open at once."""

from __future__ import annotations

import errno
import os
import resource
from typing import Final

from tmapi_spiders.errors import UsageProblems

__all__ = ["check_file_limit", "is_out_of_files", "out_of_files"]

_BESIDE: Final = 48
"""Files open beside the connections of calls: the job's, its archive's, libraries', the reactor's,
Redis's, and what resolves names."""


def check_file_limit(calls: int) -> None:
    """Make sure that so many calls can be in flight; raise this process's own limit where it may.

    :raises UsageProblems: if they can't
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
    """Say whether something failed since no more files may be opened."""
    if isinstance(problem, OSError) and problem.errno in {errno.EMFILE, errno.ENFILE}:
        return True
    try:  # what resolves names does not hand on why it failed
        os.close(os.dup(2))
    except OSError as exc:
        return exc.errno == errno.EMFILE
    return False


def out_of_files() -> str:
    """Return what to tell then."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"no more files can be opened: this process may have {soft:,} at once (RLIMIT_NOFILE), and "
        "each call in flight takes one. Raise the limit (ulimit -n), set TMAPI_MAX_CONCURRENCY "
        "lower, or find what leaves files open"
    )


def _suffices(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
