"""Workers: several that share a job, compared with stock scrapy-redis.

`ours` are workers of this project with all they do; `stock` is scrapy-redis with its own scheduler,
queue, filter and pipeline, and dicts made by hand. Both crawl the same pages of 20 products from a
server that answers at once, or after 50 ms; each has 16 calls in flight per worker, and a Redis to
itself. They take turns, and the figures are medians. With few cores the server, Redis and three
workers wait for each other; then CPU says more.

- pages/s: from when every worker has made its first call to the last call, as the server saw them
- × stock: pages/s divided by stock's
- CPU ms: of all workers, per page (user and system), without start and end (those of a crawl of one
  page, once for each worker); stock's ÷: stock's divided by this
- reads, writes: by Redis from and to its clients, per page: the round trips, except that whatever
  is longer than its buffer of 16 KB takes several reads; commands: those within scripts included
- Redis CPU ms: of the server, per page

Memory on Redis is what MEMORY USAGE says for all elements of the keys, with seeds of 80 characters.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import attrs
from by_hand import PATH
from contestants import IN_FLIGHT, PAGES_A_QUERY, seeds
from processes import HERE, ROOT, SCRAPY, environment
from quick_api import PAGE_SIZE, item_ids
from redis_memory import JOB, OURS, STOCK, Memory, enqueue, items_key, show_memory
from serving import Server, quick_api
from stock_spider import KEY, start_url
from tables import introduce, table

from tests.distributed.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable

TWINS = 10
LATENCIES = (0.0, 0.05)
WORKERS = (1, 3)
PATIENCE = 180.0


@attrs.frozen
class Bench:
    """What all crawls of a run share."""

    folder: Path
    api: Server
    redis: RedisServer
    queries: int

    @property
    def pages(self) -> int:
        """Pages of a whole crawl."""
        return self.queries * PAGES_A_QUERY

    def environment(self, workers: int = 1) -> dict[str, str]:
        """Return the environment of the processes of both."""
        return environment(
            REDIS_URL=self.redis.url,
            TMAPI_BASE_URL=self.api.url,
            TMAPI_TOKEN="bench",
            TMAPI_OUTPUT_DIR=self.folder / "output",
            TMAPI_MAX_CONCURRENCY=IN_FLIGHT * workers,
            SCRAPY_PROJECT="distributed",
        )


@attrs.frozen
class Crawl:
    """Result of one crawl."""

    pages: int
    begun: float
    """Seconds from the start of the first process until all workers have made a call."""
    rate: float
    """Pages a second."""
    cpu: float
    """CPU seconds of all workers."""
    reads: int
    writes: int
    commands: int
    redis_cpu: float
    """CPU seconds of Redis."""
    ids: frozenset[int]
    calls: int
    products: int
    memory: dict[str, float]
    """Bytes on Redis for one of each kind."""


def crawl(bench: Bench, who: str, workers: int, latency: float, *, whole: bool = True) -> Crawl:
    """Crawl all pages, or the only page of one query."""
    images = seeds(range(bench.queries)) if whole else seeds(["single"])
    pages = bench.pages if whole else 1
    client = bench.redis.client
    client.flushall()
    bench.api.reset(workers=workers, latency=latency)
    if who == OURS:
        file = bench.folder / "seeds.txt"
        file.write_text(images)
        enqueue(file, bench.folder, bench.environment(workers))
        command = [*SCRAPY, "crawl", "image_search", "-a", f"job={JOB}"]
    else:
        urls = (start_url(bench.api.url + PATH, seed) for seed in images.split())
        client.rpush(f"{KEY}:start_urls", *urls)
        command = [*SCRAPY, "runspider", str(HERE / "stock_spider.py")]
    before, started = client.info(), time.time()
    after, asked, cpu = _work(bench, who, pages, workers, command)
    seen = bench.api.get("/counts")
    if whole and seen["after"] < pages / 2:
        sys.exit("most pages were crawled before all workers had begun: try with more --pages")
    items = client.lrange(items_key(who), 0, -1)

    def spent(name: str) -> int:
        return int(after[f"total_{name}_processed"] - before[f"total_{name}_processed"] - asked)

    return Crawl(
        pages=pages,
        begun=seen["begun"] - started,
        rate=(seen["after"] - 1) / (seen["last"] - seen["begun"] or 1),
        cpu=cpu,
        reads=spent("reads"),
        writes=spent("writes"),
        commands=spent("commands"),
        redis_cpu=_redis_cpu(after) - _redis_cpu(before),
        ids=frozenset(json.loads(line)["item_id"] for line in items),
        calls=seen["calls"],
        products=len(items),
        memory=Memory(client).of_crawl(who, pages, len(images.split())),
    )


def _work(
    bench: Bench, who: str, pages: int, workers: int, command: list[str]
) -> tuple[dict[str, Any], int, float]:
    """Run workers until everything is on Redis.

    :return: the server's INFO at that moment, the number of commands used to find out, and the
        workers' CPU seconds
    """
    logs = [bench.folder / f"worker-{number}.log" for number in range(workers)]
    processes = []
    for number, log in enumerate(logs):
        with log.open("w") as stderr:
            processes.append(
                subprocess.Popen(
                    [*command, "-s", f"USER_AGENT=worker-{number}"],
                    cwd=ROOT if who == OURS else bench.folder,
                    env=bench.environment(workers),
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                )
            )
    try:
        asked = _wait(bench, who, pages, processes)
        after = bench.redis.client.info()
        return after, asked, sum(map(_end, processes))
    except BaseException:
        for process in processes:
            if process.returncode is None:
                process.kill()
                process.wait()
        print(*(log.read_text()[-3000:] for log in logs), sep="\n", file=sys.stderr)
        raise


def _wait(bench: Bench, who: str, pages: int, processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait until everything is on Redis; return the number of commands used to find out."""
    asked, deadline = 0, time.monotonic() + PATIENCE
    client = bench.redis.client
    while time.monotonic() < deadline:
        time.sleep(0.1)
        if bench.api.get("/counts")["calls"] >= pages:
            asked += 1
            if who == STOCK:
                if client.llen(items_key(who)) >= pages * PAGE_SIZE:
                    return asked + 1  # INFO included
            elif client.hget(f"image_search:{JOB}:job", "state") == b"ended":
                return asked + 1
        elif any(map(_has_ended, processes)):
            raise SystemExit(f"a worker of {who} ended before all pages were crawled")
    raise SystemExit(f"{who} did not end in {PATIENCE:g} seconds")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process has ended, leaving it for wait4."""
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, how) is not None


def _end(process: subprocess.Popen[bytes]) -> float:
    """End a worker that has nothing left to do; return the CPU seconds it took."""
    if not _has_ended(process):  # ours end by themselves, stock's would wait for ever
        process.terminate()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0  # wait4 has reaped it
    return usage.ru_utime + usage.ru_stime


def _redis_cpu(info: dict[str, Any]) -> float:
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


Kind = tuple[str, float, int]
"""Runs: contestant, latency and workers; a crawl of one page has 0 workers."""


def crawl_all(bench: Bench, rounds: int) -> dict[Kind, list[Crawl]]:
    """Crawl, round after round; the two take turns in going first."""
    expected = item_ids(bench.queries, PAGES_A_QUERY, TWINS)
    crawls: dict[Kind, list[Crawl]] = {}
    for number in range(rounds):
        for latency, workers in [(0.0, 0), *((at, of) for at in LATENCIES for of in WORKERS)]:
            for who in (OURS, STOCK) if number % 2 == 0 else (STOCK, OURS):
                done = crawl(bench, who, workers or 1, latency, whole=bool(workers))
                crawls.setdefault((who, latency, workers), []).append(done)
                if done.calls != done.pages or (workers and done.ids != expected):
                    sys.exit(
                        f"{who}, {workers} workers: {done.calls:,} calls for {done.pages:,} pages, "
                        f"and {len(done.ids):,} different items instead of {len(expected):,}"
                    )
    return crawls


def show_crawls(crawls: dict[Kind, list[Crawl]]) -> None:
    """Print the results of the crawls."""
    begun, ends = {}, {}
    for who in (OURS, STOCK):
        begun[who] = median(one.begun for one in crawls[who, 0.0, 0])
        ends[who] = median(one.cpu for one in crawls[who, 0.0, 0])
    rows = []
    for latency in LATENCIES:
        for workers in WORKERS:
            both = {who: crawls[who, latency, workers] for who in (OURS, STOCK)}
            cpus = {
                who: [(one.cpu - workers * ends[who]) / one.pages * 1000 for one in done]
                for who, done in both.items()
            }
            for who, done in both.items():
                faster = zip(done, both[STOCK], strict=True)
                less = zip(cpus[who], cpus[STOCK], strict=True)
                rows.append(
                    [f"{latency * 1000:.0f} ms", f"{workers}", who]
                    + [f"{median(one.rate for one in done):.0f}"]
                    + [f"{median(mine.rate / other.rate for mine, other in faster):.2f}"]
                    + [f"{median(cpus[who]):.2f}", f"{median(his / my for my, his in less):.2f}"]
                    + [_a_page(done, lambda one: one.reads), _a_page(done, lambda one: one.writes)]
                    + [_a_page(done, lambda one: one.commands, 0)]
                    + [_a_page(done, lambda one: one.redis_cpu * 1000)]
                )
    table(
        "latency | workers | who | pages/s | × stock | CPU ms | stock's ÷ | reads | writes "
        "| commands | Redis CPU ms",
        rows,
    )
    table(
        "start and end of a worker: one page | ours | stock",
        [
            ["seconds to its first call", *(f"{begun[who]:.2f}" for who in (OURS, STOCK))],
            ["CPU seconds", *(f"{ends[who]:.2f}" for who in (OURS, STOCK))],
        ],
    )


def _a_page(crawls: list[Crawl], figure: Callable[[Crawl], float], digits: int = 2) -> str:
    """Return the median of a figure of crawls, per page."""
    return f"{median(figure(done) / done.pages for done in crawls):.{digits}f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--pages", type=int, default=1000, help="a crawl (default: %(default)s)")
    parser.add_argument(
        "--enqueued", type=int, default=100_000, help="queries that wait (default: %(default)s)"
    )
    parser.add_argument("--million", action="store_true", help="also enqueue 1,000,000 queries")
    options = parser.parse_args()
    queries = max(1, round(options.pages / PAGES_A_QUERY))
    with (
        tempfile.TemporaryDirectory() as name,
        RedisServer(Path(name) / "redis") as redis,
        quick_api(queries, PAGES_A_QUERY, twins=TWINS, own_core=False) as api,
    ):
        bench = Bench(Path(name), api, redis, queries)
        info = redis.client.info("server")
        introduce(
            __doc__,
            f"Redis is {info.get('server_name', 'redis')} "
            f"{info.get('valkey_version') or info['redis_version']}.",
            f"Rounds: {options.rounds}, of {bench.pages:,} pages; "
            f"{len(item_ids(queries, PAGES_A_QUERY, TWINS)):,} different products.",
            libraries=("scrapy-redis", "redis", "aiohttp"),
        )
        crawls = crawl_all(bench, options.rounds)
        show_crawls(crawls)
        last = {who: crawls[who, 0.0, 1][-1] for who in (OURS, STOCK)}
        show_memory(
            redis.client,
            api.url,
            {who: (done.memory, done.products) for who, done in last.items()},
            [options.enqueued, *([1_000_000] if options.million else [])],
            folder=bench.folder,
            env=bench.environment(),
        )


if __name__ == "__main__":
    main()
