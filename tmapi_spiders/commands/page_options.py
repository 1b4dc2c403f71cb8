"""Options and output of the commands that write a gallery page."""

from __future__ import annotations

import asyncio
import math
import sys
from typing import TYPE_CHECKING, Final, Self

import attrs

from tmapi_spiders.errors import UsageProblems, shortened
from tmapi_spiders.gallery.embedded_pictures import PictureSource, embed_pictures
from tmapi_spiders.gallery.page import describe_pictures, gallery_page, write_page
from tmapi_spiders.gallery.thumbnails import check_pillow
from tmapi_spiders.inputs.argument_values import count
from tmapi_spiders.jobs.destination import problems_of, refuse_job_files, to_path

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.gallery.model import Gallery
    from tmapi_spiders.jobs.job_files import JobFiles

__all__ = ["PageOptions", "add_page_options", "page_path", "write_gallery"]

THUMBNAILS_MB: Final = 15
PER_SEED: Final = 500

_MAX_MB: Final = 1000
_SHOWN_PROBLEMS: Final = 5

_UNKNOWN: Final = "answered with status 404"
_OTHER_SANDBOX: Final = (
    "The sandbox that draws them has no such products: if the job was crawled with "
    "TMAPI_SANDBOX_OPTIONS, give the same here."
)


def add_page_options(parser: argparse.ArgumentParser, *, which: str) -> None:
    """Declare the options; :meth:`PageOptions.read` checks them.

    :param which: which of a seed's products are kept, for the help
    """
    parser.add_argument(
        "--thumbnails",
        metavar="MB",
        default=str(THUMBNAILS_MB),
        help="room for embedded pictures, in MB; 0: no pictures (default: %(default)s)",
    )
    parser.add_argument(
        "--per-seed",
        metavar="N",
        default=str(PER_SEED),
        help=f"most products per seed, {which} (default: %(default)s)",
    )


@attrs.frozen
class PageOptions:
    """The options of a page, checked."""

    limit: int
    """Most bytes of embedded pictures; 0: no pictures."""
    per_seed: int
    """Most products per seed."""

    @classmethod
    def read(cls, thumbnails: str, per_seed: str) -> Self:
        """Read the options.

        >>> PageOptions.read("1.5", "20")
        PageOptions(limit=1500000, per_seed=20)

        :raises UsageProblems: with all that is wrong
        """
        problems = []
        try:
            megabytes = float(thumbnails)
        except ValueError:
            megabytes = math.nan
        if not 0 <= megabytes <= _MAX_MB:
            problems.append(
                f"--thumbnails {shortened(thumbnails)}: accepted: megabytes, from 0 (no pictures) "
                f"to {_MAX_MB}."
            )
        each = 0
        try:
            each = count(1)(per_seed)
        except ValueError as exc:
            problems.append(f"--per-seed {shortened(per_seed)}: {exc}")
        if problems:
            raise UsageProblems(*problems)
        return cls(round(megabytes * 1_000_000), each)

    def check_pictures(self) -> None:
        """Make sure that pictures can be made, if any are wanted.

        :raises UsageProblems: if Pillow is missing
        """
        if self.limit:
            check_pillow()


def page_path(given: str, *jobs: JobFiles, option: str = "-o") -> Path:
    """Return the path of the page.

    :param jobs: the jobs whose files must not be replaced
    :raises UsageProblems: if no page can be written there
    """
    path = to_path(given, option)
    if problems := problems_of(given, path, (".html", ".htm"), option):
        raise UsageProblems(*problems)
    refuse_job_files(path, *jobs, option=option)
    return path


def write_gallery(
    path: Path, gallery: Gallery, files: JobFiles, options: PageOptions, config: Config
) -> tuple[list[str], str]:
    """Fetch the pictures, and write the page.

    :param files: the job in whose folder the pictures are kept
    :returns: lines about the pictures, and the line about the file
    :raises StorageError: if a file can't be written
    """
    made_up = config.sandbox_options if files.is_made_up else None
    pictures = PictureSource(files.folder, gallery.source, made_up)
    embedded = asyncio.run(embed_pictures(gallery, pictures, options.limit, _show))
    page = gallery_page(gallery, embedded, options.limit, made_up=files.is_made_up)
    write_page(path, page)
    remarks = [describe_pictures(embedded, options.limit)]
    for why, pictures_without in list(embedded.problems.items())[:_SHOWN_PROBLEMS]:
        remarks.append(f"  {pictures_without:,}: {why}")
    if files.is_made_up and _UNKNOWN in embedded.problems:
        remarks.append(f"  {_OTHER_SANDBOX}")
    return remarks, f"{path} ({len(page) / 1_000_000:.1f} MB)\n  {path.as_uri()}"


def _show(done: int, wanted: int) -> None:
    """Show the progress on one line of the terminal, if there is one."""
    if sys.stderr.isatty():
        end = "\n" if done == wanted else ""
        print(f"\r  pictures: {done:,} of {wanted:,} ", end=end, file=sys.stderr, flush=True)
