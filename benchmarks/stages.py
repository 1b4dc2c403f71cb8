"""Stages: what one item takes in each stage of its way.

The public functions that a crawl of this project calls, measured by themselves in one process;
next to them, what `plain` and `textbook` (see Cost) do instead. What the table leaves out, up to
the µs/item there, is Scrapy's: its engine, its downloader, passing on items and signals, and
Python's start.

- µs/item: CPU, user and system; work done once per page is divided by its 20 items
- wall: the same for ours by the clock; if it is above the CPU, the disk was waited for
- loader: with the projection, and with the processors of all fields
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import attrs
import jmespath
from by_hand import found_by, page_rows
from quick_api import PAGE_SIZE, Pages
from scrapy.crawler import Crawler
from scrapy.exporters import JsonLinesItemExporter
from scrapy.selector import Selector
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector
from tables import introduce, table
from textbook_spider import EXPRESSIONS, load

from tmapi_spiders.api.answers import Page, read_answer
from tmapi_spiders.api.calls import call_of
from tmapi_spiders.crawl.progress import Progress
from tmapi_spiders.crawl.run import OpenSpider
from tmapi_spiders.formats import to_line, utc_now
from tmapi_spiders.items import Product, Sighting
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.local.preparation import prepare_run
from tmapi_spiders.pipelines import DedupePipeline, ValidationPipeline
from tmapi_spiders.spiders.image_search import ImageSearchSpider

Work = Callable[[], object]

COLUMNS = ("ours", "plain", "textbook")
SEED = "https://cbu01.alicdn.com/img/query-0.jpg"


@attrs.frozen
class Stage:
    """A stage, and the items that go through it: all items of all pages, at each call."""

    name: str
    ours: Work
    plain: Work | None = None
    textbook: Work | None = None


class Stages:
    """The stages of a crawl of some pages.

    :param folder: the job's folder
    """

    def __init__(self, folder: Path, pages: int) -> None:
        rendered = Pages(pages, twins=1)
        self.bodies = [rendered.render(0, page) for page in range(1, pages + 1)]
        answers = [read_answer(200, body) for body in self.bodies]
        self.elements = [answer.elements for answer in answers if isinstance(answer, Page)]
        settings = Settings(
            {
                "TMAPI_BASE_URL": "http://127.0.0.1:9",
                "TMAPI_TOKEN": "bench",
                "TMAPI_OUTPUT_DIR": str(folder),
            }
        )
        self.run = prepare_run(settings, {"seeds": SEED, "job": "bench"})
        self.crawler = Crawler(ImageSearchSpider, settings)
        self.spider = ImageSearchSpider.from_crawler(self.crawler, run=self.run)
        self.crawler.spider = self.spider
        engine: Any = SimpleNamespace(crawl=lambda _: None)
        stats = MemoryStatsCollector(self.crawler)
        base_url = self.run.config.base_url.geturl()
        self.run.start(OpenSpider(self.spider, engine, stats, lambda _: None, base_url))
        (self.query,) = self.run.queries
        self.products = [product for page in self._load() for product in page]
        for rank, product in enumerate(self.products, 1):
            product.rank = rank
        self.requests = [self._request(page) for page in range(1, pages + 1)]
        self.data = [json.loads(body)["data"] for body in self.bodies]
        self.rows = self._make_rows()
        self.items = self._load_by_the_book()

    def all(self) -> list[Stage]:
        """Return the stages in the order of an item's way."""
        return [
            Stage("decode", self._decode, self._decode_plainly),
            Stage("archive", self._archive),
            Stage("projection", self._project, None, self._search_each_field),
            Stage("loader", self._load, self._make_rows, self._load_by_the_book),
            Stage("sightings", self._sight),
            Stage("validation", self._validate),
            Stage("dedupe", self._dedupe),
            Stage("export", self._export, self._export_rows, self._export_items),
        ]

    def _decode(self) -> None:
        for body in self.bodies:
            read_answer(200, body)

    def _decode_plainly(self) -> None:
        for body in self.bodies:
            json.loads(body)

    def _request(self, page: int) -> Any:
        request = self.spider.request_page(self.query, page, img_url=SEED, generation=0)
        call = call_of(request)
        assert call is not None
        call.fetched_at = utc_now()
        return request, call

    def _archive(self) -> None:
        """Note the call in the journal, and store the answer."""
        for (request, call), body in zip(self.requests, self.bodies, strict=True):
            call.repeat += 1  # otherwise it would replace what the last round has stored
            self.run.archive.journal.note(call.query_id, 1, call.fetched_at)
            self.run.archive.store(request, call, body, PAGE_SIZE)

    def _project(self) -> None:
        expressions = {
            field.metadata["expression"]: None
            for field in attrs.fields(Product)
            if "expression" in field.metadata
        }
        projection = jmespath.compile(f"[*].[{', '.join(expressions)}]")
        for elements in self.elements:
            projection.search(elements)

    def _search_each_field(self) -> None:
        for elements in self.elements:
            for element in elements:
                for expression in EXPRESSIONS.values():
                    jmespath.search(expression, element)

    def _load(self) -> list[list[Product]]:
        identity: dict[str, Any] = Progress(self.query).identity()
        fetched_at = utc_now()
        return [
            list(
                ProductLoader.load_rows(
                    elements,
                    job="bench",
                    **identity,
                    page=page,
                    total_count=len(self.bodies) * PAGE_SIZE,
                    fetched_at=fetched_at,
                )
            )
            for page, elements in enumerate(self.elements, 1)
        ]

    def _make_rows(self) -> list[dict[str, Any]]:
        return [row for data in self.data for row in page_rows(data, SEED, 0)]

    def _load_by_the_book(self) -> list[Any]:
        return [
            load(element, found_by(data, SEED), rank)
            for data in self.data
            for rank, element in enumerate(Selector(root=data).jmespath("items[*]"), 1)
        ]

    def _sight(self) -> None:
        for product in self.products:
            self.run.write_sighting(
                Sighting(
                    job=product.job,
                    query_id=product.query_id,
                    seed_id=product.seed_id,
                    seed_data=product.seed_data,
                    item_id=product.item_id,
                    page=product.page,
                    rank=product.rank,
                    price=product.price,
                    fetched_at=product.fetched_at,
                )
            )

    def _validate(self) -> None:
        pipeline = ValidationPipeline.from_crawler(self.crawler)
        for product in self.products:
            pipeline.process_item(product)

    def _dedupe(self) -> None:
        pipeline = DedupePipeline.from_crawler(self.crawler)
        for product in self.products:
            pipeline.process_item(product)

    def _export(self) -> None:
        file = io.BytesIO()
        for product in self.products:
            file.write(to_line(product))

    def _export_rows(self) -> None:
        _export_as_scrapy_does(self.rows)

    def _export_items(self) -> None:
        _export_as_scrapy_does(self.items)


