"""Makes a worker join a shared job, and feeds the job if seeds are given; sends nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from redis import exceptions

from tmapi_spiders.config.redis_settings import without_meaning
from tmapi_spiders.config.settings import Config
from tmapi_spiders.distributed.connection import (
    check_server,
    connect,
    connect_async,
    describe,
    is_passing,
    quoted,
)
from tmapi_spiders.distributed.expiry import cancel_expiry
from tmapi_spiders.distributed.seed_queue import EnqueueCounts, enqueue_seeds
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.distributed.store import Store, run_script
from tmapi_spiders.distributed.worker import Worker
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.job_names import is_job_name
from tmapi_spiders.inputs.plan import describe_added, remarks
from tmapi_spiders.inputs.python_values import as_text
from tmapi_spiders.inputs.spider_kind import SpiderKind
from tmapi_spiders.system.file_limit import check_file_limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.inputs.queries import Queries

__all__ = ["enqueue", "prepare_worker"]

logger = logging.getLogger(__name__)

_OUR_OWN = SpiderKind()

#: Seconds for which Redis may be away when a worker starts, unless TMAPI_REDIS_WAIT says otherwise.
_WAIT = 30.0

_SOME_IMAGE = "/search/placeholder.jpg"


def prepare_worker(
    settings: BaseSettings,
    given: Mapping[str, Any],
    kind: SpiderKind = _OUR_OWN,
) -> Worker:
    """Check settings and arguments, feed the job if seeds are given, and join it; send nothing.

    :param given: the spider's arguments, as ``-a`` or a script gives them
    :param kind: the spider's
    :raises UsageProblems: with all that is wrong, including Redis
    :raises StorageError: if Redis is away
    """
    given = as_text(given, Arguments.model_fields)
    config, arguments, queries = _read(settings, given, kind.arguments_model)
    check_file_limit(config.max_concurrency)
    server = connect(settings)
    name = arguments.job
    assert name is not None
    wait = _WAIT if config.redis_wait is None else config.redis_wait
    plan: list[str] = []
    try:
        for warning in check_server(server, settings, wait, logger.warning, adds=True):
            logger.warning("%s", warning)
        if names := without_meaning(settings):
            logger.warning(
                "%s: set for scrapy-redis, but not used by the workers of this package; other "
                "spiders of the project may use them.",
                ", ".join(names),
            )
        if queries is not None:
            job, fed = enqueue(server, settings, config, given, queries, kind=kind, update=False)
            plan = [f"  {describe_added(queries, fed.queries, fed.seeds)}"]
            plan += remarks(queries, job.arguments, config.rates, job.dedupe, by_workers=True)
        job = SharedJob.load(server, name, lambda _: kind)
        job.check_arguments(given)
        job.check_readers()
        job.check_settings(config, settings, update=False)
        stops = int(run_script(server, "join", job.keys))
        cancel_expiry(server, name)
    except (exceptions.RedisError, OSError) as exc:
        said = f"{describe(settings)}: {quoted(exc, settings)}"
        if is_passing(exc):
            raise StorageError(f"{said}. Run the same command again once it works.") from exc
        raise UsageProblems(said) from exc
    finally:
        server.close()
    job = job.with_stops(stops)
    store = Store(connect_async(settings), job.keys, config.lease_seconds / 6)
    return Worker(config, job, store, plan=plan, keep_alive=bool(arguments.keep_alive))


def enqueue(
    server: Redis,
    settings: BaseSettings,
    config: Config,
    given: Mapping[str, Any],
    queries: Queries,
    *,
    kind: SpiderKind,
    update: bool,
) -> tuple[SharedJob, EnqueueCounts]:
    """Put seeds into a job, which is made if there is none; return it, and what was new.

    :param given: the spider's arguments as ``-a`` gives them
    :param kind: the spider's
    :param update: whether the job gets the budget and the concurrency limit that are given
    :raises UsageProblems: if the job has other arguments or settings, or another spider
    """
    job = SharedJob.create(server, given["job"], given, config, kind)
    job.check_arguments(given)
    job.check_settings(config, settings, update=update)
    if update:
        job.update_settings(server, config, settings)
    return job, enqueue_seeds(server, job, queries.seeds)


def _read(
    settings: BaseSettings, given: Mapping[str, Any], arguments_model: type[Arguments]
) -> tuple[Config, Arguments, Queries | None]:
    """Return the configuration, the arguments, and the queries if there are seeds."""
    problems: list[str] = []
    config = None
    try:
        config = Config.from_settings(settings)
    except UsageProblems as exc:
        problems += exc.problems
    if not is_job_name(given.get("job")) and "series" not in given:
        problems.append(
            "job: missing. Workers share a job by its name: -a job=monday (the same everywhere)."
        )
    if "series" in given:
        problems.append("series: workers share a job by its name; give job=NAME instead.")
    try:
        whole = {"seeds": _SOME_IMAGE, **given}
        arguments, queries = arguments_model.parse(
            {name: value for name, value in whole.items() if name != "series"},
            streamed=True,
            rates=config.rates if config is not None else None,
        )
    except UsageProblems as exc:
        problems += exc.problems
    if problems or config is None:
        raise UsageProblems(*problems)
    return config, arguments, queries if "seeds" in given else None
