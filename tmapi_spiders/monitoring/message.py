"""The message: what people are told of a job whose monitors failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders.local.summary import MADE_UP

if TYPE_CHECKING:
    from tmapi_spiders.monitoring.judged_job import JudgedJob

__all__ = ["failures", "headline", "message", "skips"]

#: Discord takes 2,000 characters.
_LONGEST = 1900


def failures(result: Any) -> list[str]:
    """Return what each monitor that failed says, by its name.

    :param result: spidermon's
    """
    return [
        f"{one.monitor.monitor_name}: {one.reason or _last_line(one.error)}"
        for one in result.monitors_failed_results
    ]


def skips(result: Any) -> list[str]:
    """Return why monitors had nothing to judge, each by its name.

    :param result: spidermon's
    """
    return [
        f"{one.monitor.monitor_name}: {one.reason}"
        for one in result.monitor_results
        if one.status == "SKIPPED"
    ]


def headline(result: Any) -> str:
    """Return in one line how many monitors failed."""
    all_of_them, failed = len(result.monitor_results), len(result.monitors_failed_results)
    skipped = sum(one.status == "SKIPPED" for one in result.monitor_results)
    words = f"{failed} of {all_of_them} failed" if failed else f"{all_of_them - skipped} passed"
    return words + (f", {skipped} had nothing to judge" if skipped else "")


def message(job: JudgedJob, result: Any) -> str:
    """Return the whole message: which job, what was found, the thresholds, the folder.

    :param result: spidermon's
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
    return "it could not judge: " + (text or "").strip().rpartition("\n")[2]
