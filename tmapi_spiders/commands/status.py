"""Show how far a job is: one on Redis, all of them, or one in the output folder."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.distributed.access import ask, job_names, no_such_job
from tmapi_spiders.distributed.expiry import forget_expired
from tmapi_spiders.distributed.job_status import read_status
from tmapi_spiders.distributed.scheduler import is_shared
from tmapi_spiders.distributed.status_text import show, show_short
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.local.local_job import LocalJob
from tmapi_spiders.system.signals import interruptible
from tmapi_spiders.system.streams import problem_of_stdout

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.config.settings import Config

#: Seconds between two looks.
_EVERY = 2.0

_ELSEWHERE = (
    "jobs of workers are on Redis; those of crawls without, in the output folder: scrapy tmapi jobs"
)

_CLEAR = "\x1b[H\x1b[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", nargs="?", help="the job's name (default: all jobs)")
    parser.add_argument("--json", action="store_true", help="for machines: one JSON value a look")
    parser.add_argument(
        "--watch",
        action="store_true",
        help=f"look again every {_EVERY:g} s until the job has ended, or Ctrl-C",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Show it; returns the exit status."""
    reached = False
    here = LocalJob.find(options.job or "", settings) if not is_shared(settings) else None
    if here is not None:
        told = orjson.dumps(here.facts).decode() if options.json else "\n".join(here.lines())
        print(told, flush=True)
        return EXIT_OK

    def act(server: Redis, config: Config) -> int:
        nonlocal reached
        reached = True
        while True:
            seen = _look(server, options.job, settings)
            if options.json:
                value = seen[0] if options.job is not None else seen
                text = orjson.dumps(value, default=str).decode()
            else:
                text = _text(seen, options.job, config.call_price)
            clears = options.watch and not options.json and sys.stdout.isatty()
            print((_CLEAR if clears else "") + text, flush=True)
            has_ended = options.job is not None and seen[0]["state"] == "ended"
            if not options.watch or has_ended or problem_of_stdout():
                return EXIT_OK
            time.sleep(_EVERY)

    try:
        with interruptible():
            status = ask("status", settings, options.job, act)
    except KeyboardInterrupt:  # how one leaves --watch
        return EXIT_OK
    if not reached:
        print(f"status: {_ELSEWHERE}", file=sys.stderr)
    return status


def _look(server: Redis, job: str | None, settings: BaseSettings) -> list[dict[str, Any]]:
    kind_of = partial(kind_for, settings)
    if job is not None:
        seen = read_status(server, job, kind_of)
        if seen is None:
            raise no_such_job(server, job)
        return [seen]
    found = []
    for name in job_names(server):
        seen = read_status(server, name, kind_of)
        if seen is not None:
            found.append(seen)
        else:
            forget_expired(server, name)
    return found


def _text(seen: list[dict[str, Any]], job: str | None, price: float) -> str:
    if job is not None:
        return "\n".join(show(seen[0], price))
    if not seen:
        return "There is no job on this Redis. Put one there: scrapy tmapi enqueue NAME -a seeds=…"
    return "\n".join(line for one in seen for line in show_short(one, price))
