"""Delete a job from Redis, after asking; exported files stay."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from tmapi_spiders.commands.exit_status import say
from tmapi_spiders.crawl.run import EXIT_OK, EXIT_USAGE
from tmapi_spiders.distributed.access import checked_server, no_such_job
from tmapi_spiders.distributed.expiry import begin_deletion, delete_keys
from tmapi_spiders.distributed.job_status import read_status
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.wording import calls, plural

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="the job's name")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Delete the job once the user agrees; return the exit status."""
    name: str = options.job
    try:
        with checked_server(settings, name, partial(say, "delete")) as (server, config):
            return _delete(server, name, config.call_price, asks=not options.yes)
    except KeyboardInterrupt:  # at the question it means no
        print(f"\n{name}: interrupted; to see whether it still exists: scrapy tmapi status {name}")
        return EXIT_USAGE


def _delete(server: Redis, name: str, price: float, *, asks: bool) -> int:
    seen = read_status(server, name)
    if seen is None:
        raise no_such_job(server, name)
    _refuse_if_busy(name, *_busy(seen))
    if asks and not _agreed(name, _question(seen, price)):
        print(f"{name}: nothing was deleted.")
        return EXIT_USAGE
    _refuse_if_busy(name, *begin_deletion(server, name))
    print(f"{name}: deleted from Redis ({plural(delete_keys(server, name), 'key')}).")
    return EXIT_OK


def _busy(seen: dict[str, Any]) -> tuple[int, int]:
    """Return how many workers are alive, and how many leases have not expired."""
    return len(seen["workers"]), sum(not lease["is_expired"] for lease in seen["leases"])


def _refuse_if_busy(name: str, workers: int, leases: int) -> None:
    if workers or leases:
        raise UsageProblems(
            f"job={name}: {plural(workers, 'worker')} alive, {plural(leases, 'page')} leased. "
            f"First: scrapy tmapi stop {name}; delete it once they have left (a killed worker "
            "counts as alive for up to TMAPI_LEASE_SECONDS)."
        )


def _question(seen: dict[str, Any], price: float) -> str:
    products = seen["products"]
    missing = products["all"] - products["exported"]
    return (
        f"Delete {seen['job']}? It has {plural(seen['queries']['all'], 'query', 'queries')}, "
        f"{plural(products['all'], 'product')} of which {missing:,} are not exported, "
        f"{calls(seen['calls'], price)} paid. Type the job's name to delete it: "
    )


def _agreed(name: str, question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageProblems(
            f"job={name}: there is no terminal to ask on. To delete it without asking: "
            f"scrapy tmapi delete {name} --yes"
        )
    try:
        return input(question).strip() == name
    except EOFError:
        return False
