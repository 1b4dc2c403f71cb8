"""The job to judge: what its folder says once it has ended.

A crawl that has just ended is judged by the same facts, so it makes no difference when a job is
judged, and by which process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

from tmapi_spiders import stats
from tmapi_spiders.crawl.run import EXIT_STOPPED, Run
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH
from tmapi_spiders.jobs.job import PRODUCTS, SIGHTINGS
from tmapi_spiders.jobs.job_files import JobFiles
from tmapi_spiders.jobs.job_json import JOB_JSON, read_job_json
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.jobs.series import find_job
from tmapi_spiders.local.local_run import LocalRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tmapi_spiders.config.settings import Config

__all__ = ["JudgedJob", "judged_of"]


@attrs.frozen
class JudgedJob:
    """A job that has ended, as monitors and messages see it."""

    files: JobFiles
    """Its folder, and what its job.json says."""
    config: Config
    """The thresholds, and the folder of all jobs."""
    remarks: list[str] = attrs.field(factory=list)
    """Lines to print about it; a crawl prints them in its summary."""
    skipped: list[str] = attrs.field(factory=list)
    """Why monitors had nothing to judge, a line each."""

    @classmethod
    def open(cls, given: str, config: Config) -> Self:
        """Open a job that has ended.

        :param given: as in :func:`~tmapi_spiders.jobs.series.find_job`
        :raises UsageProblems: if there is no such job, or it has not ended
        :raises StorageError: if its files can't be read
        """
        folder = find_job(given, config.output_dir)
        facts = read_job_json(folder)
        if facts.get("running"):
            raise UsageProblems(_not_ended(folder.absolute().name, facts))
        files = JobFiles.open(given, config.output_dir)
        if facts.get("exit_status") not in range(EXIT_STOPPED + 1):
            raise StorageError(
                f"{folder / JOB_JSON}: it does not say how the job ended: exit_status is missing, "
                f"or not from 0 to {EXIT_STOPPED}."
            )
        for name in (PRODUCTS, SIGHTINGS):
            if "lines" not in (facts.get("files") or {}).get(name, {}):
                raise StorageError(f"{folder / JOB_JSON}: it does not say how long {name} is.")
        for _ in files.rows(PRODUCTS):  # report a damaged file before anyone is notified
            pass
        return cls(files, config)

    @classmethod
    def of_run(cls, run: Run) -> Self:
        """Return the job of a crawl that has ended, or what a worker knows of its job."""
        facts: dict[str, Any] = {"made_up": run.config.sandbox}
        if isinstance(run, LocalRun):
            facts |= run.job.facts
        # job.json may not have been written.
        facts |= {"exit_status": run.exit_status, "stop_reason": run.stop_reason}
        folder = run.config.output_dir / run.job_name
        return cls(JobFiles(run.job_name, folder, facts), run.config, run.remarks)

    @property
    def name(self) -> str:
        """The job's name."""
        return self.files.name

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.files.folder.absolute()

    @property
    def facts(self) -> Mapping[str, Any]:
        """The content of job.json."""
        return self.files.facts

    @property
    def exit_status(self) -> int:
        """The exit status of its crawl."""
        status: int = self.facts["exit_status"]
        return status

    @property
    def calls(self) -> int:
        """How many calls all its runs made that count."""
        return self.facts.get("calls") or 0

    @property
    def unreadable(self) -> Mapping[str, Mapping[str, Any]]:
        """For each field, how many items had an unreadable value, and an example."""
        return self.facts.get("unreadable") or {}

    def counts(self, key: str) -> Mapping[str, int] | None:
        """Return one of the objects of counts in job.json; None if it is not known.

        :param key: ``queries``, ``products``, ``refusals`` or ``errors``
        """
        return self.facts.get(key)

    def products(self) -> Iterator[dict[str, Any]]:
        """Yield the rows of products.jsonl."""
        return self.files.rows(PRODUCTS)

    @property
    def sightings(self) -> int:
        """The number of sightings."""
        lines: int = self.facts["files"][SIGHTINGS]["lines"]
        return lines

    def stats(self) -> dict[str, Any]:
        """Return the crawl's stats as far as its folder gives them, for monitors that use stats."""
        products, refusals = self.counts("products") or {}, self.counts("refusals") or {}
        by_status, evidence = (dict(self.counts(key) or {}) for key in ("queries", "evidence"))
        known = {
            "finish_reason": self.facts.get("stop_reason") or "finished",
            "item_scraped_count": products.get("new"),
            stats.CALL_ALL_RUNS: self.calls,
            stats.CALL_SENT: refusals.get("sent"),
            stats.CALL_OVER_LIMIT: refusals.get("refused"),
            stats.PRODUCT_NEW: products.get("new"),
            stats.PRODUCT_DUPLICATE: products.get("duplicates"),
            stats.PRODUCT_REJECTED: products.get("rejected"),
            **{stats.QUERY.format(status=one): n for one, n in by_status.items() if one != "all"},
            **{stats.EVIDENCE.format(code=one): n for one, n in evidence.items() if one != "all"},
            **{
                stats.VALUE_UNREADABLE.format(field=field): found["items"]
                for field, found in self.unreadable.items()
            },
        }
        return {name: value for name, value in known.items() if value is not None}

    def add_remarks(self, *lines: str) -> None:
        """Add lines to print, without the token."""
        self.remarks.extend(self.config.token.strike_out(line) for line in lines)


def judged_of(data: Mapping[str, Any]) -> JudgedJob | None:
    """Return the job a suite is run on; None if it is run on another spider's crawl.

    :param data: what spidermon passes to monitors and actions
    """
    spider = data.get("spider")
    run = getattr(spider, "run", None)
    if isinstance(run, Run):
        return JudgedJob.of_run(run)
    found: JudgedJob | None = getattr(spider, "judged", None)
    return found


def _not_ended(name: str, facts: Mapping[str, Any]) -> str:
    """Return why a job can't be judged yet, and what to do."""
    if facts.get("shared"):
        export = with_profile(f"scrapy tmapi export {name}")
        return (
            f"{name}: a job of workers that is not fully exported yet: once it has ended, {export}"
        )
    spider = facts.get("spider") or IMAGE_SEARCH
    go_on = with_profile(f"scrapy crawl {spider} -a job={name}")
    return f"{name}: it is running, or was killed. Wait for it, or continue it: {go_on}"
