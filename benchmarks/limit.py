"""Limit: how close a crawl runs to an account's concurrency limit.

The server's answers take their time, and it refuses a call above its limit at once, with 503.
`ours` and `plain` (see Cost) may have 40 calls in flight and don't know the limit; *told*, they may
have as many as it allows. `plain` treats a refusal as Scrapy does by default: two retries, at once,
and then the page is lost. `autothrottle` is `plain` with AUTOTHROTTLE_ENABLED and Scrapy's other
defaults; with those it steers towards one call in flight, so it gets fewer pages, to end in time.

Pages given as 26 × 34 are those of 26 queries, and the pages of each come one after another, so
that one begun late is left running by itself at the end. Elsewhere each query has one page.

- lost: pages of which no row was written; for ours there must be none
- wall s: from the first call to the last answer; least s: pages that were not lost × latency /
  limit (at least the pages of one query × latency); ratio: wall / least
- refused: calls, in all; %: of all calls
- in flight: the most at once, as the server saw them, refused ones included

For ours also what finding the limit costs:

- settled s: from the first call until the limit is found: the pages of the first refusals are
  answered, or, if nothing is refused, as many calls as the limit are in flight at once
- cost s: how many seconds less the account would have needed for as many answers
- share: of what limit and latency allow, from then until the last call leaves
- refused after: calls since then; %: of the calls since then
- permits: the most that it allowed itself, and what it allowed at the end
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from contestants import OURS, crawl, seeds
from quick_api import PAGE_SIZE
from rows import read_rows
from serving import quick_api
from settling import Settling
from tables import introduce, table

from tmapi_spiders import stats

if TYPE_CHECKING:
    from serving import Server

MOST = 40


@attrs.frozen
class Setting:
    """An account, and whether the crawl is also told its limit."""

    limit: int
    latency: float
    also_told: bool = False
    pages_a_query: int = 1

    def queries(self, seconds: float) -> int:
        """Return how many queries take this many seconds at the limit."""
        return round(seconds * self.limit / self.latency / self.pages_a_query)


SETTINGS = (
    Setting(5, 1.0),
    Setting(5, 0.2),
    Setting(20, 1.0, also_told=True),
    Setting(20, 0.2, also_told=True),
    Setting(20, 1.0, also_told=True, pages_a_query=34),
)
SHORT_SETTINGS = (Setting(20, 0.2, also_told=True),)


@attrs.frozen
class Crawl:
    """Result of one crawl."""

    who: str
    setting: Setting
    told: bool
    queries: int
    written: int
    """Pages of which there are rows."""
    in_flight: int
    log: str
    settling: Settling

    @property
    def lost(self) -> int:
        """Pages of which there are no rows."""
        return self.queries * self.setting.pages_a_query - self.written

    def row(self) -> list[str]:
        """Return its row of the table."""
        settling, setting = self.settling, self.setting
        refused, calls = len(settling.refused), len(settling.log)
        of_each = f" × {setting.pages_a_query}" if setting.pages_a_query > 1 else ""
        wall = max(settling.answered.values()) - settling.begun
        rounds = max(self.written / setting.limit, setting.pages_a_query if self.written else 0)
        least = rounds * setting.latency
        return [
            *self._head(),
            *(f"{self.queries:,}{of_each}", f"{self.lost:,}"),
            *(f"{wall:.1f}", f"{least:.1f}", f"{wall / least:.2f}"),
            *(f"{refused:,}", f"{refused / calls:.2%}", f"{self.in_flight}"),
        ]

    def row_of_settling(self) -> list[str]:
        """Return its row of the table of what finding the limit costs."""
        settling = self.settling
        begun, settled, last_left = settling.begun, settling.settled, settling.last_left
        since = last_left - settled
        after = sum(time > settled for time, _ in settling.refused)
        calls_since = after + sum(at > settled for at in settling.answered.values())
        return [
            *self._head(),
            f"{settled - begun:.1f}",
            f"{settled - begun - settling.work(begun, settled):.1f}",
            f"{settling.work(settled, last_left) / since:.1%}" if since > 0 else "-",
            *(f"{after:,}", f"{after / max(calls_since, 1):.2%}"),
            f"{self._stat(stats.PERMIT_HIGHEST)}, {self._stat(stats.PERMIT_NOW)}",
        ]

    def _head(self) -> list[str]:
        who = f"{self.who}, told" if self.told else self.who
        return [f"{self.setting.limit}", f"{self.setting.latency:g} s", who]

    def _stat(self, name: str) -> int:
        """Return a stat from Scrapy's dump in the log."""
        found = re.search(rf"'{re.escape(name)}': (\d+)", self.log)
        if found is None:
            sys.exit(f"The crawl's log has no stat {name}:\n{self.log}")
        return int(found[1])


def crawl_at(
    setting: Setting, who: str, api: Server, folder: Path, queries: int, *, told: bool = False
) -> Crawl:
    """Crawl this many queries of an account."""
    images = folder / "images.txt"
    images.write_text(seeds(range(queries)))
    api.reset(latency=setting.latency, limit=setting.limit)
    done = crawl(
        "plain" if who == "autothrottle" else who,
        api,
        images,
        folder,
        *(["-s", "AUTOTHROTTLE_ENABLED=True"] if who == "autothrottle" else []),
        in_flight=setting.limit if told else MOST,
    )
    return Crawl(
        who=who,
        setting=setting,
        told=told,
        queries=queries,
        written=len(read_rows(done.rows)) // PAGE_SIZE,
        in_flight=api.get("/counts")["most_in_flight"],
        log=done.log,
        settling=Settling(api.get("/log"), setting.limit, setting.latency),
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="only one account")
    parser.add_argument(
        "--seconds",
        type=float,
        default=45,
        help="what each crawl takes at the limit: long enough to see what trying for a higher one "
        "costs (default: %(default)s)",
    )
    options = parser.parse_args()
    settings = SHORT_SETTINGS if options.short else SETTINGS
    introduce(__doc__)
    crawls = []
    for setting in settings:
        whole = setting.queries(options.seconds)
        turns = [(OURS, whole, False)]
        if setting.also_told:
            turns += [(OURS, whole, True), ("plain", whole, True)]
        if setting.pages_a_query == 1:
            one_in_flight = round(options.seconds / setting.latency)
            turns += [("plain", whole, False), ("autothrottle", one_in_flight, False)]
        with quick_api(whole, setting.pages_a_query) as api:
            for who, queries, told in turns:
                with tempfile.TemporaryDirectory() as name:
                    crawls.append(crawl_at(setting, who, api, Path(name), queries, told=told))
    table(
        "limit | latency | who | pages | lost | wall s | least s | ratio | refused | % | in flight",
        [done.row() for done in crawls],
    )
    ours = [done for done in crawls if done.who == OURS]
    table(
        "limit | latency | who | settled s | cost s | share | refused after | % | permits",
        [done.row_of_settling() for done in ours],
    )
    if lost := sum(done.lost for done in ours):
        sys.exit(f"{lost:,} pages of ours were lost.")


if __name__ == "__main__":
    main()
