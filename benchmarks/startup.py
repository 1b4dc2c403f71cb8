"""Start-up: how long a crawl takes to its first call.

One page from a server that answers at once, for `plain` (see Cost), which shows what just Python
and Scrapy take, and for `ours` with one seed and with many. Seeds are read and checked completely
before anything is paid.

- first call s: from the start of the process until the server has its first call
- peak MB: the most resident memory
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from contestants import OURS, Crawl, crawl, seeds
from serving import quick_api
from tables import introduce, table

MANY = 100_000
STOPPED_EARLY = 4
"""The exit status of a crawl that leaves seeds out."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    rounds = parser.parse_args().rounds
    introduce(__doc__, f"Rounds: {rounds}; the figures are medians.")
    crawls: dict[tuple[str, int], list[Crawl]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, quick_api(1, 1) as api:
        for number in range(rounds):
            for who, count in (("plain", 1), (OURS, 1), (OURS, MANY)):
                folder = Path(name, f"{who}-{count}-{number}")
                folder.mkdir()
                images = folder / "images.txt"
                images.write_text(seeds(range(count)))
                one, status = [], 0
                if count > 1:
                    one, status = ["-s", "CLOSESPIDER_PAGECOUNT=1"], STOPPED_EARLY
                api.reset()
                crawls[who, count].append(crawl(who, api, images, folder, *one, status=status))
    table(
        "who | seeds | first call s | peak MB",
        [
            [who, f"{count:,}", f"{median(done.first_call for done in crawls[who, count]):.2f}"]
            + [f"{median(done.usage.peak for done in crawls[who, count]):.0f}"]
            for who, count in crawls
        ],
    )


if __name__ == "__main__":
    main()
