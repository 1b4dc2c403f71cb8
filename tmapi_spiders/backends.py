"""The two ways to crawl: in a process of its own, or as a worker among others.

What workers need, redis-py and scrapy-redis first of all, is loaded for them only: it takes as long
as a tenth of a crawl's start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.core.scheduler import Scheduler
from scrapy.utils.misc import load_object

from tmapi_spiders.local import summary
from tmapi_spiders.local.local_run import LocalRun
from tmapi_spiders.local.prepare import prepare_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy.settings import BaseSettings

    from tmapi_spiders.crawl.run import Run
    from tmapi_spiders.inputs.spider_kind import SpiderKind

__all__ = ["prepare", "tell"]


def prepare(
    settings: BaseSettings,
    given: Mapping[str, Any],
    kind: SpiderKind,
    begun_by: Sequence[str] | None = None,
) -> Run:
    """Check settings and arguments, and take hold of the job, or join it; send nothing.

    The parameters are those of :func:`~tmapi_spiders.local.prepare.prepare_run`.

    :raises UsageProblems: with all that is wrong
    :raises StorageError: if the job's folder or archive can't be used
    """
    if load_object(settings["SCHEDULER"]) is not Scheduler:  # else it is nobody's worker
        from tmapi_spiders.distributed.join import prepare_worker  # noqa: PLC0415
        from tmapi_spiders.distributed.scheduler import (  # noqa: PLC0415
            check_scheduler,
            is_shared,
        )

        check_scheduler(settings)
        if is_shared(settings):
            return prepare_worker(settings, given, kind)
    return prepare_run(settings, given, kind, begun_by)


def tell(run: Run) -> None:
    """Say what came of it, once."""
    if isinstance(run, LocalRun):
        summary.report(run)
        return
    from tmapi_spiders.distributed import worker, worker_report  # noqa: PLC0415

    if isinstance(run, worker.Worker):
        worker_report.report(run)
