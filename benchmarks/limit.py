"""How close a crawl runs to an account's limit of calls in flight, and what finding it costs.

Run with `.venv/bin/python benchmarks/limit.py`: some five minutes, or one with `--short`. Each
crawl is a process of its own against a sandbox in another, which refuses the call above its limit.
The crawl may have 40 calls in flight and is not told the limit; for some settings a second crawl
of the same pages is told it (TMAPI_MAX_CONCURRENCY = limit), and a last line compares the two.
Compare the rows of one run with each other, not runs with each other: machines are shared and
noisy. The columns:

- limit, latency: of the account, and of each call in seconds; most: TMAPI_MAX_CONCURRENCY
- pages: one call each; lost: those whose outcome is not complete, which must be 0
- wall: seconds from the first call to the last answer; least: pages x latency / limit; ratio
- settled: seconds from the first call until the limit is found: the pages of the first refusals
  are answered, or, where nothing is refused, as many calls as the limit are in flight at once;
  cost: by how many seconds less the account could have answered as much
- share: of what limit and latency allow, from then until the last call leaves
- refused: calls, in all; after: those since it settled, and per cent of the calls since then
- permits: the most that the crawl allowed itself, and what it allowed at the end; in flight: the
  most that the sandbox saw, calls it refused included
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from bisect import bisect_right
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

import attrs

from tmapi_spiders import stats

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SCRAPY = [sys.executable, "-m", "scrapy"]
OVER_LIMIT = 503
MOST = 40
QUIET_SECONDS = 2.0
"""A refusal so long after the one before it is no longer of the first search for the limit."""


@attrs.frozen
class Setting:
    """An account, and whether its limit is also told to a crawl."""

    limit: int
    latency: float
    also_told: bool = False


SETTINGS = (
    Setting(5, 1.0),
    Setting(5, 0.2),
    Setting(20, 1.0, also_told=True),
    Setting(20, 0.2, also_told=True),
)
SECONDS = 45
"""What each crawl takes at the limit: long enough to see what trying a higher one costs."""
SHORT_SETTINGS = (Setting(20, 1.0, also_told=True),)
SHORT_SECONDS = 22


@attrs.frozen
class Crawl:
    """What came of one crawl; times in seconds since the epoch."""

    setting: Setting
    most: int
    pages: int
    begun: float
    """When the first call left."""
    answered: dict[str, float]
    """When each page that is complete was answered, by its image's URL."""
    calls: list[dict[str, Any]]
    """As the sandbox lists them: in the order of their arrival, without times."""
    in_flight: int
    permits_highest: int
    permits_now: int

    @property
    def wall(self) -> float:
        """From the first call to the last answer."""
        return max(self.answered.values()) - self.begun

    @property
    def least(self) -> float:
        """What all pages take with as many in flight as the limit, all the time."""
        return self.pages * self.setting.latency / self.setting.limit

    @property
    def last_left(self) -> float:
        """When the last call left; from then on nothing waits."""
        return max(self.answered.values()) - self.setting.latency

    def refusals(self) -> list[tuple[float, str]]:
        """Return time and image of each refused call: it came just after the call before it."""
        now, refusals = self.begun, []
        for call in self.calls:
            image = call["params"]["img_url"]
            if call["status"] == OVER_LIMIT:
                refusals.append((now, image))
            elif image in self.answered:
                now = max(now, self.answered[image] - self.setting.latency)
        return refusals

    def settled(self) -> float:
        """Return when the limit was found; the time of the last answer if it never was."""
        last = max(self.answered.values())
        first_ones: list[tuple[float, str]] = []
        for refusal in self.refusals():
            if first_ones and refusal[0] - first_ones[-1][0] > QUIET_SECONDS:
                break
            first_ones.append(refusal)
        if first_ones:
            return max(self.answered.get(image, last) for _, image in first_ones)
        ends = sorted(self.answered.values())
        for begun, end in enumerate(ends, 1):
            start = end - self.setting.latency
            if begun - bisect_right(ends, start) >= self.setting.limit:
                return start
        return last

    def work(self, start: float, end: float) -> float:
        """Return how many seconds the limit needs for what was done between two times.

        Of a call that was in flight at either, the part between them counts.
        """
        latency, limit = self.setting.latency, self.setting.limit
        overlaps = (min(end, at) - max(start, at - latency) for at in self.answered.values())
        return sum(overlap for overlap in overlaps if overlap > 0) / limit

    def row(self) -> str:
        """Return the line of the table."""
        settled, refusals = self.settled(), self.refusals()
        since = self.last_left - settled
        after = sum(time > settled for time, _ in refusals)
        calls_since = after + sum(at > settled for at in self.answered.values())
        return (
            f"{self.setting.limit:>5} {self.setting.latency:>7g} {self.most:>4} {self.pages:>6,} "
            f"{self.pages - len(self.answered):>4} {self.wall:>6.1f} {self.least:>6.1f} "
            f"{self.wall / self.least:>5.2f} {settled - self.begun:>7.1f} "
            f"{settled - self.begun - self.work(self.begun, settled):>5.1f} "
            + (f"{self.work(settled, self.last_left) / since:>6.1%}" if since > 0 else f"{'-':>6}")
            + f" {len(refusals):>7} {after:>5} {after / max(calls_since, 1):>6.2%} "
            f"{self.permits_highest:>7} {self.permits_now:>6} {self.in_flight:>9}"
        )


