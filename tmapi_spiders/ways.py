"""The two ways to crawl: in a process of its own, or as a worker among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders import summary
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.distributed import telling
from tmapi_spiders.distributed.joining import prepare_worker
from tmapi_spiders.distributed.scheduler import check_scheduler, is_shared
from tmapi_spiders.distributed.worker import Worker
from tmapi_spiders.local_run import LocalRun
from tmapi_spiders.prepare import prepare_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings

    from tmapi_spiders.run import Run

__all__ = ["prepare", "tell"]


def prepare(
    settings: BaseSettings,
    given: Mapping[str, Any],
    arguments_model: type[Arguments] = Arguments,
    spider: str = "image_search",
) -> Run:
    """Check settings and arguments, and take hold of the job, or join it; send nothing.

    The parameters are those of :func:`~tmapi_spiders.prepare.prepare_run`.

    :raises UsageProblems: with all that is wrong
    :raises StorageError: if the job's folder or archive can't be used
    """
    check_scheduler(settings)
    if is_shared(settings):
        return prepare_worker(settings, given, arguments_model)
    return prepare_run(settings, given, arguments_model, spider)


def tell(run: Run) -> None:
    """Say what came of it, once."""
    if isinstance(run, Worker):
        telling.report(run)
    elif isinstance(run, LocalRun):
        summary.report(run)
