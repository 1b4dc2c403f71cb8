"""Write the files of a job on Redis; with -o, make a table of a job's files: XLSX, CSV or Parquet.

Of a job on Redis each row is written once, however often this is killed.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from redis import exceptions

from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.evidence import in_words
from tmapi_spiders.crawl.run import EXIT_OK, EXIT_STOPPED, EXIT_USAGE
from tmapi_spiders.distributed.access import ask, clean
from tmapi_spiders.distributed.connection import AWAY, UNWRITABLE, describe, quoted
from tmapi_spiders.distributed.redis_export import Export
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.fields.unreadable import told
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.jobs.destination import keep_off_jobs
from tmapi_spiders.jobs.job import OUTCOMES
from tmapi_spiders.jobs.job_files import JobFiles
from tmapi_spiders.jobs.resume import in_project
from tmapi_spiders.local.local_job import LocalJob
from tmapi_spiders.local.summary import SHOWN_ERRORS
from tmapi_spiders.system.output_file import told_of_link
from tmapi_spiders.system.signals import interruptible
from tmapi_spiders.tables.export import export_tables
from tmapi_spiders.tables.job_tables import TABLES
from tmapi_spiders.tables.target import SUFFIXES, Target
from tmapi_spiders.wording import dead_letters, plural, sharing_images

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from redis import Redis
    from scrapy.settings import BaseSettings

#: Seconds between two looks for new rows.
_POLL = 1.0

#: Seconds between two tries to reach Redis, at most.
_LONGEST_WAIT = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="the job's name; with -o its folder will do, too")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write a table of the job's files, which are in its folder, to FILE, which is "
        f"replaced: {', '.join(SUFFIXES)}. Nothing is read from Redis for that",
    )
    parser.add_argument(
        "--table",
        metavar="TABLE",
        help=f"with -o: {', '.join(TABLES)} (default: all in a workbook; the products elsewhere)",
    )
    parser.add_argument(
        "--bom",
        action="store_true",
        help="with -o FILE.csv: begin with a byte order mark, by which Excel knows UTF-8",
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="stay until the job has ended or was stopped, and write rows as they come; one that "
        "is interrupted before has exit status 4, and goes on when it is started again",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Write the files, or the table; returns the exit status."""
    if problems := _unfit(options):
        return _refuse(*problems)
    if getattr(options, "output", None) is None:
        return _from_redis(options, settings)
    return _interruptible(
        lambda: _to_table(options, settings),
        f"interrupted. {options.output} was not written.",
    )


def _unfit(options: argparse.Namespace) -> list[str]:
    """Return what is wrong with the options together."""
    given = {name: getattr(options, name, None) for name in ("output", "table", "bom")}
    if given["output"] is None:
        return [
            f"--{name}: it goes with -o FILE{'.csv' if name == 'bom' else ''} alone."
            for name in ("table", "bom")
            if given[name]
        ]
    if options.follow:
        command = f"scrapy tmapi export {clean(options.job)} --follow"
        return [f"--follow and -o: one at a time. First the job's files, {command}; then -o."]
    return []


def _to_table(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Make a table of the job's files."""
    try:
        config = Config.from_settings(settings, needs_token=False)
        target = Target.of(options.output, options.table, bom=options.bom)
        files = JobFiles.open(options.job, config.output_dir)
        keep_off_jobs(target.path, files)
        if link := told_of_link(target.path):
            print(f"export: {link}", file=sys.stderr)
        for warning in files.warnings:
            print(f"export: {files.name}: {warning}", file=sys.stderr)
        print("\n".join(export_tables(files, target)))
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STOPPED)
    return EXIT_OK


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        print(f"export: {problem}", file=sys.stderr)
    return status


def _interruptible(act: Callable[[], int], told: str) -> int:
    """Do something that a signal ends with a word and exit status 4."""
    try:
        with interruptible():
            return act()
    except KeyboardInterrupt:
        print(f"\nexport: {told}", file=sys.stderr)
        return EXIT_STOPPED


def _from_redis(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Write the files of a job on Redis."""
    if (here := LocalJob.find(options.job, settings)) is not None:
        return _refuse(
            f"{here.name}: it was crawled on this machine, not on Redis; its files are in "
            f"{here.folder}. A table of them: scrapy tmapi export {here.name} -o {here.name}.xlsx"
        )

    def act(server: Redis, config: Config) -> int:
        with Export(
            server, SharedJob.load(server, options.job, partial(kind_for, settings)), config
        ) as export:
            try:
                final = _follow(export, settings) if options.follow else _once(export)
            except KeyboardInterrupt:
                print(f"\n{options.job}: interrupted. {_so_far(export)}", file=sys.stderr)
                print(f"  To go on: scrapy tmapi export {options.job} --follow", file=sys.stderr)
                return EXIT_STOPPED
            print("\n".join(_report(options.job, export, final=final)))
        return EXIT_OK

    return _interruptible(  # before it has begun, or when it was done
        lambda: ask("export", settings, options.job, act),
        f"interrupted. To go on: scrapy tmapi export {options.job}",
    )


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
                print(
                    f"export: {describe(settings)}: {quoted(exc, settings)}; waiting",
                    file=sys.stderr,
                )
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
    evidence = in_words(export.evidence)
    credits_one = export.sharing and export.dedupe == "job"
    return [
        f"{job}: {queries}: {ended or 'none'}.{why}",
        *([f"  {evidence}"] if evidence else []),
        (
            f"  {plural(export.products['new'], 'product')} "
            f"({plural(export.products['duplicates'], 'duplicate')}, "
            f"{export.products['rejected']:,} rejected)"
        ),
        f"  {_so_far(export)}",
        *_letters(job, export.dead_letters),
        *(f"  {clean(line)}" for line in told(export.unreadable)),
        *([f"  note: {sharing_images(export.sharing, 'job')}."] if credits_one else []),
        *_failed(job, export),
    ]


def _letters(job: str, number: int) -> list[str]:
    if not number:
        return []
    return [f"  {dead_letters(number)}", f"    {in_project(f'scrapy tmapi replay {job}')}"]


def _failed(job: str, export: Export) -> Iterator[str]:
    """Yield what queries failed by, as a crawl's summary does, and how to have them go on."""
    if not export.failures or export.stop_reason is not None:
        return
    for error, count in list(export.errors.items())[:SHOWN_ERRORS]:
        yield f"  {plural(count, 'query', 'queries')}: {clean(error)}"
    failed = plural(export.failures, "query", "queries")
    yield f"  {failed} failed or ended partial; {export.folder / OUTCOMES} says why."
    yield "  To go on: " + in_project(f"scrapy tmapi replay {job} --failed") + ", then workers"
