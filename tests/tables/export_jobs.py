"""Jobs written by hand, and their export by the command, for the tests of tables."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

import attrs
import openpyxl
from scrapy.settings import Settings

from tmapi_spiders.commands.tmapi import run_subcommand
from tmapi_spiders.formats import to_line
from tmapi_spiders.items import Outcome, Product, Sighting

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WHEN = "2026-11-25T21:19:49.118Z"
ABOUT = {"job": "j", "query_id": "q1", "seed_id": "AB 12/4"}

HOSTILE = {
    "formula": "=cmd|' /C calc'!A0",
    "plus": "+1",
    "minus": "-1",
    "at": "@SUM(A1)",
    "wide": "＝1+1",
    "zeros": "00123",
    "emoji": "👍🏽 灯",
    "lines": 'a\nb;"c",d',
    "nul": "a\0b\x0b",
    "long": "x" * 40_000,
    "markup": "<r><t>x</t></r>",
    "escape": "_x0041_",
    "nested": {"a": [1, None, "é"]},
}


def product(item_id: int = 908305897124, **fields: Any) -> dict[str, Any]:
    """Return a line of products.jsonl."""
    given: dict[str, Any] = {
        **ABOUT,
        "item_id": item_id,
        "product_url": f"https://detail.1688.com/offer/{item_id}.html",
        "img": f"https://cbu01.alicdn.com/{item_id}.jpg",
        "seed_img_url": "https://cbu01.alicdn.com/seed.jpg",
        "price": "60.00",
        "page": 1,
        "rank": 1,
        "language": "en",
        "fetched_at": WHEN,
    }
    row: dict[str, Any] = json.loads(to_line(Product(**(given | fields))))
    return row


def sighting(**fields: Any) -> dict[str, Any]:
    """Return a line of sightings.jsonl."""
    given: dict[str, Any] = {
        **ABOUT,
        "seed_data": {},
        "item_id": 908305897124,
        "page": 1,
        "rank": 1,
    }
    given |= {"price": "60.00", "fetched_at": WHEN}
    return attrs.asdict(Sighting(**(given | fields)))


def outcome(**fields: Any) -> dict[str, Any]:
    """Return a line of outcomes.jsonl."""
    given: dict[str, Any] = {field.name: 0 for field in attrs.fields(Outcome)} | ABOUT
    given |= dict.fromkeys(("price_start", "price_end", "code", "message", "total_count"))
    given |= {"seed": "seed.jpg", "seed_img_url": "https://cbu01.alicdn.com/seed.jpg"}
    given |= {"language": "en", "sort": "default", "status": "complete", "reason": "last_page"}
    given |= {"started_at": WHEN, "finished_at": None, "seed_data": {}, "filters": {}}
    given["evidence"] = []
    return attrs.asdict(Outcome(**(given | fields)))


@attrs.frozen
class Exported:
    """The output of an export, and the file it should write."""

    status: int
    told: str
    complained: str
    path: Path


@attrs.frozen
class Exporter:
    """The job "j" in a folder, and its export."""

    output: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def folder(self) -> Path:
        return self.output / "j"

    def write(
        self,
        *products: dict[str, Any] | bytes,
        outcomes: tuple[dict[str, Any], ...] = (),
        sightings: tuple[dict[str, Any], ...] = (),
        **facts: Any,
    ) -> None:
        """Write the job's files; a product may be a raw line."""
        self.folder.mkdir(parents=True, exist_ok=True)
        about = {"job": "j", "source": "api.tmapi.io", "made_up": False, "running": False}
        (self.folder / "job.json").write_text(json.dumps(about | facts))
        for name, rows in (
            ("products", products),
            ("outcomes", outcomes),
            ("sightings", sightings),
        ):
            lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
            (self.folder / f"{name}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))

    def __call__(
        self, file: str, job: str = "j", *, table: str | None = None, bom: bool = False, **more: Any
    ) -> Exported:
        """Export it to a file next to the jobs' folder."""
        path = self.output.parent / file
        given = {"output": str(path), "table": table, "bom": bom, "follow": False} | more
        options = argparse.Namespace(job=job, **given)
        self.capsys.readouterr()
        settings = Settings({"TMAPI_OUTPUT_DIR": str(self.output)})
        status = run_subcommand("export", options, settings)
        told = self.capsys.readouterr()
        return Exported(status, told.out, told.err, path)


def read_sheet(path: Path, sheet: str = "Products") -> list[dict[str, Any]]:
    head, *rows = openpyxl.load_workbook(path)[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rows]
