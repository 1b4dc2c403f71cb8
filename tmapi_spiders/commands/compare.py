"""Say what changed between two jobs: prices, what is new, what is gone, targets reached."""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.compare.finding import Finder
from tmapi_spiders.compare.loading import OLD_AND_NEW, load
from tmapi_spiders.compare.sides import choose_sides
from tmapi_spiders.compare.telling import Summary, headline, tell
from tmapi_spiders.compare.wanted import Wanted
from tmapi_spiders.compare.writing import LinesFile
from tmapi_spiders.config import Config
from tmapi_spiders.database import failing_as_storage
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.phrases import plural
from tmapi_spiders.run import EXIT_CHANGED, EXIT_OK, EXIT_STOPPED, EXIT_USAGE

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

    from tmapi_spiders.compare.sides import Sides

_SHOWN = 10

#: Kinds that may be too small to count.
_MEASURED = ("price", "sales", "rank")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their values are checked by `run`."""
    parser.add_argument(
        "jobs", nargs="+", metavar="JOB", help="OLD and NEW; or one series: its last two"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write changes.jsonl, a line a change"
    )
    parser.add_argument("--only", metavar="KINDS", help=f"some of: {', '.join(KINDS)}")
    for kind in _MEASURED:
        parser.add_argument(
            f"--min-{kind}-change",
            metavar="N",
            help=f"leave out smaller changes of {kind}: a number, or per cent (5%%)",
        )
    parser.add_argument(
        "--show",
        metavar="N",
        default=str(_SHOWN),
        help="show the N largest of each (default: %(default)s)",
    )
    parser.add_argument(
        "--incomplete-ok",
        action="store_true",
        help="compare also a job that was stopped early, or has no outcomes or job.json",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Compare; returns the exit status: 0 nothing changed, 5 something did."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _compare(options, settings)
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STOPPED)
    except KeyboardInterrupt:
        return _refuse("interrupted; nothing was written.", status=EXIT_STOPPED)
    finally:
        signal.signal(signal.SIGTERM, before)


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        print(f"compare: {problem}", file=sys.stderr)
    return status


def _warn(warning: str) -> None:
    print(f"compare: {warning}", file=sys.stderr)


def _compare(options: argparse.Namespace, settings: BaseSettings) -> int:
    wanted, shown = _options(options)
    config = Config.from_settings(settings, needs_token=False)
    output = None if options.output is None else LinesFile.check(options.output)
    sides = choose_sides(options.jobs, config.output_dir, incomplete_ok=options.incomplete_ok)
    for warning in sides.warnings:
        _warn(warning)
    with ExitStack() as stack:
        lines = stack.enter_context(LinesFile(output)) if output else None
        if sides.old is None:
            print(f"{sides.new.name}: the first of its series, a baseline: nothing to compare yet.")
            return EXIT_OK
        summary = Summary(shown)
        scratch = stack.enter_context(_scratch(config.output_dir))
        _find(sides, Path(scratch), wanted, summary, lines)
    tell(summary, wanted.kinds)
    if lines is not None:
        print(f"  {lines.path}: {plural(lines.count, 'line')}")
    return EXIT_CHANGED if summary.counts else EXIT_OK


def _options(options: argparse.Namespace) -> tuple[Wanted, int]:
    """Read the options that need no job.

    :raises UsageProblems: with all that is wrong
    """
    problems: list[str] = []
    given = {kind: getattr(options, f"min_{kind}_change") for kind in _MEASURED}
    wanted = Wanted()
    try:
        wanted = Wanted.read(options.only, **given)
    except UsageProblems as exc:
        problems += exc.problems
    if len(options.jobs) > 2:
        problems.append(f"{' '.join(options.jobs)}: accepted: OLD and NEW, or one series.")
    if not (options.show.isascii() and options.show.isdigit() and len(options.show) < 6):
        problems.append(f"--show {options.show}: accepted: a whole number from 0 to 99999.")
    if problems:
        raise UsageProblems(*problems)
    return wanted, int(options.show)


def _scratch(output_dir: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder for SQLite's file, where there is room for jobs.

    :raises StorageError: if it can't be made
    """
    try:
        return tempfile.TemporaryDirectory(prefix=".compare-", dir=output_dir)
    except OSError as exc:
        raise StorageError(f"{output_dir}: it can't be written ({exc.strerror or exc}).") from exc


def _find(
    sides: Sides, scratch: Path, wanted: Wanted, summary: Summary, lines: LinesFile | None
) -> None:
    assert sides.old is not None
    path = scratch / "compare.sqlite"
    with failing_as_storage(path), closing(load(path, sides.old, sides.new, _warn)) as connection:
        finder = Finder(connection, (sides.old.name, sides.new.name))
        before, after = map(finder.count, OLD_AND_NEW)
        print(headline(sides.old.name, sides.new.name, before, after))
        for change in finder.changes():
            if wanted.wants(change):
                summary.add(change)
                if lines is not None:
                    lines.write(change)
