"""The first line of the announcement of a job that has run before: what is paid, what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders.inputs.job_names import series_of
from tmapi_spiders.wording import calls, days, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tmapi_spiders.local.estimate import Estimate
    from tmapi_spiders.local.local_run import LocalRun

__all__ = ["first_line"]

#: Arguments that don't change what is asked; new seeds show in the estimate.
_NOT_ASKED = {"seeds", "columns", "sheet", "job", "series", "keep_alive"}


def first_line(run: LocalRun, estimate: Estimate) -> str | None:
    """Return what this run does with a job that has run before; None for a new job.

    :param estimate: of what it still needs
    """
    last, paid = run.job.last_run, run.archive.paid
    if not last or paid is None:
        return None
    name = run.job.name
    changed = _asked(last.get("arguments")) != _asked(run.job.arguments)
    unfinished = _unfinished(last)
    if not (changed or unfinished or estimate.least):
        series = series_of(name) or name
        return (
            f"{name}: replays the answers paid for on {days(*paid)}, and requests nothing new. "
            f"To search again: -a series={series} instead of -a job={name}, which makes a new job "
            "each time."
        )
    so_far = calls(run.archive.journal.calls, run.config.call_price)
    if unfinished:
        next_ = f"{unfinished}, so the rest is requested now"
    else:
        next_ = "what its arguments add is requested now"
    return (
        f"{name}: resumes this job, replaying {plural(run.archive.pages, 'page')} paid for on "
        f"{days(*paid)} ({so_far} so far); {next_}."
    )


def _asked(arguments: object) -> dict[str, str]:
    """Return the arguments that say what is asked, as text: job.json has what ``-a`` gave."""
    if not isinstance(arguments, dict):
        return {}
    return {name: str(value) for name, value in arguments.items() if name not in _NOT_ASKED}


def _unfinished(last: Mapping[str, Any]) -> str:
    """Return what the last run left to do, according to job.json; '' if nothing.

    >>> _unfinished({"queries": {"all": 3, "complete": 3}, "finished_at": "2026-11-23"})
    ''
    >>> _unfinished({"queries": {"complete": 2, "failed": 1}, "finished_at": "2026-11-23"})
    '1 of its queries failed or ended partial'
    >>> _unfinished({"stop_reason": "budget", "finished_at": "2026-11-23"})
    'its last run stopped early (budget)'
    >>> _unfinished({"finished_at": None})
    'its last run did not end'
    """
    if last.get("finished_at") is None:
        return "its last run did not end"
    if last.get("stop_reason") is not None:
        return f"its last run stopped early ({last['stop_reason']})"
    queries = last.get("queries")
    counts = queries if isinstance(queries, dict) else {}
    failed = sum(int(counts.get(one, 0)) for one in ("failed", "partial", "not_started"))
    return f"{failed:,} of its queries failed or ended partial" if failed else ""