def _export_as_scrapy_does(items: list[Any]) -> None:
    exporter = JsonLinesItemExporter(io.BytesIO())
    for item in items:
        exporter.export_item(item)


def measure(stages: list[Stage], items: int, rounds: int) -> list[list[str]]:
    """Return the rows of the table."""
    taken: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for _ in range(rounds):
        for stage in stages:
            for who in COLUMNS:
                if (work := getattr(stage, who)) is not None:
                    taken[stage.name, who].append(_microseconds(work, items))
    cpu = {key: median(cpu for cpu, _ in values) for key, values in taken.items()}
    rows = []
    for stage in stages:
        wall = median(wall for _, wall in taken[stage.name, "ours"])
        others = [cpu.get((stage.name, who)) for who in COLUMNS[1:]]
        rows.append(
            [stage.name, f"{cpu[stage.name, 'ours']:.1f}", f"{wall:.1f}"]
            + ["-" if value is None else f"{value:.1f}" for value in others]
        )
    return rows


def _microseconds(work: Work, items: int) -> tuple[float, float]:
    """Return CPU and wall time of an item."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / items * 1e6, wall / items * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="(default: %(default)s)")
    parser.add_argument("--pages", type=int, default=100, help="(default: %(default)s)")
    options = parser.parse_args()
    introduce(
        __doc__,
        f"Rounds: {options.rounds}, of {options.pages} pages; the figures are medians.",
        libraries=("orjson", "jmespath", "itemloaders"),
    )
    with tempfile.TemporaryDirectory() as name:
        stages = Stages(Path(name), options.pages)
        rows = measure(stages.all(), len(stages.products), options.rounds)
        stages.run.abandon()
    table("µs/item | ours | wall | plain | textbook", rows)


if __name__ == "__main__":
    main()
