"""Scale: what stays the same, and what grows, with the size of a job.

Only `ours` (see Cost). All products are different, so that each leaves a mark for dedupe. For one
job, from its first page to its last:

- pages, products: so far
- CPU ms/page: user and system, for the pages since the row above
- ÷ first: the same divided by that of the first row; constant would be 1, but machines are shared
- MB: resident memory at that point; bytes/product: its growth above the peak of a job of 10,000
  products, for each further one

Then that job's peak compared with that of the job of 10,000 products; what a crawl of further pages
takes that begins with an archive of all of that job's pages, compared with one that begins with
nothing (medians of 3 rounds); and what it takes to continue a job that has ended, which replays all
of it and must make no call.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import attrs
from contestants import ONE_PAGE, OURS, PAGES_A_QUERY, Crawl, crawl, seeds, start
from quick_api import PAGE_SIZE
from rows import check_same, read_rows
from serving import quick_api
from tables import introduce, table

if TYPE_CHECKING:
    from processes import Child, Usage
    from serving import Server

SLICES = 10
SECONDS = 0.2
"""Seconds between two samples of a crawl."""
FEW = 500
"""Pages with 10,000 products."""
ROUNDS = 3
"""Rounds of further pages, whose figures are medians."""


@attrs.frozen
class Sample:
    """A sample of a crawl's progress."""

    pages: int
    cpu: float
    """Seconds so far."""
    memory: float
    """Resident, in MB."""


def watch(child: Child, api: Server) -> list[Sample]:
    """Follow a crawl to its end; return the samples from its first call on."""
    samples = []
    while child.is_running:
        pages = api.get("/counts")["calls"]
        try:
            cpu, memory = child.so_far()
        except OSError:  # it has ended
            break
        if pages and memory:
            samples.append(Sample(pages, cpu, memory))
        time.sleep(SECONDS)
    return samples


def slices(samples: list[Sample], pages: int, little: float) -> list[list[str]]:
    """Return a row of the table for each tenth of a job's pages.

    :param little: the peak memory of a job of :data:`FEW` pages, in MB
    """
    rows: list[list[str]] = []
    last, first_cost = samples[0], 0.0
    for number in range(1, SLICES + 1):
        mark = pages * number // SLICES
        now = next((sample for sample in samples if sample.pages >= mark), samples[-1])
        if now.pages == last.pages:
            continue  # it was too quick to be sampled there
        cost = (now.cpu - last.cpu) / (now.pages - last.pages)
        first_cost = first_cost or cost
        rows.append(
            [f"{now.pages:,}", f"{now.pages * PAGE_SIZE:,}", f"{cost * 1000:.2f}"]
            + [f"{cost / first_cost:.2f}", f"{now.memory:.0f}"]
            + [_bytes_a_product(now.memory - little, now.pages)]
        )
        last = now
    return rows


def _bytes_a_product(more: float, pages: int) -> str:
    """Return how much memory each product takes beyond those of :data:`FEW` pages.

    :param more: MB beyond what those take
    """
    if pages <= 2 * FEW:
        return "-"  # dominated by noise of a few MB
    return f"{more * 2**20 / (pages - FEW) / PAGE_SIZE:.0f}"


class Jobs:
    """Crawls of ours, each job in its own folder."""

    def __init__(self, api: Server, folder: Path) -> None:
        self._api = api
        self._folder = folder

    def path(self, job: str) -> Path:
        """Return a job's folder, created if need be."""
        path = self._folder / job
        path.mkdir(exist_ok=True)
        return path

    def crawl(self, job: str, images: str, calls: int) -> Crawl:
        """Crawl the pages of images; it must make this many calls."""
        self._api.reset()
        done = crawl(OURS, self._api, self._file(job, images), self.path(job))
        _check(f"{job}: calls", done.calls, calls)
        return done

    def watched(self, job: str, numbers: range) -> tuple[Usage, list[Sample]]:
        """Crawl the pages of queries, and follow it."""
        self._api.reset()
        with start(OURS, self._api, self._file(job, seeds(numbers)), self.path(job)) as child:
            samples = watch(child, self._api)
            usage = child.wait()
        _check(f"{job}: calls", self._api.get("/counts")["calls"], len(numbers) * PAGES_A_QUERY)
        return usage, samples

    def rows(self, job: str, numbers: range) -> dict[int, int]:
        """Return the rows of a job, which must be those of all products of the queries."""
        rows = read_rows(self.path(job) / "bench" / "products.jsonl")
        _check(f"{job}: rows", len(rows), len(numbers) * PAGES_A_QUERY * PAGE_SIZE)
        return rows

    def remove(self, job: str) -> None:
        """Delete a job's folder."""
        shutil.rmtree(self.path(job))

    def _file(self, job: str, images: str) -> Path:
        file = self.path(job) / "images.txt"
        file.write_text(images)
        return file


