"""What is written is JSON: no NaN, no Infinity, whatever an answer or the user's own row holds."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import ROOT, CannedApi, page_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ways import Way

pytestmark = pytest.mark.long  # make long

#: A number of 400 digits, which no float holds.
ENDLESS = "9" * 400

#: What makes Python's own encoder write a line: a whole number over 64 bits.
OWN = '{"image": "/search/a/teapot.jpg", "ean": 123456789012345678901234567890}\n'


def refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


@pytest.mark.parametrize("score", [ENDLESS, f'"{ENDLESS}"', "1e999"], ids=["whole", "text", "e"])
def test_a_number_that_no_float_holds(tmp_path: Path, way: Way, score: str) -> None:
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text(OWN)
    shop = f'{{"sore_info": {{"composite_score": {score}}}, "composite_score": {score}}}'
    item = f'{{"item_id": 1, "title": "lamp", "price": "6", "shop_info": {shop}}}'
    with CannedApi(page_of(item)) as api:
        crawl = way(api.url)
        done = crawl(seeds=str(seeds), convert="never")
    assert done.exit_status == 0, done.log
    for name in ("products", "sightings", "outcomes"):
        for line in (done.folder / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line, parse_constant=refuse)
            assert row["seed_data"] == {"ean": 123456789012345678901234567890}
    (product,) = done.products
    assert product["composite_score"] is None
    page = crawl.command("tmapi", "gallery", "j", "--thumbnails", "0")
    assert page.exit_status == 0, page.log
    table = crawl.command("tmapi", "export", "j", "-o", str(tmp_path / "table.csv"))
    assert table.exit_status == 0, table.log


def test_a_pipeline_that_puts_one_into_a_product(tmp_path: Path, way: Way) -> None:
    module = (
        'ITEM_PIPELINES = {"own.Pipeline": 100}\n'
        "class Pipeline:\n"
        "    def process_item(self, item):\n"
        '        item.composite_score = float("nan")\n'
        "        return item\n"
    )
    seeds = tmp_path / "seeds.jsonl"
    seeds.write_text(OWN)
    with CannedApi(page_of('{"item_id": 1, "title": "lamp", "price": "6"}')) as api:
        crawl = way.in_project(tmp_path / "p", api.url, module)
        done = crawl(seeds=str(seeds), convert="never")
    assert done.exit_status == 0, done.log
    (line,) = (done.folder / "products.jsonl").read_text().splitlines()
    assert json.loads(line, parse_constant=refuse)["composite_score"] is None


def test_no_other_module_writes_json() -> None:
    """One module ensures it; orjson does by itself. (The sandbox imports nothing of the rest.)"""
    for path in (ROOT / "tmapi_spiders").rglob("*.py"):
        name = path.relative_to(ROOT / "tmapi_spiders").as_posix()
        if name == "formats.py" or name.startswith("sandbox/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                written = (node.value.id, node.attr)
                assert written not in {("json", "dumps"), ("json", "dump")}, name
