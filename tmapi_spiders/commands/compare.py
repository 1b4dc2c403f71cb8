"""Say what changed between two jobs: prices, what is new, what is gone, targets reached."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tmapi_spiders.commands.page_options import PageOptions, add_page_options, page_path, put_page
from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.compare.finding import Finder
from tmapi_spiders.compare.loading import OLD_AND_NEW, load
from tmapi_spiders.compare.showing import ChangedProducts
from tmapi_spiders.compare.sides import choose_sides
from tmapi_spiders.compare.telling import Summary, headline, tell
from tmapi_spiders.compare.wanted import Wanted
from tmapi_spiders.compare.writing import LinesFile
from tmapi_spiders.config import Config
from tmapi_spiders.database import failing_as_storage
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.phrases import plural
from tmapi_spiders.results.destination import keep_off_jobs, problems_of, to_path
from tmapi_spiders.run import EXIT_CHANGED, EXIT_OK, EXIT_STOPPED, EXIT_USAGE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from scrapy.settings import BaseSettings

    from tmapi_spiders.compare.changes import Change
    from tmapi_spiders.compare.sides import Sides
    from tmapi_spiders.results.gallery import Gallery

_SHOWN = 10

_SCRATCH = ".compare-"
_DAY = 24 * 60 * 60

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
    parser.add_argument(
        "--html", metavar="FILE", help="write a page: each seed beside what changed, with pictures"
    )
    add_page_options(parser, which="those that changed most")
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
    ends = (signal.SIGTERM, signal.SIGHUP)  # a closed terminal leaves nothing lying about
    before = {number: signal.signal(number, signal.default_int_handler) for number in ends}
    try:
        return _compare(options, settings)
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STOPPED)
    except KeyboardInterrupt:
        return _refuse("interrupted.", status=EXIT_STOPPED)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        print(f"compare: {problem}", file=sys.stderr)
    return status


def _warn(warning: str) -> None:
    print(f"compare: {warning}", file=sys.stderr)


def _compare(options: argparse.Namespace, settings: BaseSettings) -> int:
    wanted, shown, page = _options(options)
    config = Config.from_settings(settings, needs_token=False)
    output = None if options.output is None else to_path(options.output)
    if output and (problems := problems_of(options.output, output, (".jsonl", ".ndjson"))):
        raise UsageProblems(*problems)
    sides = choose_sides(options.jobs, config.output_dir, incomplete_ok=options.incomplete_ok)
    if output:
        keep_off_jobs(output, *filter(None, (sides.old, sides.new)))
    html = _page_path(options.html, sides)
    for warning in sides.warnings:
        _warn(warning)
    summary, products, told = Summary(shown), ChangedProducts(page.per_seed), []
    with ExitStack() as stack:
        lines = stack.enter_context(LinesFile(output)) if output else None
        if sides.old is None:
            print(f"{sides.new.name}: the first of its series, a baseline: nothing to compare yet.")
        else:
            takers = [
                summary.add,
                *([products.add] if html else []),
                *([lines.write] if lines else []),
            ]
            with _scratch(config.output_dir) as scratch:
                _find(sides, Path(scratch), wanted, takers)
        if html:
            gallery = products.gallery(sides, _condition(options))
            told = _put(html, gallery, sides, page, config)
    if sides.old is not None:
        tell(summary, wanted.kinds)
    if lines is not None and sides.old is not None:
        print(f"  {lines.path}: {plural(lines.count, 'line')}")
    for line in told:
        print(f"  {line}")
    return EXIT_CHANGED if summary.counts else EXIT_OK


def _page_path(given: str | None, sides: Sides) -> Path | None:
    """Return where the page goes; None if none is wanted.

    :raises UsageProblems: if nothing can be written there
    """
    if given is None:
        return None
    return page_path(given, *filter(None, (sides.old, sides.new)), option="--html")


def _condition(options: argparse.Namespace) -> str:
    """Return the options that leave changes out, as they were given."""
    names = ("only", *(f"min_{kind}_change" for kind in _MEASURED))
    given = {name: getattr(options, name) for name in names}
    return " ".join(
        f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value is not None
    )


def _put(
    path: Path, gallery: Gallery, sides: Sides, options: PageOptions, config: Config
) -> list[str]:
    """Write the page; returns what is told of it."""
    cards = sum(len(group.cards) for group in gallery.groups)
    cut = sum(len(group.rest) for group in gallery.groups)
    left_out = f"; {cut:,} more left out (--per-seed {options.per_seed})" if cut else ""
    told, where = put_page(path, gallery, sides.new, options, config)
    return [
        f"{plural(len(gallery.groups), 'seed')}, {plural(cards, 'card')}{left_out}",
        *told,
        where,
    ]


def _options(options: argparse.Namespace) -> tuple[Wanted, int, PageOptions]:
    """Read the options that need no job.

    :raises UsageProblems: with all that is wrong
    """
    problems: list[str] = []
    given = {kind: getattr(options, f"min_{kind}_change") for kind in _MEASURED}
    wanted, page = Wanted(), PageOptions(0, 1)
    try:
        wanted = Wanted.read(options.only, **given)
    except UsageProblems as exc:
        problems += exc.problems
    try:
        page = PageOptions.read(options.thumbnails, options.per_seed)
        if options.html is not None:
            page.check_pictures()
    except UsageProblems as exc:
        problems += exc.problems
    if len(options.jobs) > 2:
        problems.append(f"{' '.join(options.jobs)}: accepted: OLD and NEW, or one series.")
    if not (options.show.isascii() and options.show.isdigit() and len(options.show) < 6):
        problems.append(f"--show {options.show}: accepted: a whole number from 0 to 99999.")
    if problems:
        raise UsageProblems(*problems)
    return wanted, int(options.show), page


def _scratch(output_dir: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a folder for SQLite's file, where there is room for jobs; else the system's.

    :raises StorageError: if it can't be made
    """
    for left in output_dir.glob(f"{_SCRATCH}*"):  # of one that was killed
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _DAY:
                shutil.rmtree(left)
    try:
        with suppress(OSError):
            return tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=output_dir)
        return tempfile.TemporaryDirectory(prefix=_SCRATCH)
    except OSError as exc:
        raise StorageError(f"{output_dir}: it can't be written ({exc.strerror or exc}).") from exc


def _find(
    sides: Sides, scratch: Path, wanted: Wanted, takers: Sequence[Callable[[Change], None]]
) -> None:
    assert sides.old is not None
    path = scratch / "compare.sqlite"
    with failing_as_storage(path), closing(load(path, sides.old, sides.new, _warn)) as connection:
        finder = Finder(connection, (sides.old.name, sides.new.name))
        before, after = map(finder.count, OLD_AND_NEW)
        print(headline(sides.old.name, sides.new.name, before, after))
        for change in finder.changes():
            if wanted.wants(change):
                for take in takers:
                    take(change)