def _check(what: str, found: int, expected: int) -> None:
    if found != expected:
        sys.exit(f"{what}: {found:,} instead of {expected:,}")


def show_growth(jobs: Jobs, queries: range) -> None:
    """Print what a page costs along a job, and the job's memory."""
    little = jobs.crawl("few", seeds(range(FEW // PAGES_A_QUERY)), FEW).usage.peak
    usage, samples = jobs.watched("big", queries)
    pages = len(queries) * PAGES_A_QUERY
    table(
        "pages | products | CPU ms/page | ÷ first | MB | bytes/product",
        slices(samples, pages, little),
    )
    jobs.rows("big", queries)
    table(
        "products of the job | peak MB | bytes/product",
        [
            [f"{FEW * PAGE_SIZE:,}", f"{little:.0f}", "-"],
            [f"{pages * PAGE_SIZE:,}", f"{usage.peak:.0f}"]
            + [_bytes_a_product(usage.peak - little, pages)],
        ],
    )


def show_archive(jobs: Jobs, pages: int, rounds: list[range]) -> None:
    """Print what further pages cost with the archive of the big job, and with none.

    :param rounds: queries that are not in it, for each round
    """
    rows = []
    for held in (0, pages):
        ones, costs = [], []
        for number, further in enumerate(rounds):
            job, more = "big" if held else f"new-{number}", len(further) * PAGES_A_QUERY
            # Each round has another image, so that it is called for.
            ones.append(jobs.crawl(job, ONE_PAGE.replace("single", f"single-{number}"), 1))
            whole = jobs.crawl(job, seeds(further), more)
            costs.append((whole.usage.cpu - ones[-1].usage.cpu) / more)
        rows.append(
            [f"{held:,}", f"{median(one.first_call for one in ones):.2f}"]
            + [f"{median(one.usage.cpu for one in ones):.2f}", f"{median(costs) * 1000:.2f}"]
        )
    table("pages in the archive | first call s | CPU s of one page | CPU ms/further page", rows)


def show_resume(jobs: Jobs, queries: range) -> None:
    """Print what it takes to continue a job that has ended."""
    first = jobs.crawl("resumed", seeds(queries), len(queries) * PAGES_A_QUERY)
    before = jobs.rows("resumed", queries)
    again = jobs.crawl("resumed", seeds(queries), 0)
    check_same("a resumed job", jobs.rows("resumed", queries), "its first run", before)
    pages = f"{len(queries) * PAGES_A_QUERY:,}"
    table(
        f"a job of {pages} pages | calls | CPU s | ÷ first | wall s | peak MB",
        [
            [name, f"{done.calls:,}", f"{done.usage.cpu:.1f}"]
            + [f"{done.usage.cpu / first.usage.cpu:.2f}", f"{done.usage.wall:.1f}"]
            + [f"{done.usage.peak:.0f}"]
            for name, done in (("first run", first), ("resumed", again))
        ],
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--pages", type=int, default=20_000, help="of the big job (default: %(default)s)"
    )
    parser.add_argument(
        "--full", action="store_true", help="100,000 pages: 2,000,000 products, 4 GB of disk"
    )
    parser.add_argument(
        "--resumed",
        type=int,
        default=10_000,
        help="pages of the job that is continued (default: %(default)s)",
    )
    parser.add_argument(
        "--further",
        type=int,
        default=1000,
        help="pages on top of an archive, in each round (default: %(default)s)",
    )
    options = parser.parse_args()
    pages = 100_000 if options.full else options.pages
    queries, resumed = range(pages // PAGES_A_QUERY), range(options.resumed // PAGES_A_QUERY)
    each = options.further // PAGES_A_QUERY
    further = [range(len(queries) + n * each, len(queries) + (n + 1) * each) for n in range(ROUNDS)]
    introduce(__doc__)
    with (
        tempfile.TemporaryDirectory() as name,
        quick_api(max(further[-1].stop, resumed.stop, FEW // PAGES_A_QUERY), PAGES_A_QUERY) as api,
    ):
        jobs = Jobs(api, Path(name))
        show_growth(jobs, queries)
        show_archive(jobs, pages, further)
        jobs.remove("big")
        show_resume(jobs, resumed)


if __name__ == "__main__":
    main()
