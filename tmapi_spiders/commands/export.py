"""Write the files of a job on Redis; each row once, however often this is killed."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

from redis import exceptions

from tmapi_spiders.distributed.asking import ask, clean, load_job
from tmapi_spiders.distributed.connection import AWAY, UNWRITABLE, describe
from tmapi_spiders.distributed.exporting import Export
from tmapi_spiders.phrases import plural
from tmapi_spiders.run import EXIT_OK, EXIT_STOPPED

if TYPE_CHECKING:
    import argparse

    from redis import Redis
    from scrapy.settings import BaseSettings

    from tmapi_spiders.config import Config

#: Seconds between two looks for new rows.
_POLL = 1.0

#: Seconds between two tries to reach Redis, at most.
_LONGEST_WAIT = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="the job's name")
    parser.add_argument(
        "--follow",
        action="store_true",
        help="stay until the job has ended or was stopped, and write rows as they come; one that "
        "is interrupted before has exit status 4, and goes on when it is started again",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Write the files; returns the exit status."""

    def act(server: Redis, config: Config) -> int:
        with Export(server, load_job(server, options.job), config) as export:
            try:
                final = _follow(export, settings) if options.follow else _once(export)
            except KeyboardInterrupt:
                print(f"\n{options.job}: interrupted. {_so_far(export)}", file=sys.stderr)
                print(f"  To go on: scrapy tmapi export {options.job} --follow", file=sys.stderr)
                return EXIT_STOPPED
            print("\n".join(_report(options.job, export, final=final)))
        return EXIT_OK

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return ask("export", settings, options.job, act)
    except KeyboardInterrupt:  # before it has begun, or when it was done
        print(
            f"\nexport: interrupted. To go on: scrapy tmapi export {options.job}", file=sys.stderr
        )
        return EXIT_STOPPED
    finally:
        signal.signal(signal.SIGTERM, before)


def _once(export: Export) -> bool:
    """Write what is there; return whether the job is final, so that this was all."""
    final = export.ask()
    export.copy()
    return bool(final) and export.finish(final)


def _follow(export: Export, settings: BaseSettings) -> bool:
    """Write what comes until the job is final; return True."""
    wait = _POLL
    is_away = False
    while True:
        try:
            if _once(export):
                return True
            wait = _POLL
            if is_away:
                is_away = False
                print(f"export: {describe(settings)}: it is back", file=sys.stderr)
        except exceptions.AuthenticationError:
            raise
        except (*AWAY, *UNWRITABLE) as exc:
            if not is_away:
                print(f"export: {describe(settings)}: {exc}; waiting for it", file=sys.stderr)
            is_away, wait = True, min(2 * wait, _LONGEST_WAIT)
        time.sleep(wait)


def _so_far(export: Export) -> str:
    lines = ", ".join(f"{name} {plural(count, 'line')}" for name, count in export.lines.items())
    return f"Files in {export.folder}: {lines}"


def _report(job: str, export: Export, *, final: bool) -> list[str]:
    if not final:
        return [
            f"{job}: it is still running; outcomes and how it ended come when it has ended:",
            f"    scrapy tmapi export {job} --follow",
            f"  {_so_far(export)}",
        ]
    ended = ", ".join(
        f"{count:,} {status.replace('_', ' ')}" for status, count in export.by_status.items()
    )
    why = f" STOPPED EARLY: {clean(export.stop_reason)}." if export.stop_reason is not None else ""
    queries = plural(sum(export.by_status.values()), "query", "queries")
    return [f"{job}: {queries}: {ended or 'none'}.{why}", f"  {_so_far(export)}"]
