"""The two ways to crawl: in a process of its own, or as a worker among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tmapi_spiders import summary
from tmapi_spiders.arguments import Arguments
from tmapi_spiders.distributed import telling
from tmapi_spiders.distributed.joining import prepare_worker
from tmapi_spiders.distributed.scheduler import check_scheduler, is_shared
from tmapi_spiders.distributed.worker import Worker
from tmapi_spiders.prepare import prepare_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings


__all__ = ["prepare", "tell"]


def prepare(
    settings: BaseSettings,
    given: Mapping[str, Any],
    arguments_model: type[Arguments] = Arguments,
    spider: str = "image_search",
) -> Any:
    """Check settings and arguments, and take hold of the job, or join it; send nothing.

    The parameters are those of :func:`~tmapi_spiders.prepare.prepare_run`.

    :return: a :class:`~tmapi_spiders.run.Run`, or the
        :class:`~tmapi_spiders.distributed.worker.Worker` that takes its place
    :raises UsageProblems: with all that is wrong
    :raises StorageError: if the job's folder or archive can't be used
    """
    check_scheduler(settings)
    if is_shared(settings):
        return prepare_worker(settings, given, arguments_model)
    return prepare_run(settings, given, arguments_model, spider)


def tell(run: Any) -> None:
    """Say what came of it, once."""
    if isinstance(run, Worker):
        telling.report(run)
    else:
        summary.report(run)
