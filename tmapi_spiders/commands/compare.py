"""Show what changed between two jobs: prices, new and gone products, price targets."""

from __future__ import annotations

import shlex
import shutil
import tempfile
import time
from contextlib import closing, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from tmapi_spiders.commands.compare_options import CompareOptions, add_compare_options
from tmapi_spiders.commands.exit_status import say, stoppable
from tmapi_spiders.commands.page_options import page_path, write_gallery
from tmapi_spiders.compare.change_finder import ChangeFinder
from tmapi_spiders.compare.changes_page import ChangesPage
from tmapi_spiders.compare.comparable_fields import KINDS_BY_FIELD, fields_read_differently
from tmapi_spiders.compare.database import OLD_AND_NEW, load_jobs
from tmapi_spiders.compare.notice import Notice
from tmapi_spiders.compare.report import ChangeSummary, headline, print_summary
from tmapi_spiders.compare.sides import choose_sides
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_CHANGED, EXIT_OK, EXIT_STOPPED
from tmapi_spiders.errors import DeliveryError, StorageError
from tmapi_spiders.formats import to_line
from tmapi_spiders.jobs.destination import refuse_job_files
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.system.atomic_file import atomic_write
from tmapi_spiders.system.output_path import link_warning
from tmapi_spiders.system.sqlite import storage_errors
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
    add_compare_options(parser)


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Compare; return 0 if nothing changed, 5 if something did, 4 if it could not be delivered."""
    # Printed last: a reader that leaves the output unread must not hold up the deliveries.
    output = StringIO()
    try:
        with stoppable("interrupted."), redirect_stdout(output):
            return _compare(options, settings)
    finally:
        print(output.getvalue(), end="")


def _warn(warning: str) -> None:
    say("compare", warning)


def _compare(options: argparse.Namespace, settings: BaseSettings) -> int:
    given = CompareOptions.read(options)
    config = Config.from_settings(settings, needs_token=False)
    sides = choose_sides(options.jobs, config.output_dir, incomplete_ok=options.incomplete_ok)
    jobs = [side for side in (sides.old, sides.new) if side is not None]
    html = None if options.html is None else page_path(options.html, *jobs, option="--html")
    if given.output:
        refuse_job_files(given.output, *jobs)
    links = [link_warning(path) for path in (given.output, html) if path is not None]
    for warning in filter(None, (*links, *sides.warnings)):
        _warn(warning)
    summary, products = ChangeSummary(given.shown), ChangesPage(given.page.per_seed)
    with _scratch(config.output_dir) as folder:
        path = given.output or Path(folder) / "changes.jsonl"
        with atomic_write(path) as file:

            def write(change: Change) -> None:
                file.write(to_line(change))

            if sides.old is not None:
                takers = [summary.add, write, *([products.add] if html else [])]
                products.provisional = _find(sides, Path(folder), given, takers)
        if sides.old is None:
            print(f"{sides.new.name}: the first of its series, a baseline: nothing to compare yet.")
        else:
            print_summary(summary, given.wanted.kinds)
        if given.output and sides.old is not None:
            print(f"  {path}: {plural(summary.counts.total(), 'line')}")
        if html:
            _write_page(html, products, sides, given, config)
        if not summary.counts:
            return EXIT_OK
        if _deliver(given, sides, summary, path, config):
            return EXIT_CHANGED
    # By then watch~1 may be a different job, and a folder may have a different name than its job.
    words = options.jobs if len(options.jobs) == 2 else [""] * len(jobs)
    names = [
        word if "/" in word else side.folder.name for word, side in zip(words, jobs, strict=True)
    ]
    again = with_profile(shlex.join(["scrapy", "tmapi", "compare", *names]))
    _warn(f"not everything was delivered. To deliver again, with the same options: {again} …")
    return EXIT_STOPPED


def _write_page(
    path: Path, products: ChangesPage, sides: Sides, given: CompareOptions, config: Config
) -> None:
    """Write the page, and print what is in it."""
    gallery = products.gallery(sides, given.condition)
    cards = sum(len(group.cards) for group in gallery.groups)
    cut = sum(len(group.rest) for group in gallery.groups)
    left_out = f"; {cut:,} more left out (--per-seed {given.page.per_seed})" if cut else ""
    remarks, where = write_gallery(path, gallery, sides.new, given.page, config)
    print(f"  {plural(len(gallery.groups), 'seed')}, {plural(cards, 'card')}{left_out}")
    for line in (*remarks, where):
        print(f"  {line}")


def _deliver(
    given: CompareOptions, sides: Sides, summary: ChangeSummary, path: Path, config: Config
) -> bool:
    """Deliver the changes to the webhook and the program given; return whether all succeeded.

    :param path: the file of changes, one per line
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
    """Return a temporary folder for SQLite's file, in the output folder if possible.

    The output folder has room for jobs; the system's temporary folder may not.

    :raises StorageError: if no folder can be made
    """
    for left in output_dir.glob(f"{_SCRATCH}*"):  # by a comparison that was killed
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
    sides: Sides, scratch: Path, given: CompareOptions, takers: Sequence[Callable[[Change], None]]
) -> dict[str, str]:
    """Pass the wanted changes to all takers; return why queries are in doubt, by query id."""
    assert sides.old is not None
    path = scratch / "compare.sqlite"
    fields = fields_read_differently(sides.old.facts, sides.new.facts)
    if fields:
        _warn(
            f"not compared: {', '.join(fields)}: {sides.old.name} was read by another version of "
            "tmapi_spiders, which reads them differently"
        )
    left_out = {kind for field in fields for kind in KINDS_BY_FIELD[field]}
    with (
        storage_errors(path),
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
