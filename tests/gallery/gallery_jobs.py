"""Jobs written by hand, for the gallery's tests."""

from __future__ import annotations

import argparse
import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

from scrapy.settings import Settings

from tests.support import Crawl
from tmapi_spiders.commands import gallery
from tmapi_spiders.commands.tmapi import run_subcommand
from tmapi_spiders.gallery.embedded_pictures import EmbeddedPictures
from tmapi_spiders.gallery.groups import read_gallery
from tmapi_spiders.gallery.page import gallery_page, write_page
from tmapi_spiders.jobs.job_files import JobFiles

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "test-only-token-0123456789"

PIXEL = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="


def make_gallery(output: Path, job: str, *options: str, **settings: str) -> Crawl:
    """Run `scrapy tmapi gallery` in this process, which is ten times faster."""
    parser = argparse.ArgumentParser()
    gallery.add_arguments(parser)
    given = parser.parse_args([job, *options])
    all_settings = Settings({"TMAPI_OUTPUT_DIR": str(output), **settings})
    log, stdout = StringIO(), StringIO()
    with redirect_stdout(stdout), redirect_stderr(log):
        status = run_subcommand("gallery", given, all_settings)
    return Crawl(status, log.getvalue(), stdout.getvalue(), output / job)


def page_of(folder: Path, pictures: dict[str, str] | None = None, per_seed: int = 500) -> Path:
    """Make the page of a job's folder, with these pictures in it."""
    files = JobFiles.open(f"{folder}/", folder.parent)
    embedded = EmbeddedPictures(pictures or {}, wanted=len(pictures or {}))
    page = gallery_page(
        read_gallery(files, per_seed), embedded, 15_000_000, made_up=files.is_made_up
    )
    write_page(folder / "gallery.html", page)
    return folder / "gallery.html"


def product(item_id: int, **fields: Any) -> dict[str, Any]:
    """Return a product's row; fields not given are null."""
    row = {
        "item_id": item_id,
        "product_url": f"https://detail.1688.com/offer/{item_id}.html",
        "title": f"Lamp {item_id}",
        "title_origin": f"灯 {item_id}",
        "img": None,
        "price": "10.00",
        "origin_price": None,
        "currency": "CNY",
        "moq": None,
        "sale_quantity_90days": None,
        "sale_quantity_90days_text": None,
        "area_from": [],
        "free_shipping": None,
        "ship_in_48h": None,
        "company_name": None,
        "is_powerful_seller": None,
        "is_super_factory": None,
        "shop_years": None,
        "composite_score": None,
        "item_repurchase_rate": None,
        "low_refund_rate": None,
        "one_piece_min_order": None,
        "is_ad": None,
    }
    return row | fields


class JobFolder:
    """A job's folder: add seeds and their products, then write it."""

    def __init__(self, folder: Path, **facts: Any) -> None:
        self.folder = folder
        self.facts = {"job": folder.name, "source": "api.tmapi.io", "made_up": False} | facts
        self.products: list[dict[str, Any]] = []
        self.sightings: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []

    def seed(
        self,
        seed_id: str,
        *products: dict[str, Any],
        data: dict[str, Any] | None = None,
        sort: str = "default",
        language: str = "en",
        status: str = "complete",
        **outcome: Any,
    ) -> None:
        """Add one query of a seed, with its products by rank."""
        about = {
            "job": self.facts["job"],
            "query_id": f"{seed_id}/{sort}/{language}",
            "seed_id": seed_id,
            "seed_data": data or {},
        }
        query: dict[str, Any] = {
            "seed": f"/search/a/{seed_id}.jpg",
            "seed_img_url": f"/search/a/{seed_id}.jpg",
            "language": language,
            "sort": sort,
            "price_start": None,
            "price_end": None,
            "filters": {},
        }
        query |= {name: outcome.pop(name) for name in list(query) if name in outcome}
        ending = {"reason": "last_page", "code": None, "message": None, "total_count": None}
        counts = {"pages": 1 if products else 0, "items": len(products)}
        self.outcomes.append(about | query | {"status": status} | ending | counts | outcome)
        for rank, row in enumerate(products, 1):
            place = {"page": 1, "rank": rank, "fetched_at": "2026-11-23T12:00:00.000Z"}
            self.products.append(row | about | query | place)
            self.sightings.append(
                about | {"item_id": row["item_id"], "price": row["price"]} | place
            )

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        files = {
            "products": self.products,
            "sightings": self.sightings,
            "outcomes": self.outcomes,
        }
        for name, rows in files.items():
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (self.folder / f"{name}.jsonl").write_text(lines, "utf-8")
        (self.folder / "job.json").write_text(json.dumps(self.facts), "utf-8")
        return self.folder


def large_job(folder: Path, seeds: int, products_a_seed: int) -> Path:
    """Write a job of many products that have every kind of value."""
    job = JobFolder(folder, finished_at="2026-11-23T18:00:00.000Z")
    number = 600_000_000_000
    for seed in range(seeds):
        found = []
        for _ in range(products_a_seed):
            number += 1
            found.append(
                product(
                    number,
                    title=f"Wholesale lamp of model {number % 9973}, for garden and house",
                    price=f"{1 + number * 7919 % 30_000 / 100:.2f}",
                    sale_quantity_90days=number % 5000,
                    sale_quantity_90days_text=str(number % 5000),
                    area_from=["福建", "三明市"],
                    company_name=f"三明市润德{number % 300}有限公司",
                    shop_years=number % 19,
                    composite_score=number % 10 / 2,
                    free_shipping=number % 3 == 0,
                    img=f"https://pictures.invalid/{number}.jpg",
                )
            )
        job.seed(f"AB {seed + 1}", *found, data={"sku": f"SKU-{seed + 1}", "price": seed * 1.5})
    return job.write()
