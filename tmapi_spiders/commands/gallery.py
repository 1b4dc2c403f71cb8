"""Show a job in one HTML file: each seed beside its matches, with pictures, filters and prices."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
from typing import TYPE_CHECKING, Final

from tmapi_spiders.config import Config
from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.phrases import plural
from tmapi_spiders.results.destination import keep_off_seeds, problems_of, to_path
from tmapi_spiders.results.embedding import Pictures, embed
from tmapi_spiders.results.gallery_page import gallery_page, told_of_pictures, write_page
from tmapi_spiders.results.groups import read_gallery
from tmapi_spiders.results.job_files import JobFiles
from tmapi_spiders.results.thumbnails import check_pillow
from tmapi_spiders.run import EXIT_OK, EXIT_STOPPED, EXIT_USAGE

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from scrapy.settings import BaseSettings

FILE_NAME: Final = "gallery.html"
THUMBNAILS_MB: Final = 15
PER_SEED: Final = 500

_MAX_MB: Final = 1000
_SHOWN_PROBLEMS: Final = 5

_UNKNOWN: Final = "answered with status 404"
_OTHER_SANDBOX: Final = (
    "The sandbox that draws them has no such products: if the job was crawled with "
    "TMAPI_SANDBOX_OPTIONS, give the same here."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their values are checked by `run`."""
    parser.add_argument("job", help="the job's name, or its folder")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"where to write it (default: {FILE_NAME} in the job's folder)",
    )
    parser.add_argument(
        "--thumbnails",
        metavar="MB",
        default=str(THUMBNAILS_MB),
        help="room for embedded pictures, in MB; 0: none (default: %(default)s)",
    )
    parser.add_argument(
        "--per-seed",
        metavar="N",
        default=str(PER_SEED),
        help="products a seed at most, the best-ranked (default: %(default)s)",
    )


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Write the page; returns the exit status."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _write(options, settings)
    except UsageProblems as exc:
        return _refuse(*exc.problems)
    except StorageError as exc:
        return _refuse(str(exc), status=EXIT_STOPPED)
    except KeyboardInterrupt:
        return _refuse(
            "interrupted; no page was written. The pictures fetched so far are kept: the same "
            "command goes on from there.",
            status=EXIT_STOPPED,
        )
    finally:
        signal.signal(signal.SIGTERM, before)
    return EXIT_OK


def _write(options: argparse.Namespace, settings: BaseSettings) -> None:
    limit, per_seed = _numbers(options.thumbnails, options.per_seed)
    if limit:
        check_pillow()
    config = Config.from_settings(settings, needs_token=False)
    files = JobFiles.open(options.job, config.output_dir)
    path = _path(options.output, files)
    gallery = read_gallery(files, per_seed)
    made_up = config.sandbox_options if files.is_made_up else None
    pictures = Pictures(files.folder, gallery.source, made_up)
    embedded = asyncio.run(embed(gallery, pictures, limit, _show))
    page = gallery_page(gallery, embedded, limit, made_up=files.is_made_up)
    write_page(path, page)
    cards = sum(len(group.cards) for group in gallery.groups)
    cut = sum(len(group.rest) for group in gallery.groups)
    left_out = f"; {cut:,} more left out (--per-seed {per_seed})" if cut else ""
    print(f"{files.name}: {plural(len(gallery.groups), 'seed')}, {plural(cards, 'card')}{left_out}")
    print(f"  {told_of_pictures(embedded, limit)}")
    for why, count in list(embedded.problems.items())[:_SHOWN_PROBLEMS]:
        print(f"    {count:,}: {why}")
    if files.is_made_up and _UNKNOWN in embedded.problems:
        print(f"    {_OTHER_SANDBOX}")
    for warning in files.warnings:
        print(f"  Note: {warning}")
    print(f"  {path} ({len(page) / 1_000_000:.1f} MB)\n  {path.as_uri()}")


def _numbers(thumbnails: str, per_seed: str) -> tuple[int, int]:
    """Read the options that are numbers.

    >>> _numbers("1.5", "20")
    (1500000, 20)

    :raises UsageProblems: with all that is wrong
    """
    problems = []
    try:
        megabytes = float(thumbnails)
    except ValueError:
        megabytes = math.nan
    if not 0 <= megabytes <= _MAX_MB:
        problems.append(
            f"--thumbnails {thumbnails}: accepted: megabytes, from 0 (no pictures) to {_MAX_MB}."
        )
    if not (per_seed.isascii() and per_seed.isdigit() and int(per_seed) > 0):
        problems.append(f"--per-seed {per_seed}: accepted: a whole number from 1 up.")
    if problems:
        raise UsageProblems(*problems)
    return round(megabytes * 1_000_000), int(per_seed)


def _path(given: str | None, files: JobFiles) -> Path:
    """Return where the page goes.

    :raises UsageProblems: if that can't be
    """
    if given is None:
        return (files.folder / FILE_NAME).resolve()
    path = to_path(given)
    if problems := problems_of(given, path, (".html", ".htm")):
        raise UsageProblems(*problems)
    keep_off_seeds(path, files)
    return path


def _show(done: int, wanted: int) -> None:
    """Say how far it is, on one line of a terminal."""
    if sys.stderr.isatty():
        end = "\n" if done == wanted else ""
        print(f"\r  pictures: {done:,} of {wanted:,} ", end=end, file=sys.stderr, flush=True)


def _refuse(*problems: str, status: int = EXIT_USAGE) -> int:
    for problem in problems:
        print(f"gallery: {problem}", file=sys.stderr)
    return status
