"""Workers that share a job, beside stock scrapy-redis: pages a second, and what they ask of Redis.

Run with `.venv/bin/python benchmarks/distributed.py`: some three minutes. `ours` are workers of
this project with all they do; `stock` is scrapy-redis as stock_spider.py uses it. Both crawl the
same pages of quick_api.py, a server that answers at once, or after 50 ms; each has 16 calls in
flight a worker, and a Redis to itself. They take turns, and each figure is the median of the
rounds. Compare the rows of one run with each other, not runs with each other: machines are shared
and noisy. With few cores the server, Redis and three workers wait for each other; then CPU seconds
tell more.

- pages/s: from when every worker has made its first call to the last call; as the server saw them
- CPU ms: of all workers a page (user and system), without start and end: those of a crawl of one
  page are taken off, once for each worker
- reads, writes: of Redis from and to its clients, a page: the round trips, but that what is longer
  than its buffer of 16 KB takes a read for each; commands: those within scripts included
- Redis CPU ms: of the server, a page

Memory on Redis is what MEMORY USAGE says of all elements of the keys.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

import attrs
from quick_api import PAGE_SIZE, PATH, item_ids
from scrapy_redis import picklecompat
from stock_spider import KEY, StockSpider, next_page, start_url

from tests.distributed.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent
SCRAPY = [sys.executable, "-m", "scrapy"]
PAGES_A_QUERY = 10
IN_FLIGHT = 16
LATENCIES = (0.0, 0.05)
WORKERS = (1, 3)
JOB = "bench"
OURS, STOCK = "ours", "stock"
QUEUED = 10_000
"""Of stock's start URLs and requests, whose memory is measured."""
PATIENCE = 180.0


@attrs.frozen
class Bench:
    """What all crawls of a run share."""

    folder: Path
    api: str
    redis: RedisServer
    queries: int

    @property
    def pages(self) -> int:
        """Pages of a whole crawl."""
        return self.queries * PAGES_A_QUERY

    def get(self, path: str, data: bytes | None = None) -> Any:
        """Ask the server that plays the API."""
        no_proxy = build_opener(ProxyHandler({}))  # none leads to this machine
        with no_proxy.open(self.api + path, data) as answer:
            return json.loads(answer.read() or b"null")

    def environment(self, workers: int = 1) -> dict[str, str]:
        """Return the environment of either's processes."""
        theirs = ("TMAPI_", "SCRAPY_", "REDIS_", "COVERAGE", "PYTHONWARNINGS")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(theirs)
        }
        return inherited | {
            "REDIS_URL": self.redis.url,
            "TMAPI_BASE_URL": self.api,
            "TMAPI_TOKEN": "bench",
            "TMAPI_OUTPUT_DIR": str(self.folder / "output"),
            "TMAPI_MAX_CONCURRENCY": str(IN_FLIGHT * workers),
            "SCRAPY_PROJECT": "distributed",
        }


@attrs.frozen
class Crawl:
    """What came of one crawl."""

    pages: int
    begun: float
    """Seconds from the start of the first process to when all workers have called."""
    rate: float
    cpu: float
    """Seconds of all workers."""
    reads: int
    writes: int
    commands: int
    redis_cpu: float
    ids: frozenset[int]
    calls: int
    products: int
    memory: dict[str, float]
    """Bytes on Redis, by what they are for one of."""

    def a_page(self, spent: float) -> float:
        """Return a figure for each page."""
        return spent / self.pages