HEADER = (
    f"{'limit':>5} {'latency':>7} {'most':>4} {'pages':>6} {'lost':>4} {'wall':>6} {'least':>6} "
    f"{'ratio':>5} {'settled':>7} {'cost':>5} {'share':>6} {'refused':>7} {'after':>5} {'%':>6} "
    f"{'permits':>7} {'at end':>6} {'in flight':>9}"
)


@contextmanager
def sandbox(setting: Setting) -> Iterator[str]:
    """Serve an account; give its base URL."""
    server = subprocess.Popen(
        [*SCRAPY, "tmapi", "sandbox", "--port", "0"]
        + ["--limit", str(setting.limit), "--latency", str(setting.latency)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[4]
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def crawl(setting: Setting, most: int, seconds: float) -> Crawl:
    """Crawl as many pages as take *seconds* at the limit."""
    pages = round(seconds * setting.limit / setting.latency)
    with tempfile.TemporaryDirectory() as name, sandbox(setting) as url:
        folder = Path(name)
        seeds, log = folder / "seeds.txt", folder / "crawl.log"
        seeds.write_text(
            "".join(
                f"https://cbu01.alicdn.com/img/ibank/O1CN01{number:08d}_onepage.jpg\n"
                for number in range(pages)
            )
        )
        with log.open("w") as stderr:
            subprocess.run(
                [*SCRAPY, "crawl", "image_search"]
                + ["-a", f"seeds={seeds}", "-a", "max_pages=1", "-a", "job=bench"],
                cwd=ROOT,
                env={
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith(("TMAPI_", "SCRAPY_"))
                }
                | {"TMAPI_BASE_URL": url, "TMAPI_TOKEN": "bench", "TMAPI_OUTPUT_DIR": str(folder)}
                | {"TMAPI_MAX_CONCURRENCY": str(most)},
                stderr=stderr,
                check=False,  # lost pages, too, are a row
            )
        said = log.read_text()
        counts, calls = _get(f"{url}/_sandbox/stats"), _get(f"{url}/_sandbox/calls")
        written = folder / "bench" / "outcomes.jsonl"
        outcomes = [json.loads(line) for line in _lines(written)]
    answered = {
        outcome["seed_img_url"]: _time(outcome["finished_at"])
        for outcome in outcomes
        if outcome["status"] == "complete"
    }
    if not answered:
        sys.exit(f"No page of the crawl is complete; it said:\n{said}")
    assert len(calls) == counts["calls"], "the sandbox keeps fewer calls than were made"
    return Crawl(
        setting=setting,
        most=most,
        pages=pages,
        begun=min(_time(outcome["started_at"]) for outcome in outcomes if outcome["started_at"]),
        answered=answered,
        calls=calls,
        in_flight=counts["max_in_flight"],
        permits_highest=_stat(stats.PERMIT_HIGHEST, said),
        permits_now=_stat(stats.PERMIT_NOW, said),
    )


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _get(url: str) -> Any:
    with build_opener(ProxyHandler({})).open(url) as answer:  # no proxy leads to this machine
        return json.load(answer)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _stat(name: str, log: str) -> int:
    """Return a stat out of Scrapy's dump in the log."""
    found = re.search(rf"'{re.escape(name)}': (\d+)", log)
    if found is None:
        sys.exit(f"The crawl's log has no stat {name}:\n{log}")
    return int(found[1])


def main() -> None:
    """Print one row for each crawl, and how the told ones compare."""
    parser = argparse.ArgumentParser(description="How close a crawl runs to an account's limit.")
    parser.add_argument("--short", action="store_true", help="one setting and fewer pages")
    short = parser.parse_args().short
    settings, seconds = (SHORT_SETTINGS, SHORT_SECONDS) if short else (SETTINGS, SECONDS)
    print(HEADER, flush=True)
    lost, comparisons = 0, []
    for setting in settings:
        walls = []
        for most in (MOST, setting.limit) if setting.also_told else (MOST,):
            ended = crawl(setting, most, seconds)
            print(ended.row(), flush=True)
            walls.append(ended.wall)
            lost += ended.pages - len(ended.answered)
        if setting.also_told:
            comparisons.append(
                f"Limit {setting.limit}, latency {setting.latency:g} s: "
                f"not told the limit takes {walls[0] / walls[1]:.3f} times as long as told."
            )
    print("\n".join(comparisons))
    if lost:
        sys.exit(f"{lost:,} pages were lost: their outcomes are not complete.")


if __name__ == "__main__":
    main()
