"""The message people get about a job whose monitors failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders.local.summary import MADE_UP

if TYPE_CHECKING:
    from tmapi_spiders.monitoring.judged_job import JudgedJob

__all__ = ["failures", "headline", "message", "skips"]

#: Discord accepts 2,000 characters.
_LONGEST = 1900


def failures(result: Any) -> list[str]:
    """Return a line for each monitor that failed: its name and why.

    :param result: spidermon's result
    """
    return [
        f"{one.monitor.monitor_name}: {one.reason or _last_line(one.error)}"
        for one in result.monitors_failed_results
    ]


def skips(result: Any) -> list[str]:
    """Return a line for each monitor that had nothing to judge: its name and why.

    :param result: spidermon's result
    """
    return [
        f"{one.monitor.monitor_name}: {one.reason}"
        for one in result.monitor_results
        if one.status == "SKIPPED"
    ]


def headline(result: Any) -> str:
    """Return how many monitors failed, passed and had nothing to judge."""
    total, failed = len(result.monitor_results), len(result.monitors_failed_results)
    skipped = sum(one.status == "SKIPPED" for one in result.monitor_results)
    words = f"{failed} of {total} failed" if failed else f"{total - skipped} passed"
    return words + (f", {skipped} had nothing to judge" if skipped else "")


def message(job: JudgedJob, result: Any) -> str:
    """Return the message: the job, what failed with its thresholds, and the folder.

    :param result: spidermon's result
    """
    ending = f"\n{MADE_UP}" if job.files.is_made_up else ""
    ending = f"\nexit status {job.exit_status}, files in {job.folder}{ending}"
    found = "\n".join(failures(result)) or "Nothing is wrong."
    beginning = f"{job.name}: monitors: {headline(result)}\n"
    room = max(_LONGEST - len(beginning) - len(ending), 100)
    if len(found) > room:
        found = found[: room - 1] + "…"
    return job.config.token.strike_out(beginning + found + ending)


def _last_line(text: str | None) -> str:
    return "error in the monitor: " + (text or "").strip().rpartition("\n")[2]