def crawl(bench: Bench, who: str, workers: int, latency: float, *, whole: bool = True) -> Crawl:
    """Crawl all pages, or the only page of one query."""
    names = [f"query-{n}.jpg" for n in range(bench.queries)] if whole else ["single.jpg"]
    seeds = [f"https://cbu01.alicdn.com/img/{name}" for name in names]
    pages = bench.pages if whole else 1
    client = bench.redis.client
    client.flushall()
    bench.get(f"/reset?workers={workers}&latency={latency}", b"")
    (_ours_is_fed if who == OURS else _stock_is_fed)(bench, seeds, workers)
    before, started = client.info(), time.time()
    command = (
        [*SCRAPY, "crawl", "image_search", "-a", f"job={JOB}"]
        if who == OURS
        else [*SCRAPY, "runspider", str(HERE / "stock_spider.py")]
    )
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
        after = client.info()
        cpu = sum(map(_end, processes))
    except BaseException:
        for process in processes:
            if process.returncode is None:
                process.kill()
                process.wait()
        print(*(log.read_text()[-3000:] for log in logs), sep="\n", file=sys.stderr)
        raise
    seen = bench.get("/counts")
    if whole and seen["after"] < pages / 2:
        sys.exit("most pages were crawled before all workers had begun: try with more --pages")
    items = client.lrange(_items(who), 0, -1)
    return Crawl(
        pages=pages,
        begun=seen["begun"] - started,
        rate=(seen["after"] - 1) / (seen["last"] - seen["begun"] or 1),
        cpu=cpu,
        reads=after["total_reads_processed"] - before["total_reads_processed"] - asked,
        writes=after["total_writes_processed"] - before["total_writes_processed"] - asked,
        commands=after["total_commands_processed"] - before["total_commands_processed"] - asked,
        redis_cpu=_redis_cpu(after) - _redis_cpu(before),
        ids=frozenset(json.loads(line)["item_id"] for line in items),
        calls=seen["calls"],
        products=len(items),
        memory=_memory_of_crawl(bench, who, pages, len(seeds)),
    )


def _ours_is_fed(bench: Bench, seeds: list[str], workers: int) -> None:
    file = bench.folder / "seeds.txt"
    file.write_text("".join(f"{seed}\n" for seed in seeds))
    _enqueue(bench, file, workers)


