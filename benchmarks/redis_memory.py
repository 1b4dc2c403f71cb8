"""What jobs take on Redis, and what enqueueing them takes; part of distributed.py."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
from by_hand import PAGE_SIZE, PATH
from processes import ROOT, SCRAPY, Child
from scrapy_redis import picklecompat
from stock_spider import KEY, StockSpider, next_page, start_url
from tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

JOB = "bench"
OURS, STOCK = "ours", "stock"
QUEUED = 10_000
"""Number of stock's start URLs and requests whose memory is measured."""


def items_key(who: str) -> str:
    """Return the key of the list of products."""
    return f"image_search:{JOB}:items" if who == OURS else f"{KEY}:items"


@attrs.frozen
class Memory:
    """Memory on a Redis server, in bytes, as MEMORY USAGE says for all elements of keys.

    :param client: a redis-py client
    """

    client: Any

    def usage(self, *keys: str | bytes) -> int:
        """Return what these keys take."""
        return sum(self.client.memory_usage(key, samples=0) or 0 for key in keys)

    def of_crawl(self, who: str, pages: int, queries: int) -> dict[str, float]:
        """Return what a crawl has left, for one of each kind."""
        lines = self.client.llen(items_key(who))
        product = {"product": self.usage(items_key(who)) / lines}
        if who == STOCK:
            return {**product, "page done": self.usage(f"{KEY}:dupefilter") / pages}
        prefix = f"image_search:{JOB}:"
        dupefilters = list(self.client.scan_iter(f"{prefix}dupefilter:*"))
        sightings = f"{prefix}sightings"
        return {
            **product,
            "dupefilter": self.usage(*dupefilters) / lines,
            "sighting": self.usage(sightings) / self.client.llen(sightings),
            "query done": self.usage(f"{prefix}outcomes", f"{prefix}seeds") / queries,
        }

    def of_stock_queue(self, api: str) -> tuple[float, float]:
        """Return what one start URL takes, and one request in the queue."""
        self.client.flushall()
        starts = [start_url(api + PATH, seed) for seed in _long_seeds(QUEUED)]
        self.client.rpush(f"{KEY}:start_urls", *starts)
        spider, requests = StockSpider(), {}
        for start in starts:
            given = json.loads(start)
            request = next_page(given["url"], 1, given["meta"]["seed"], PAGE_SIZE)
            request.meta["depth"] = 1
            request.headers["Referer"] = given["url"]
            requests[picklecompat.dumps(request.to_dict(spider=spider))] = 0
        self.client.zadd(f"{KEY}:requests", requests)
        return (
            self.usage(f"{KEY}:start_urls") / QUEUED,
            self.usage(f"{KEY}:requests") / QUEUED,
        )

    def of_queries(self) -> Counter[str]:
        """Return what a job of ours takes, by the last part of its keys."""
        keys: Counter[str] = Counter()
        for key in self.client.scan_iter(f"image_search:{JOB}:*"):
            keys[key.decode().split(":")[2]] += self.usage(key)
        return keys


def enqueue(file: Path, folder: Path, env: dict[str, str]) -> tuple[float, float]:
    """Enqueue seeds; return the seconds that took, and the peak memory in MB."""
    command = [*SCRAPY, "tmapi", "enqueue", JOB, "-a", f"seeds={file}"]
    with Child(command, folder / "enqueue.log", ROOT, env) as child:
        usage = child.wait()
    return usage.wall, usage.peak


def show_memory(
    client: Any,
    api: str,
    crawls: Mapping[str, tuple[dict[str, float], int]],
    counts: list[int],
    *,
    folder: Path,
    env: dict[str, str],
) -> None:
    """Print what is kept on Redis, and what enqueueing takes.

    :param crawls: by contestant: what :meth:`Memory.of_crawl` returned, and its lines of items
    :param counts: numbers of queries to enqueue
    :param env: environment of our processes
    """
    memory = Memory(client)
    start, request = memory.of_stock_queue(api)
    enqueued, file = [], folder / "many.txt"
    for count in counts:
        client.flushall()
        with file.open("w") as out:
            out.writelines(f"{seed}\n" for seed in _long_seeds(count))
        seconds, peak = enqueue(file, folder, env)
        keys = memory.of_queries()
        parts = ", ".join(f"{key} {size / count:.0f}" for key, size in keys.most_common(2))
        each = f"{sum(keys.values()) / count:.0f}"
        enqueued.append([f"{count:,}", f"{seconds:.1f}", f"{peak:.0f}", each, parts])
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
        both = [crawls[who][0] for who in (OURS, STOCK)]
        rows.append([shown, *(f"{of[name]:.0f}" if name in of else "-" for of in both)])
    rows.append(["lines in items", *(f"{crawls[who][1]:,}" for who in (OURS, STOCK))])
    table("bytes on Redis for each | ours | stock", rows)
    table("queries enqueued | seconds | peak MB | bytes each | of these", enqueued)


def _long_seeds(count: int) -> Iterator[str]:
    """Yield URLs of 80 characters."""
    begin, end = "https://cbu01.alicdn.com/img/ibank/O1CN01", "_!!2216045399902-0-cib.jpg"
    digits = 80 - len(begin) - len(end)
    return (f"{begin}{number:0{digits}d}{end}" for number in range(count))
