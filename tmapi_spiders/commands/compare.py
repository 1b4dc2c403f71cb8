"""Say what changed between two jobs: prices, what is new, what is gone, targets reached."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import time
from contextlib import closing, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from tmapi_spiders.commands.compare_options import Given, add_options
from tmapi_spiders.commands.page_options import page_path, put_page
from tmapi_spiders.compare.change_finder import ChangeFinder
from tmapi_spiders.compare.changes_page import ChangesPage
from tmapi_spiders.compare.comparable_fields import KINDS_BY_FIELD, fields_read_differently
from tmapi_spiders.compare.database import OLD_AND_NEW, load_jobs
from tmapi_spiders.compare.lines_file import LinesFile
from tmapi_spiders.compare.notice import Notice
from tmapi_spiders.compare.report import ChangeSummary, headline, print_summary
from tmapi_spiders.compare.sides import choose_sides
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_CHANGED, EXIT_OK, EXIT_STOPPED, EXIT_USAGE
from tmapi_spiders.errors import DeliveryError, StorageError, UsageProblems
from tmapi_spiders.jobs.destination import keep_off_jobs
from tmapi_spiders.jobs.resume import in_project
from tmapi_spiders.system.output_file import told_of_link
from tmapi_spiders.system.signals import interruptible
from tmapi_spiders.system.sqlite import failing_as_storage
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from scrapy.settings import BaseSettings

    from tmapi_spiders.compare.changes import Change
    from tmapi_spiders.compare.sides import Sides

_SCRATCH = ".compare-"
_DAY = 24 * 60 * 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_options(parser)


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Compare; returns the exit status: 0 nothing changed, 5 something did, 4 not told."""
    # Printed last: who is to be told must not wait for a reader who leaves the output unread.
    said = StringIO()
    try:
        with interruptible(), redirect_stdout(said):
            return _compare(options, settings)
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STOPPED)
    except KeyboardInterrupt:
        return _refuse("interrupted.", status=EXIT_STOPPED)
    finally:
        print(said.getvalue(), end="")


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        _warn(problem)
    return status


def _warn(warning: str) -> None:
    print(f"compare: {warning}", file=sys.stderr)


def _compare(options: argparse.Namespace, settings: BaseSettings) -> int:
    given = Given.read(options)
    config = Config.from_settings(settings, needs_token=False)
    sides = choose_sides(options.jobs, config.output_dir, incomplete_ok=options.incomplete_ok)
    jobs = [side for side in (sides.old, sides.new) if side is not None]
    html = None if options.html is None else page_path(options.html, *jobs, option="--html")
    if given.output:
        keep_off_jobs(given.output, *jobs)
    links = [told_of_link(path) for path in (given.output, html) if path is not None]
    for warning in filter(None, (*links, *sides.warnings)):
        _warn(warning)
    summary, products = ChangeSummary(given.shown), ChangesPage(given.page.per_seed)
    with _scratch(config.output_dir) as folder:
        path = given.output or Path(folder) / "changes.jsonl"
        with LinesFile(path) as lines:
            if sides.old is not None:
                takers = [summary.add, lines.write, *([products.add] if html else [])]
                products.provisional = _find(sides, Path(folder), given, takers)
        if sides.old is None:
            print(f"{sides.new.name}: the first of its series, a baseline: nothing to compare yet.")
        else:
            print_summary(summary, given.wanted.kinds)
        if given.output and sides.old is not None:
            print(f"  {path}: {plural(lines.count, 'line')}")
        if html:
            _put(html, products, sides, given, config)
        if not summary.counts:
            return EXIT_OK
        if _deliver(given, sides, summary, path, config):
            return EXIT_CHANGED
    # By then watch~1 may be another, and a folder may have another name than its job.
    words = options.jobs if len(options.jobs) == 2 else [""] * len(jobs)
    names = [
        word if "/" in word else side.folder.name for word, side in zip(words, jobs, strict=True)
    ]
    again = in_project(shlex.join(["scrapy", "tmapi", "compare", *names]))
    _warn(f"not all were told of the changes. To tell them again, with the same options: {again} …")
    return EXIT_STOPPED


def _put(path: Path, products: ChangesPage, sides: Sides, given: Given, config: Config) -> None:
    """Write the page, and say what is in it."""
    gallery = products.gallery(sides, given.condition)
    cards = sum(len(group.cards) for group in gallery.groups)
    cut = sum(len(group.rest) for group in gallery.groups)
    left_out = f"; {cut:,} more left out (--per-seed {given.page.per_seed})" if cut else ""
    told, where = put_page(path, gallery, sides.new, given.page, config)
    print(f"  {plural(len(gallery.groups), 'seed')}, {plural(cards, 'card')}{left_out}")
    for line in (*told, where):
        print(f"  {line}")


def _deliver(
    given: Given, sides: Sides, summary: ChangeSummary, path: Path, config: Config
) -> bool:
    """Hand the changes on to whom the user names; return whether all of them took it.

    :param path: of the changes, a line each
    """
    assert sides.old is not None
    jobs = (sides.old.name, sides.new.name)
    problems: list[str] = []
    deliveries: list[Callable[[], None]] = []
    webhook, program = given.webhook, given.program
    if webhook is not None:
        source = sides.new.facts.get("source")
        notice = Notice.of(path, jobs, summary.counts, source=source, changes_file=given.output)
        deliveries.append(lambda: webhook.post(notice, config))
    if program is not None:
        deliveries.append(lambda: program.run(path))
    for deliver in deliveries:
        try:
            deliver()
        except DeliveryError as exc:
            problems.append(f"{exc}.")
        except KeyboardInterrupt:
            problems.append("interrupted.")
            break
    for problem in problems:
        _warn(problem)
    return not problems


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
    sides: Sides, scratch: Path, given: Given, takers: Sequence[Callable[[Change], None]]
) -> dict[str, str]:
    """Hand the changes that are wanted to all who take them; return which searches are doubted."""
    assert sides.old is not None
    path = scratch / "compare.sqlite"
    fields = fields_read_differently(sides.old.facts, sides.new.facts)
    if fields:
        _warn(
            f"not compared: {', '.join(fields)}: {sides.old.name} was read by another version of "
            "tmapi_spiders, otherwise than now"
        )
    left_out = {kind for field in fields for kind in KINDS_BY_FIELD[field]}
    with (
        failing_as_storage(path),
        closing(load_jobs(path, sides.old, sides.new, _warn, sides.earlier)) as connection,
    ):
        finder = ChangeFinder(connection, (sides.old.name, sides.new.name))
        before, after = map(finder.count, OLD_AND_NEW)
        print(headline(sides.old.name, sides.new.name, before, after))
        for change in finder.changes():
            if given.wanted.passes(change) and change.change not in left_out:
                for take in takers:
                    take(change)
        return finder.provisional()
