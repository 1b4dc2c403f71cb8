"""Write the files of a job on Redis, or with -o a table: XLSX, CSV or Parquet.

Each row of a job on Redis is written once, however often the export is killed.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from redis import exceptions

from tmapi_spiders.commands.exit_status import Interrupted, say, stoppable
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.evidence import describe_evidence
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.distributed.access import checked_server
from tmapi_spiders.distributed.connection import AWAY, UNWRITABLE, describe, quoted
from tmapi_spiders.distributed.redis_export import RedisExport
from tmapi_spiders.distributed.shared_job import SharedJob
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.fields.unreadable import unreadable_lines
from tmapi_spiders.inputs.spider_kind import kind_for
from tmapi_spiders.jobs.destination import refuse_job_files
from tmapi_spiders.jobs.job import OUTCOMES
from tmapi_spiders.jobs.job_files import JobFiles
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.local.local_job import LocalJob
from tmapi_spiders.local.summary import SHOWN_ERRORS
from tmapi_spiders.system.output_path import link_warning
from tmapi_spiders.tables.export import export_tables
from tmapi_spiders.tables.job_tables import TABLES
from tmapi_spiders.tables.table_file import SUFFIXES, TableFile
from tmapi_spiders.wording import dead_letters, plural, printable, sharing_images

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from scrapy.settings import BaseSettings

#: Seconds between two checks for new rows.
_POLL = 1.0

#: The longest time between two attempts to reach Redis, in seconds.
_LONGEST_WAIT = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("job", help="the job's name; with -o also its folder")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write a table of the job's files to FILE, and replace it if it exists: "
        f"{', '.join(SUFFIXES)}. Reads the job's folder, not Redis",
    )
    parser.add_argument(
        "--table",
        metavar="TABLE",
        help=f"with -o: {', '.join(TABLES)} (default: all in a workbook; the products elsewhere)",
    )
    parser.add_argument(
        "--bom",
        action="store_true",
        help="with -o FILE.csv: begin with a byte order mark, so that Excel recognizes UTF-8",
    )
    parser.add_argument(
        "--follow",
        action="store_true",
        help="write rows as they come until the job has ended or was stopped; if interrupted, "
        "the exit status is 4, and the same command continues",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Write the files, or the table; return the exit status."""
    _check(options)
    if options.output is None:
        # Before the export has begun, or after its end; it handles an interrupt itself meanwhile.
        with stoppable(f"interrupted. To continue: scrapy tmapi export {options.job}"):
            _from_redis(options, settings)
    else:
        with stoppable(f"interrupted. {options.output} was not written."):
            _to_table(options, settings)
    return EXIT_OK


def _check(options: argparse.Namespace) -> None:
    """Make sure that the options go together.

    :raises UsageProblems: if they don't
    """
    problems = []
    if options.output is None:
        if options.table:
            problems.append("--table: it needs -o FILE.")
        if options.bom:
            problems.append("--bom: it needs -o FILE.csv.")
    elif options.follow:
        command = f"scrapy tmapi export {printable(options.job)} --follow"
        problems.append(
            f"--follow and -o: one at a time. First the job's files, {command}; then -o."
        )
    if problems:
        raise UsageProblems(*problems)


def _to_table(options: argparse.Namespace, settings: BaseSettings) -> None:
    """Make a table of the job's files."""
    config = Config.from_settings(settings, needs_token=False)
    target = TableFile.of(options.output, options.table, bom=options.bom)
    files = JobFiles.open(options.job, config.output_dir)
    refuse_job_files(target.path, files)
    if link := link_warning(target.path):
        say("export", link)
    say("export", *(f"{files.name}: {warning}" for warning in files.warnings))
    print("\n".join(export_tables(files, target)))


def _from_redis(options: argparse.Namespace, settings: BaseSettings) -> None:
    """Write the files of a job on Redis."""
    if (here := LocalJob.find(options.job, settings)) is not None:
        raise UsageProblems(
            f"{here.name}: it was crawled on this machine, not on Redis; its files are in "
            f"{here.folder}. A table of them: scrapy tmapi export {here.name} -o {here.name}.xlsx"
        )
    with (
        checked_server(settings, options.job, partial(say, "export")) as (server, config),
        RedisExport(
            server, SharedJob.load(server, options.job, partial(kind_for, settings)), config
        ) as export,
    ):
        try:
            final = _follow(export, settings) if options.follow else _once(export)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted. {_so_far(export)}. To continue: scrapy tmapi export {options.job} "
                "--follow"
            ) from None
        print("\n".join(_report(options.job, export, final=final)))


def _once(export: RedisExport) -> bool:
    """Write the rows there are; return whether the job has ended and all are written."""
    final = export.final_state()
    export.copy()
    return bool(final) and export.finish(final)


def _follow(export: RedisExport, settings: BaseSettings) -> bool:
    """Write rows as they come until the job has ended; return True."""
    wait = _POLL
    is_away = False
    while True:
        try:
            if _once(export):
                return True
            wait = _POLL
            if is_away:
                is_away = False
                say("export", f"{describe(settings)}: it is back")
        except exceptions.AuthenticationError:
            raise
        except (*AWAY, *UNWRITABLE) as exc:
            if not is_away:
                say("export", f"{describe(settings)}: {quoted(exc, settings)}; waiting")
            is_away, wait = True, min(2 * wait, _LONGEST_WAIT)
        time.sleep(wait)


def _so_far(export: RedisExport) -> str:
    lines = ", ".join(f"{name} {plural(count, 'line')}" for name, count in export.lines.items())
    return f"Files in {export.folder}: {lines}"


def _report(job: str, export: RedisExport, *, final: bool) -> list[str]:
    if not final:
        return [
            (
                f"{job}: it is still running; its outcomes and its final job.json are written once "
                "it has ended:"
            ),
            f"    scrapy tmapi export {job} --follow",
            f"  {_so_far(export)}",
        ]
    ended = ", ".join(
        f"{count:,} {status.replace('_', ' ')}" for status, count in export.by_status.items()
    )
    why = (
        f" STOPPED EARLY: {printable(export.stop_reason)}."
        if export.stop_reason is not None
        else ""
    )
    queries = plural(sum(export.by_status.values()), "query", "queries")
    evidence = describe_evidence(export.evidence)
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
        *(f"  {line}" for line in unreadable_lines(export.unreadable)),
        *([f"  note: {sharing_images(export.sharing, 'job')}."] if credits_one else []),
        *_failed(job, export),
    ]


def _letters(job: str, number: int) -> list[str]:
    if not number:
        return []
    return [f"  {dead_letters(number)}", f"    {with_profile(f'scrapy tmapi replay {job}')}"]


def _failed(job: str, export: RedisExport) -> Iterator[str]:
    """Yield why queries failed, as a crawl's summary does, and how to retry them."""
    if not export.failures or export.stop_reason is not None:
        return
    for error, count in list(export.errors.items())[:SHOWN_ERRORS]:
        yield f"  {plural(count, 'query', 'queries')}: {printable(error)}"
    failed = plural(export.failures, "query", "queries")
    yield f"  {failed} failed or ended partial; {export.folder / OUTCOMES} says why."
    yield "  To resume: " + with_profile(f"scrapy tmapi replay {job} --failed") + ", then workers"
