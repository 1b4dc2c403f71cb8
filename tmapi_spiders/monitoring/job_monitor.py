"""The base class of monitors that judge a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from unittest import SkipTest

from spidermon import Monitor

from tmapi_spiders.config.settings import PREFIX
from tmapi_spiders.crawl.run import Run
from tmapi_spiders.inputs.job_names import series_of
from tmapi_spiders.local.local_run import LocalRun
from tmapi_spiders.monitoring.judged_job import JudgedJob, judged_of
from tmapi_spiders.monitoring.product_statistics import job_before

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["JobMonitor", "percent"]


def percent(share: float) -> str:
    """Return a share as a percentage.

    >>> percent(0.95), percent(1), percent(2 / 3)
    ('95 %', '100 %', '66.7 %')
    """
    return f"{round(100 * share, 1):g} %"


class JobMonitor(Monitor):
    """Base class for monitors that judge a job that has ended, a project's own included."""

    longMessage: ClassVar[bool] = False
    job: JudgedJob
    """The job to judge."""

    def setUp(self) -> None:
        """Find the job; skip if there is none, and fail if its figures are not final."""
        job, run = judged_of(self.data), getattr(self.data.spider, "run", None)
        if job is None:
            raise SkipTest("for jobs of image_search only")
        if isinstance(run, Run) and not isinstance(run, LocalRun):
            raise SkipTest(
                "not for workers: each sees only part of the job; after exporting it: "
                f"scrapy tmapi check {job.name}"
            )
        if isinstance(run, LocalRun) and not run.ended:
            self.fail(
                "the job's figures are not final yet; leave it to this package's add-on to enable "
                "spidermon in EXTENSIONS (tmapi_spiders.monitoring.extension.JobSpidermon)"
            )
        self.job = job

    def counts(self, key: str) -> Mapping[str, int]:
        """Return one of the objects of counts in job.json; skip if it is not known.

        :param key: ``queries``, ``products`` or ``refusals``
        """
        found = self.job.counts(key)
        if found is None:
            raise SkipTest(f"not known ({key}): the job was run or begun by an earlier version")
        return found

    def before(self) -> JobFiles:
        """Return the previous job of the series; skip if there is none."""
        folder = self.job.folder
        if series_of(folder.name) is None:
            raise SkipTest("the job belongs to no series, so there is nothing to compare with")
        before = job_before(folder.name, self.job.facts.get("source"), folder.parent)
        if before is None:
            raise SkipTest("the series has no earlier job")
        return before

    def at_most(self, part: int, whole: int, what: str, setting: str) -> None:
        """Fail if *part* is a larger share of *whole* than a setting allows.

        :param what: describes the two in the message
        :param setting: the setting's field in the configuration
        """
        most: float = getattr(self.job.config, setting)
        if part > most * whole:
            self.fail(
                f"{part:,} of {what} ({percent(part / whole)}); at most {percent(most)} "
                f"({PREFIX}{setting.upper()})"
            )
