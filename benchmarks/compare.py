"""Compare: what `scrapy tmapi compare` takes for two large jobs.

Each has products that were seen once each, 500 per query; in the new job, 2 % are new and 5 % have
another price. The files are made first.

- wall s, CPU s, peak MB: of the whole command
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tables import introduce, table

from tmapi_spiders.formats import to_line
from tmapi_spiders.items import Outcome, Product, Sighting

A_QUERY = 500
WHEN = "2026-11-23T18:00:00.000Z"
CHANGED = 5
"""The exit status of a comparison that found changes."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--products", type=int, default=1_000_000, help="(default: %(default)s)")
    products = parser.parse_args().products
    introduce(__doc__, f"Products a side: {products:,}.")
    with tempfile.TemporaryDirectory() as name:
        size = sum(make_job(Path(name, job), products, job) for job in ("old", "new"))
        environment = os.environ | {"TMAPI_OUTPUT_DIR": name, "SCRAPY_PROJECT": "sandbox"}
        command = [sys.executable, "-m", "scrapy", "tmapi", "compare", "old", "new"]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "-o", f"{name}/changes.jsonl", "--show", "0"],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        wall = time.perf_counter() - began
        if done.returncode != CHANGED:
            raise SystemExit(f"compare ended with {done.returncode}")
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        lines = Path(name, "changes.jsonl").read_bytes().count(b"\n")
    table(
        "products a side | MB of files | changes | wall s | CPU s | peak MB",
        [
            [
                f"{products:,}",
                f"{size / 1e6:,.0f}",
                f"{lines:,}",
                f"{wall:.0f}",
                f"{usage.ru_utime + usage.ru_stime:.0f}",
                f"{usage.ru_maxrss / 1024:.0f}",
            ]
        ],
    )


def make_job(folder: Path, products: int, job: str) -> int:
    """Write a job's files; return their size in bytes."""
    folder.mkdir()
    draw = random.Random(1)
    files = {
        name: (folder / f"{name}.jsonl").open("wb")
        for name in ("products", "sightings", "outcomes")
    }
    for number in range(-(-products // A_QUERY)):
        query = {
            "query_id": f"{number:020x}",
            "seed_id": f"{number // 2:020x}",
            "seed": "/search/imgextra5/1589508648580602236.jpg",
            "seed_img_url": "/search/imgextra5/1589508648580602236.jpg",
            "language": "en",
            "sort": "default",
        }
        files["outcomes"].write(to_line(outcome(job, query)))
        for rank in range(1, A_QUERY + 1):
            item_id, price = 600_000_000_000 + (number * A_QUERY + rank) * 7, draw.randint(1, 9999)
            fate = draw.random()
            if job == "new":
                item_id += 3 * (fate < 0.02)
                price += 50 * (0.02 <= fate < 0.07)
            product = Product(
                item_id=item_id,
                title="Large Purple Striped Teapot, Factory Direct, K7365",
                product_url=f"https://detail.1688.com/offer/{item_id}.html",
                price=f"{price / 100:.2f}",
                price_source="price",
                currency="CNY",
                company_name="三明市润德电子商务有限公司",
                job=job,
                page=-(-rank // 20),
                rank=rank,
                fetched_at=WHEN,
                **query,  # type: ignore[arg-type]
            )
            files["products"].write(to_line(product))
            files["sightings"].write(to_line(sighting(product)))
    for file in files.values():
        file.close()
    facts = {"job": job, "source": "api.tmapi.io", "running": False}
    (folder / "job.json").write_text(json.dumps(facts))
    return sum(path.stat().st_size for path in folder.iterdir())


def sighting(product: Product) -> Sighting:
    """Return the sighting line of a product."""
    return Sighting(
        job=product.job,
        query_id=product.query_id,
        seed_id=product.seed_id,
        seed_data={},
        item_id=product.item_id,
        page=product.page,
        rank=product.rank,
        price=product.price,
        fetched_at=WHEN,
    )


def outcome(job: str, query: dict[str, str]) -> Outcome:
    """Return the outcome line of a query that was read to its end."""
    return Outcome(
        job=job,
        seed_data={},
        price_start=None,
        price_end=None,
        filters={},
        status="complete",
        reason="last_page",
        code=None,
        message=None,
        pages=A_QUERY // 20,
        items=A_QUERY,
        new_items=A_QUERY,
        rejected_items=0,
        calls=A_QUERY // 20,
        retries=0,
        total_count=A_QUERY,
        started_at=WHEN,
        finished_at=WHEN,
        evidence=[],
        **query,
    )


if __name__ == "__main__":
    main()
