"""Jobs of a series, written by hand: what each query finds on each day."""

from __future__ import annotations

import argparse
import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
from scrapy.settings import Settings

from tests.support import Crawl
from tmapi_spiders.commands import compare
from tmapi_spiders.commands.tmapi import run_subcommand
from tmapi_spiders.formats import to_line
from tmapi_spiders.items import Outcome, Product, Sighting

if TYPE_CHECKING:
    from pathlib import Path

WHEN = "2026-11-23T12:00:00.000Z"


def item(item_id: int, price: str | None = "10.00", **fields: Any) -> dict[str, Any]:
    """Return a product as a query finds it."""
    known: dict[str, Any] = {
        "title": f"Lamp {item_id}",
        "product_url": f"https://detail.1688.com/offer/{item_id}.html",
        "price_source": "price",
        "currency": "CNY",
        "sale_quantity_90days": 100,
        "moq": 2,
        "company_name": "Lamps Ltd",
    }
    return {"item_id": item_id, "price": price} | known | fields


@attrs.define
class Day:
    """One job: :meth:`query` adds a query and what it found, :meth:`write` writes its files."""

    folder: Path
    facts: dict[str, Any] = attrs.field(factory=dict)
    rows: dict[str, list[Any]] = attrs.field(
        factory=lambda: {"products": [], "sightings": [], "outcomes": []}
    )

    def query(
        self,
        seed_id: str,
        *items: dict[str, Any],
        sort: str = "default",
        language: str = "en",
        ended: str = "complete last_page",
        data: dict[str, Any] | None = None,
        evidence: str = "",
    ) -> Day:
        status, reason = ended.split()
        job, seed_data = self.folder.name, data or {}
        query: dict[str, Any] = {
            "query_id": f"{seed_id}/{sort}/{language}",
            "seed_id": seed_id,
            "seed": f"/search/a/{seed_id}.jpg",
            "seed_img_url": f"/search/a/{seed_id}.jpg",
            "seed_data": seed_data,
            "language": language,
            "sort": sort,
            "price_start": None,
            "price_end": None,
            "filters": {},
        }
        counts: dict[str, Any] = dict.fromkeys(("rejected_items", "calls", "retries"), 0)
        self.rows["outcomes"].append(
            Outcome(
                job=job,
                **query,
                status=status,
                reason=reason,
                code=None,
                message=None,
                pages=1,
                items=len(items),
                new_items=len(items),
                total_count=None,
                started_at=WHEN,
                finished_at=WHEN,
                evidence=evidence.split(),
                **counts,
            )
        )
        known = {(row.item_id, row.language) for row in self.rows["products"]}
        for rank, found in enumerate(items, 1):
            place: dict[str, Any] = {"job": job, "page": 1, "rank": rank, "fetched_at": WHEN}
            if (found["item_id"], language) not in known:
                self.rows["products"].append(Product(**found, **query, **place))
            self.rows["sightings"].append(
                Sighting(
                    query_id=query["query_id"],
                    seed_id=seed_id,
                    seed_data=seed_data,
                    item_id=found["item_id"],
                    price=found["price"],
                    **place,
                )
            )
        return self

    def write(self) -> Day:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.rows.items():
            (self.folder / f"{name}.jsonl").write_bytes(b"".join(map(to_line, rows)))
        facts = {"job": self.folder.name, "source": "api.tmapi.io", "running": False}
        (self.folder / "job.json").write_text(json.dumps(facts | self.facts), "utf-8")
        return self


@attrs.frozen
class Series:
    """A series in a folder of jobs."""

    output: Path

    def day(self, number: int, **facts: Any) -> Day:
        return Day(self.output / f"watch-202611{number:02}T180000Z", facts)

    def compare(self, *words: str) -> Crawl:
        """Run `scrapy tmapi compare` in this process, which is ten times faster."""
        parser = argparse.ArgumentParser()
        compare.add_arguments(parser)
        log, stdout = StringIO(), StringIO()
        with redirect_stdout(stdout), redirect_stderr(log):
            given = parser.parse_args(list(words))
            settings = Settings({"TMAPI_OUTPUT_DIR": str(self.output)})
            status = run_subcommand("compare", given, settings)
        return Crawl(status, log.getvalue(), stdout.getvalue(), self.output)

    def changes(self, *options: str) -> list[dict[str, Any]]:
        """Return the changes between the last two days."""
        return self.lines("watch", *options)

    def daily(self) -> list[set[str]]:
        """Return the changes of each day, compared with the previous one.

        In short, as "gone 4", "price 1 10.00 9.00", "new 7 A" (under that seed alone).
        """
        jobs = sorted(path.name for path in self.output.iterdir() if path.is_dir())
        return [self.between(*pair) for pair in pairwise(jobs)]

    def between(self, old: str, new: str) -> set[str]:
        """Return the changes between any two jobs."""
        told = [_in_short(line) for line in self.lines(old, new)]
        assert len(set(told)) == len(told)
        return set(told)

    def lines(self, *words: str) -> list[dict[str, Any]]:
        """Return changes.jsonl of any comparison."""
        path = self.output.parent / f"{self.output.name}-changes.jsonl"
        done = self.compare(*words, "-o", str(path))
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert done.exit_status == (5 if lines else 0), done.log
        return lines

    def rows(self, job: str, name: str) -> list[dict[str, Any]]:
        """Return the lines of one of a job's files."""
        text = (self.output / job / f"{name}.jsonl").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def told(self, *options: str) -> set[tuple[Any, ...]]:
        """Return changes in short: kind, product, seeds, before and after."""
        return {
            (one["change"], one["item_id"], *one["seed_ids"], one["before"], one["after"])
            for one in self.changes(*options)
        }


def _in_short(line: dict[str, Any]) -> str:
    words = [line["change"], line["item_id"]]
    if line["scope"] == "seed":
        words += line["seed_ids"]
    if line["change"] not in {"new", "into_view", "first_seen", "gone", "out_of_view", "unknown"}:
        words += line["before"], line["after"]
    return " ".join(map(str, words))