def _enqueue(bench: Bench, file: Path, workers: int = 1) -> tuple[float, float]:
    """Put seeds into the job; return the seconds that it took, and the peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [*SCRAPY, "tmapi", "enqueue", JOB, "-a", f"seeds={file}"],
        cwd=ROOT,
        env=bench.environment(workers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("the job could not be enqueued")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def _stock_is_fed(bench: Bench, seeds: list[str], _: int) -> None:
    bench.redis.client.rpush(
        f"{KEY}:start_urls", *(start_url(bench.api + PATH, seed) for seed in seeds)
    )


def _wait(bench: Bench, who: str, pages: int, processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait until all is on Redis; return how many commands Redis was asked for that."""
    asked, deadline = 0, time.monotonic() + PATIENCE
    client = bench.redis.client
    while time.monotonic() < deadline:
        time.sleep(0.1)
        if bench.get("/counts")["calls"] >= pages:
            asked += 1
            if who == STOCK:
                if client.llen(_items(who)) >= pages * PAGE_SIZE:
                    return asked + 1  # INFO, too
            elif client.hget(f"image_search:{JOB}:job", "state") == b"ended":
                return asked + 1
        elif any(map(_has_ended, processes)):
            raise SystemExit(f"a worker of {who} ended before all pages were crawled")
    raise SystemExit(f"{who} did not end in {PATIENCE:g} seconds")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Say whether a process has ended, and leave it for wait4."""
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, how) is not None


def _end(process: subprocess.Popen[bytes]) -> float:
    """End a worker that has nothing left to do; return the seconds of CPU it took."""
    if not _has_ended(process):  # ours end by themselves, stock's would wait for ever
        process.terminate()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0  # wait4 has reaped it
    return usage.ru_utime + usage.ru_stime


def _redis_cpu(info: dict[str, Any]) -> float:
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


def _items(who: str) -> str:
    return f"image_search:{JOB}:items" if who == OURS else f"{KEY}:items"


# Memory


def _usage(bench: Bench, *keys: str | bytes) -> int:
    return sum(bench.redis.client.memory_usage(key, samples=0) or 0 for key in keys)


def _memory_of_crawl(bench: Bench, who: str, pages: int, queries: int) -> dict[str, float]:
    """Return what a crawl has left on Redis, for one of each."""
    client = bench.redis.client
    lines = client.llen(_items(who))
    if who == STOCK:
        return {
            "product": _usage(bench, _items(who)) / lines,
            "page done": _usage(bench, f"{KEY}:dupefilter") / pages,
        }
    prefix = f"image_search:{JOB}:"
    dupefilters = list(client.scan_iter(f"{prefix}dupefilter:*"))
    sightings = f"{prefix}sightings"
    return {
        "product": _usage(bench, _items(who)) / lines,
        "dupefilter": _usage(bench, *dupefilters) / lines,
        "sighting": _usage(bench, sightings) / client.llen(sightings),
        "query done": _usage(bench, f"{prefix}outcomes", f"{prefix}seeds") / queries,
    }


def _long_seeds(count: int) -> Iterator[str]:
    """Yield URLs of 80 characters."""
    begin, end = "https://cbu01.alicdn.com/img/ibank/O1CN01", "_!!2216045399902-0-cib.jpg"
    digits = 80 - len(begin) - len(end)
    return (f"{begin}{number:0{digits}d}{end}" for number in range(count))


def enqueue_many(bench: Bench, count: int) -> tuple[float, float, float, Counter[str]]:
    """Return the seconds and peak MB of enqueueing, and bytes on Redis a query: all, and by key."""
    bench.redis.client.flushall()
    file = bench.folder / "many.txt"
    with file.open("w") as out:
        out.writelines(f"{seed}\n" for seed in _long_seeds(count))
    seconds, peak = _enqueue(bench, file)
    keys: Counter[str] = Counter()
    for key in bench.redis.client.scan_iter(f"image_search:{JOB}:*"):
        keys[key.decode().split(":")[2]] += _usage(bench, key)
    file.unlink()
    return seconds, peak, sum(keys.values()) / count, keys


def stock_queue(bench: Bench) -> tuple[float, float]:
    """Return bytes on Redis for one start URL, and for one request in the queue."""
    client = bench.redis.client
    client.flushall()
    url = bench.api + PATH
    spider = StockSpider()
    starts = [start_url(url, seed) for seed in _long_seeds(QUEUED)]
    client.rpush(f"{KEY}:start_urls", *starts)
    requests = {}
    for start in starts:
        given = json.loads(start)
        request = next_page(given["url"], 1, given["meta"]["seed"], PAGE_SIZE)
        request.meta["depth"] = 1
        request.headers["Referer"] = given["url"]
        requests[picklecompat.dumps(request.to_dict(spider=spider))] = 0
    client.zadd(f"{KEY}:requests", requests)
    return (
        _usage(bench, f"{KEY}:start_urls") / QUEUED,
        _usage(bench, f"{KEY}:requests") / QUEUED,
    )


# What is printed


def table(header: str, rows: list[list[str]]) -> None:
    """Print a Markdown table; columns of figures are on the right."""
    titles = [title.strip() for title in header.split("|")]
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    left = [not row[:1].isdigit() for row in rows[0]]

    def line(cells: list[str]) -> str:
        padded = (
            cell.ljust(width) if is_left else cell.rjust(width)
            for cell, width, is_left in zip(cells, widths, left, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if is_left else "-" * (width - 1) + ":"
        for width, is_left in zip(widths, left, strict=True)
    ]
    print("", line(titles), line(rule), *map(line, rows), sep="\n", flush=True)


def machine(bench: Bench) -> str:
    """Return where and with what this ran."""
    info = bench.redis.client.info("server")
    server = (
        f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info['redis_version']}"
    )
    cpus = Path("/proc/cpuinfo")
    model = platform.machine()
    if cpus.exists():
        models = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = models[0].partition(": ")[2] if models else model
    libraries = ", ".join(
        f"{name} {version(name)}" for name in ("Scrapy", "scrapy-redis", "redis", "aiohttp")
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} × {model}, {platform.system()}, "
        f"load {os.getloadavg()[0]:.1f}; Python {platform.python_version()}, {libraries}, {server}"
    )


@contextmanager
def quick_api(queries: int) -> Iterator[str]:
    """Serve the pages; give the base URL."""
    server = subprocess.Popen(
        [sys.executable, str(HERE / "quick_api.py"), str(queries), str(PAGES_A_QUERY)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


Kind = tuple[str, float, int]
"""Of crawls: whose, latency and workers; one of one page has 0 workers."""


def crawl_all(bench: Bench, rounds: int) -> dict[Kind, list[Crawl]]:
    """Crawl, round after round; either is the first in every other one."""
    expected = item_ids(bench.queries, PAGES_A_QUERY)
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
    """Print what the crawls took."""
    rows, starts = [], {}
    for who in (OURS, STOCK):
        single = crawls.pop((who, 0.0, 0))
        starts[who] = [_median([one.begun for one in single]), _median([one.cpu for one in single])]
    for latency in LATENCIES:
        for workers in WORKERS:
            cpus = {}
            for who in (STOCK, OURS):
                done = crawls[who, latency, workers]
                extra = workers * starts[who][1]
                cpus[who] = [one.a_page(one.cpu - extra) * 1000 for one in done]
            for who in (OURS, STOCK):
                done = crawls[who, latency, workers]
                rates = [one.rate for one in done]
                others = [one.rate for one in crawls[STOCK, latency, workers]]
                faster = [mine / other for mine, other in zip(rates, others, strict=True)]
                less = [his / my for my, his in zip(cpus[who], cpus[STOCK], strict=True)]
                rows.append(
                    [f"{latency * 1000:.0f} ms", f"{workers}", who, f"{_median(rates):.0f}"]
                    + [f"{_median(faster):.2f}", f"{_median(cpus[who]):.2f}"]
                    + [f"{_median(less):.2f}"]
                    + [f"{_median([one.a_page(one.reads) for one in done]):.2f}"]
                    + [f"{_median([one.a_page(one.writes) for one in done]):.2f}"]
                    + [f"{_median([one.a_page(one.commands) for one in done]):.0f}"]
                    + [f"{_median([one.a_page(one.redis_cpu) for one in done]) * 1000:.2f}"]
                )
    table(
        "latency | workers | who | pages/s | × stock | CPU ms | stock's ÷ | reads | writes "
        "| commands | Redis CPU ms",
        rows,
    )
    table(
        "start and end of a worker: one page | ours | stock",
        [
            ["seconds to its first call"] + [f"{starts[who][0]:.2f}" for who in (OURS, STOCK)],
            ["CPU seconds"] + [f"{starts[who][1]:.2f}" for who in (OURS, STOCK)],
        ],
    )


def show_memory(bench: Bench, ours: Crawl, stock: Crawl, counts: list[int]) -> None:
    """Print what is kept on Redis, and what enqueueing takes."""
    start, request = stock_queue(bench)
    rows, enqueued = [], []
    for count in counts:
        seconds, peak, each, keys = enqueue_many(bench, count)
        parts = ", ".join(f"{key} {size / count:.0f}" for key, size in keys.most_common(2))
        enqueued.append([f"{count:,}", f"{seconds:.1f}", f"{peak:.0f}", f"{each:.0f}", parts])
    rows = [
        ["query enqueued (stock: start URL)", enqueued[0][3], f"{start:.0f}"],
        ["page that waits (ours: of a query, not kept)", "0", f"{request:.0f}"],
    ]
    for name, shown in (
        ("page done", "page done (dupefilter of requests)"),
        ("query done", "query done (seed and outcome)"),
        ("product", "product (items)"),
        ("dupefilter", "product (dupefilter of items)"),
        ("sighting", "sighting"),
    ):
        cells = [f"{of.memory[name]:.0f}" if name in of.memory else "-" for of in (ours, stock)]
        rows.append([shown, *cells])
    rows.append(["lines in items", f"{ours.products:,}", f"{stock.products:,}"])
    table("bytes on Redis for each | ours | stock", rows)
    table("queries enqueued | seconds | peak MB | bytes each | of these", enqueued)


def _median(values: list[float]) -> float:
    return statistics.median(values)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Workers beside stock scrapy-redis.")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--pages", type=int, default=1000, help="a crawl (default: %(default)s)")
    parser.add_argument("--million", action="store_true", help="also enqueue 1,000,000 queries")
    options = parser.parse_args()
    queries = max(1, round(options.pages / PAGES_A_QUERY))
    with (
        tempfile.TemporaryDirectory() as name,
        RedisServer(Path(name) / "redis") as redis,
        quick_api(queries) as api,
    ):
        bench = Bench(Path(name), api, redis, queries)
        print(machine(bench))
        print(
            f"{options.rounds} rounds of {bench.pages:,} pages of {PAGE_SIZE} products; "
            f"{len(item_ids(queries, PAGES_A_QUERY)):,} different ones",
            flush=True,
        )
        crawls = crawl_all(bench, options.rounds)
        last = {who: crawls[who, 0.0, 1][-1] for who in (OURS, STOCK)}
        show_crawls(crawls)
        counts = [100_000, 1_000_000] if options.million else [100_000]
        show_memory(bench, last[OURS], last[STOCK], counts)


if __name__ == "__main__":
    main()
