"""Chooses how to crawl: in one process, or as one of many workers.

What only workers need, above all redis-py and scrapy-redis, is loaded for them only: loading it
takes a tenth of the time in which a crawl starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.core.scheduler import Scheduler
from scrapy.utils.misc import load_object

from tmapi_spiders.local import summary
from tmapi_spiders.local.local_run import LocalRun
from tmapi_spiders.local.preparation import prepare_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy.settings import BaseSettings

    from tmapi_spiders.crawl.run import Run
    from tmapi_spiders.inputs.spider_kind import SpiderKind

__all__ = ["prepare", "print_summary"]


def prepare(
    settings: BaseSettings,
    given: Mapping[str, Any],
    kind: SpiderKind,
    begun_by: Sequence[str] | None = None,
) -> Run:
    """Check settings and arguments, and lock the job or join it; send nothing.

    The parameters are those of :func:`~tmapi_spiders.local.preparation.prepare_run`.

    :raises UsageProblems: with all that is wrong
    :raises StorageError: if the job's folder or archive can't be used
    """
    if load_object(settings["SCHEDULER"]) is not Scheduler:  # else it can't be a worker
        from tmapi_spiders.distributed.join import prepare_worker  # noqa: PLC0415
        from tmapi_spiders.distributed.scheduler import (  # noqa: PLC0415
            check_scheduler,
            is_shared,
        )

        check_scheduler(settings)
        if is_shared(settings):
            return prepare_worker(settings, given, kind)
    return prepare_run(settings, given, kind, begun_by)


def print_summary(run: Run) -> None:
    """Show the summary of a run, once."""
    if isinstance(run, LocalRun):
        summary.report(run)
        return
    from tmapi_spiders.distributed import worker, worker_report  # noqa: PLC0415

    if isinstance(run, worker.Worker):
        worker_report.report(run)
