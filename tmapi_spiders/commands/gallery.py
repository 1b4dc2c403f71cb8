"""Show a job on one HTML page: each seed next to its matches, with pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tmapi_spiders.commands.exit_status import say, stoppable
from tmapi_spiders.commands.page_options import (
    PageOptions,
    add_page_options,
    page_path,
    write_gallery,
)
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.run import EXIT_OK
from tmapi_spiders.gallery.groups import read_gallery
from tmapi_spiders.jobs.job_files import JobFiles
from tmapi_spiders.system.output_path import link_warning
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    import argparse

    from scrapy.settings import BaseSettings

FILE_NAME: Final = "gallery.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; their values are checked by `run`."""
    parser.add_argument("job", help="the job's name, or its folder")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"where to write it (default: {FILE_NAME} in the job's folder)",
    )
    add_page_options(parser, which="the best-ranked")


def run(options: argparse.Namespace, settings: BaseSettings) -> int:
    """Write the page; return the exit status."""
    with stoppable(
        "interrupted; no page was written. The pictures fetched so far are kept: the same command "
        "continues from there."
    ):
        _write(options, settings)
    return EXIT_OK


def _write(options: argparse.Namespace, settings: BaseSettings) -> None:
    wanted = PageOptions.read(options.thumbnails, options.per_seed)
    wanted.check_pictures()
    config = Config.from_settings(settings, needs_token=False)
    files = JobFiles.open(options.job, config.output_dir)
    path = (
        (files.folder / FILE_NAME).absolute()
        if options.output is None
        else page_path(options.output, files)
    )
    if link := link_warning(path):
        say("gallery", link)
    gallery = read_gallery(files, wanted.per_seed)
    remarks, where = write_gallery(path, gallery, files, wanted, config)
    cards = sum(len(group.cards) for group in gallery.groups)
    cut = sum(len(group.rest) for group in gallery.groups)
    left_out = f"; {cut:,} more left out (--per-seed {wanted.per_seed})" if cut else ""
    print(f"{files.name}: {plural(len(gallery.groups), 'seed')}, {plural(cards, 'card')}{left_out}")
    for line in (*remarks, *(f"Note: {warning}" for warning in files.warnings), where):
        print(f"  {line}")
