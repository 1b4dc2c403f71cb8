"""Show the progress of jobs on Redis, or of one job in the output folder."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from tmapi_spiders.commands.exit_status import say
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.distributed.access import checked_server, job_names, no_such_job
from tmapi_spiders.distributed.expiry import forget_expired
from tmapi_spiders.distributed.job_status import read_status
from tmapi_spiders.distributed.scheduler import is_shared
from tmapi_spiders.distributed.status_text import detailed_lines, short_lines
from tmapi_spiders.errors import TmapiError
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.local.local_job import LocalJob
from tmapi_spiders.system.signals import interruptible
from tmapi_spiders.system.streams import stdout_problem

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings

#: Seconds between two reports of ``--watch``.
_EVERY = 2.0

_ELSEWHERE = "distributed jobs are on Redis; local ones are in the output folder: scrapy tmapi jobs"

_CLEAR = "\x1b[H\x1b[2J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", nargs="?", help="the job's name (default: all jobs)")
    parser.add_argument(
        "--json", action="store_true", help="print JSON, for programs: one value per report"
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help=f"report every {_EVERY:g} s until the job has ended, or Ctrl-C",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Show the progress; return the exit status."""
    here = LocalJob.find(options.job or "", settings) if not is_shared(settings) else None
    if here is not None:
        text = orjson.dumps(here.facts).decode() if options.json else "\n".join(here.lines())
        print(text, flush=True)
        return EXIT_OK
    is_connected = False
    try:
        with (
            interruptible(),
            checked_server(settings, options.job, partial(say, "status")) as (server, config),
        ):
            is_connected = True
            _watch(server, options, settings, config.call_price)
    except KeyboardInterrupt:  # how one leaves --watch
        pass
    except TmapiError as exc:
        if not is_connected:
            exc.add_note(_ELSEWHERE)
        raise
    return EXIT_OK


def _watch(
    server: Redis, options: argparse.Namespace, settings: BaseSettings, price: float
) -> None:
    """Print the progress once, or with ``--watch`` until the job has ended."""
    while True:
        seen = _look(server, options.job, settings)
        if options.json:
            value = seen[0] if options.job is not None else seen
            text = orjson.dumps(value, default=str).decode()
        else:
            text = _text(seen, options.job, price)
        clears = options.watch and not options.json and sys.stdout.isatty()
        print((_CLEAR if clears else "") + text, flush=True)
        has_ended = options.job is not None and seen[0]["state"] == "ended"
        if not options.watch or has_ended or stdout_problem():
            return
        time.sleep(_EVERY)


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
        return "\n".join(detailed_lines(seen[0], price))
    if not seen:
        return "There is no job on this Redis. Create one: scrapy tmapi enqueue NAME -a seeds=…"
    return "\n".join(line for one in seen for line in short_lines(one, price))
