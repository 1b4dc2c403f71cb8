"""Cost: what a crawl takes, compared with other ways to write it.

All crawl the same pages of 20 products from a server that answers at once, with 16 calls in flight,
and write the same fields as JSON lines; the rows are checked to be the same.

- `aiohttp`: a short script with one session, without Scrapy
- `plain`: a Scrapy spider that makes dicts by hand from `response.json()`, FEEDS to JSON lines
- `textbook`: the same with an item loader and `add_jmes` for each field
- `ours`: `scrapy crawl image_search` with everything on: validation, dedupe, sightings, outcomes,
  archive, budget and signing

The Scrapy ones run at LOG_LEVEL INFO, which this project's profiles set; at Scrapy's default,
DEBUG, each item would be a line in the log. They take turns, round after round. Figures are
medians, and ratios are between crawls of one round: look at those, since machines are shared and
noisy.

- CPU s: of the process, user and system, without start and end (those of a crawl of one page)
- ours ÷: the CPU of ours divided by this one's
- µs/item: CPU
- wall s: without start and end; the process and the server each have a core to themselves
- peak MB: the most resident memory
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from contestants import ALL, ONE_PAGE, OURS, PAGES_A_QUERY, Crawl, crawl, seeds
from quick_api import PAGE_SIZE
from rows import BY_HAND, check_same, read_rows
from serving import quick_api
from tables import introduce, table

if TYPE_CHECKING:
    from serving import Server

AT_SCALE = ("plain", OURS)
"""The ones that also crawl many pages."""

Crawls = dict[tuple[str, int], list[Crawl]]
"""Runs by contestant and number of pages."""


def crawl_all(api: Server, folder: Path, rounds: int, sizes: dict[int, tuple[str, ...]]) -> Crawls:
    """Crawl, round after round; each round begins with another contestant.

    :param sizes: by number of pages: who crawls them; the last of them only in every other round
    """
    crawls: Crawls = defaultdict(list)
    for number in range(rounds):
        for pages, whose in sizes.items():
            if number % 2 and len(sizes) > 2 and pages == max(sizes):
                continue
            reference = None
            turn = number % len(whose)
            for who in whose[turn:] + whose[:turn]:
                done, rows = _crawl(who, api, folder, pages)
                crawls[who, pages].append(done)
                reference = reference or (who, rows)
                check_same(who, rows, *reference)
    return crawls


def _crawl(who: str, api: Server, folder: Path, pages: int) -> tuple[Crawl, dict[int, int]]:
    images, own = folder / "images.txt", folder / who
    images.write_text(ONE_PAGE if pages == 1 else seeds(range(pages // PAGES_A_QUERY)))
    own.mkdir()
    api.reset()
    done = crawl(who, api, images, own)
    rows = read_rows(done.rows, BY_HAND)
    shutil.rmtree(own)
    if done.calls != pages or len(rows) != pages * PAGE_SIZE:
        sys.exit(f"{who}: {done.calls:,} calls and {len(rows):,} rows for {pages:,} pages")
    return done, rows


def show(crawls: Crawls, sizes: dict[int, tuple[str, ...]]) -> None:
    """Print the results of the crawls."""
    starts = {who: _middle(crawls[who, 1]) for who in ALL}
    rows = []
    for pages, whose in sizes.items():
        if pages == 1:
            continue
        cpus = {
            who: [done.usage.cpu - starts[who][0] for done in crawls[who, pages]] for who in whose
        }
        for who in whose:
            _, _, wall, peak = _middle(crawls[who, pages])
            ratios = [mine / its for mine, its in zip(cpus[OURS], cpus[who], strict=True)]
            wall -= starts[who][2]
            rows.append(
                [f"{pages:,}", who, f"{median(cpus[who]):.2f}", f"{median(ratios):.2f}"]
                + [f"{median(cpus[who]) / pages / PAGE_SIZE * 1e6:.0f}"]
                + [f"{wall:.2f}", f"{pages / wall:.0f}", f"{peak:.0f}"]
            )
    table("pages | who | CPU s | ours ÷ | µs/item | wall s | pages/s | peak MB", rows)
    table(
        "start and end: one page | CPU s | s to the first call | wall s | peak MB",
        [
            [who, f"{cpu:.2f}", f"{first:.2f}", f"{wall:.2f}", f"{peak:.0f}"]
            for who, (cpu, first, wall, peak) in starts.items()
        ],
    )


def _middle(crawls: list[Crawl]) -> tuple[float, float, float, float]:
    """Return medians: CPU seconds, seconds to the first call, wall seconds and peak MB."""
    return (
        median(done.usage.cpu for done in crawls),
        median(done.first_call for done in crawls),
        median(done.usage.wall for done in crawls),
        median(done.usage.peak for done in crawls),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--pages", type=int, default=1000, help="(default: %(default)s)")
    parser.add_argument(
        "--many",
        type=int,
        default=10_000,
        help="pages that plain and ours also crawl, in every other round; 0: none "
        "(default: %(default)s)",
    )
    options = parser.parse_args()
    sizes: dict[int, tuple[str, ...]] = {1: ALL, options.pages: ALL}
    if options.many:
        sizes[options.many] = AT_SCALE
    introduce(__doc__, f"Rounds: {options.rounds}.", libraries=("aiohttp", "itemloaders"))
    queries = max(sizes) // PAGES_A_QUERY
    with (
        tempfile.TemporaryDirectory() as name,
        quick_api(queries, PAGES_A_QUERY) as api,
    ):
        show(crawl_all(api, Path(name), options.rounds, sizes), sizes)


if __name__ == "__main__":
    main()
