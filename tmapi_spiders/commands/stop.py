"""Stop all workers of a job on Redis, wherever they run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tmapi_spiders.commands.exit_status import say
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.distributed.access import checked_server, no_such_job, worker_command
from tmapi_spiders.distributed.damage import STATES
from tmapi_spiders.distributed.job_status import read_status
from tmapi_spiders.distributed.keys import job_key
from tmapi_spiders.distributed.store import run_script
from tmapi_spiders.errors import StorageError
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.wording import plural, printable

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

_DETAIL = "scrapy tmapi stop"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="the job's name")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Stop the job; return the exit status."""
    name: str = options.job
    with checked_server(settings, name, partial(say, "stop")) as (server, _):
        state = run_script(server, "stop", (job_key(name),), "interrupted", _DETAIL, "")
        if state is None:
            raise no_such_job(server, name)
        seen = read_status(server, name) or {}
        if (said := state.decode("utf-8", "replace")) not in STATES:
            raise StorageError(" ".join(seen["problems"]))
        print("\n".join(_lines(settings, name, said, seen)))
    return EXIT_OK


def _lines(settings: BaseSettings, name: str, state: str, seen: dict[str, object]) -> list[str]:
    export = with_profile(f"scrapy tmapi export {name}")
    if state == "ended":
        return [f"{name}: it has ended already. Its files: {export}"]
    if state == "deleting":
        delete = with_profile(f"scrapy tmapi delete {name}")
        return [f"{name}: it is being deleted. To finish that: {delete}"]
    workers = seen.get("workers") or []
    assert isinstance(workers, list)
    first = f"{name}: stopped"
    if state == "stopped":
        first = f"{name}: it was stopped already ({printable(seen.get('stop_reason'))})"
    leaving = "no worker is alive"
    if workers:
        leaving = (
            f"{plural(len(workers), 'worker')} will leave once what is in flight is committed: "
            + ", ".join(printable(worker["worker"]) for worker in workers)
        )
    return [
        f"{first}; {leaving}",
        f"  Its files: {export}",
        "  To resume, start workers again (committed pages cost nothing again):",
        f"    {worker_command(settings, printable(seen.get('spider') or IMAGE_SEARCH), name)}",
    ]
