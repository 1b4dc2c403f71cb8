"""Seeds from a table: their ids and columns are on every line, and their arguments apply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawl, Crawler, SandboxThread

LAMP = "https://cbu01.alicdn.com/lamp.jpg"  # 3 pages
VASE = "https://shop.example/b.jpg"
ROWS = [
    ["SKU", "image", "id", "search_sort", "search_max_pages", "price"],
    ["00123", LAMP, "AB 12/4", "sales,default", "1", "9,90"],
    ["=1+1", VASE, "", "", "", "12"],
    ["777", LAMP, "other", "", "", ""],
]
#: By SKU.
SEED_IDS = {"00123": "AB 12/4", "777": "other"}


def table(folder: Path, rows: list[list[str]], delimiter: str = ";") -> str:
    path = folder / "articles.csv"
    path.write_text("\ufeff" + "\r\n".join(delimiter.join(row) for row in rows), "utf-8")
    return str(path)


def check_keys(done: Crawl) -> None:
    """Each line of each file has the columns of its seed's row."""
    for name in ("products", "sightings", "outcomes"):
        rows = done.rows(name)
        assert {row["seed_data"]["SKU"] for row in rows} == {"00123", "=1+1", "777"}, name
        for row in rows:
            assert set(row["seed_data"]) == {"SKU", "price"}
            own = SEED_IDS.get(row["seed_data"]["SKU"])
            assert row["seed_id"] == own or (own is None and len(row["seed_id"]) == 20)


def test_the_users_keys_are_on_every_line(
    alone: Crawler, sandbox: SandboxThread, tmp_path: Path
) -> None:
    done = alone(seeds=table(tmp_path, ROWS))
    assert done.exit_status == 0, done.log
    check_keys(done)
    by_sku: dict[str, list[dict[str, Any]]] = {}
    for row in done.outcomes:
        by_sku.setdefault(row["seed_data"]["SKU"], []).append(row)
    assert {(row["sort"], row["reason"], row["pages"]) for row in by_sku["00123"]} == {
        ("sales", "max_pages", 1),
        ("default", "max_pages", 1),
    }
    assert [row["reason"] for row in by_sku["777"] + by_sku["=1+1"]] == ["last_page"] * 2
    # The first page, which both rows of the lamp ask for, is paid for once.
    pages = sum(row["pages"] for row in done.outcomes)
    assert sandbox.stats["calls"] == pages - 1 + 1  # and one conversion
    assert "2 seeds share their image with another seed, under another id" in done.log
    again = alone()
    assert again.exit_status == 0, again.log
    check_keys(again)
    assert sandbox.stats["calls"] == pages
    assert "least   0 calls:" in alone.command("tmapi", "estimate", "j").stdout


def test_a_workbook_is_crawled_as_its_table_is(
    crawl: Crawler, sandbox: SandboxThread, tmp_path: Path
) -> None:
    done = crawl(seeds=table(tmp_path, ROWS, "\t"))
    calls, keys = sandbox.stats["calls"], ("query_id", "seed_id", "status", "reason", "items")
    before = {(*map(row.get, keys), row["seed_data"]["SKU"]) for row in done.outcomes}
    book = Workbook()
    assert book.active is not None
    for row in ROWS:
        book.active.append(row)
    book.active["A3"].data_type = "s"  # not a formula, but an odd SKU
    book.save(tmp_path / "articles.xlsx")
    again = crawl(seeds=tmp_path / "articles.xlsx")
    assert again.exit_status == 0, again.log
    assert sandbox.stats["calls"] == calls
    assert {(*map(row.get, keys), row["seed_data"]["SKU"]) for row in again.outcomes} == before


def test_wrong_rows_cost_nothing(crawl: Crawler, sandbox: SandboxThread, tmp_path: Path) -> None:
    rows = [*ROWS, ["8", "lamp.jpg", "", "", "", ""], ["9", LAMP, "x", "up", "-1", ""]]
    refused = crawl(seeds=table(tmp_path, rows), sort="foo")
    assert refused.exit_status == 2
    assert not refused.folder.exists()
    assert sandbox.stats["calls"] == 0
    for message in ("sort=foo", "line 5: 'lamp.jpg'", "line 6: search_sort=up", "max_pages=-1"):
        assert message in refused.log
    assert "Traceback" not in refused.log


def test_another_picture_under_an_old_id_is_searched(
    alone: Crawler, sandbox: SandboxThread, tmp_path: Path
) -> None:
    rows = [["image", "id"], [LAMP, "A"]]
    lamp = alone(seeds=table(tmp_path, rows))
    calls, of_lamp = sandbox.stats["calls"], {row["item_id"] for row in lamp.sightings}
    query_id = lamp.outcome["query_id"]
    rows[1][0] = "https://cbu01.alicdn.com/b.jpg"
    seeds = table(tmp_path, rows)
    estimate = alone.command("tmapi", "estimate", "j", seeds=seeds)
    assert "least   1 call:" in estimate.stdout
    vase = alone(seeds=seeds)
    assert vase.outcome["query_id"] == query_id
    assert vase.outcome["pages"] == sandbox.stats["calls"] - calls
    assert vase.outcome["seed_img_url"] == rows[1][0]
    assert {row["item_id"] for row in vase.sightings} - of_lamp


def rows_of(image: str, *rows: str) -> list[list[str]]:
    """Return a table of rows that share an image: id, sort, max_pages."""
    head = ["image", "id", "search_sort", "search_max_pages"]
    return [head, *([image, *row.split(",")] for row in rows)]


@pytest.mark.parametrize(
    ("image", "calls"),  # all of them, and how many are conversions
    [
        (VASE, (4, 1)),  # two queries of one page, one of which reads a second
        ("https://cbu01.alicdn.com/onepage-unreadable.jpg", (5, 1)),  # empty, until it is converted
        ("https://shop.example/unconvertible.jpg", (1, 1)),
        ("https://shop.example/onepage-fail-422-denied.jpg", (3, 1)),
        ("https://cbu01.alicdn.com/lamp-fail-422-denied-p2.jpg", (3, 0)),
    ],
)
def test_what_rows_with_one_picture_ask_is_paid_for_once(
    alone: Crawler, sandbox: SandboxThread, tmp_path: Path, image: str, calls: tuple[int, int]
) -> None:
    rows = rows_of(image, "A,sales,1", "B,sales,1", "C,default,", "D,default,1", "E,default,")
    done = alone(seeds=table(tmp_path, rows), max_pages=2)
    stats = sandbox.stats
    assert (stats["calls"], stats["conversions"]) == calls
    by_id = {row["seed_id"]: (row["status"], row["reason"], row["items"]) for row in done.outcomes}
    assert by_id["A"] == by_id["B"]
    assert by_id["C"] == by_id["E"]
    if done.exit_status == 0:
        again = alone()
        assert {
            row["seed_id"]: (row["status"], row["reason"], row["items"]) for row in again.outcomes
        } == by_id
        assert sandbox.stats["calls"] == calls[0]


def test_a_row_that_asks_for_more_than_the_one_before_it(
    alone: Crawler, sandbox: SandboxThread, tmp_path: Path
) -> None:
    rows = rows_of(LAMP, "A,default,1", *(f"B{number},default," for number in range(5)))
    done = alone(seeds=table(tmp_path, rows))
    assert sandbox.stats["calls"] == 3
    assert sorted(row["pages"] for row in done.outcomes) == [1, 3, 3, 3, 3, 3]


def test_what_is_paid_for_is_not_called_not_started(
    alone: Crawler, sandbox: SandboxThread, tmp_path: Path
) -> None:
    image = "https://cbu01.alicdn.com/onepage.jpg"
    rows = [["image", "id"], [image, "A"], [image, "B"], [LAMP, "C"]]
    done = alone("-s", "TMAPI_BUDGET=1", seeds=table(tmp_path, rows))
    assert done.exit_status == 4
    by_id = {row["seed_id"]: row["status"] for row in done.outcomes}
    assert by_id == {"A": "complete", "B": "complete", "C": "not_started"}


@pytest.mark.parametrize("budget", [1, 2])
def test_rows_that_share_a_picture_have_their_outcomes_when_the_budget_ends(
    alone: Crawler, sandbox: SandboxThread, tmp_path: Path, budget: int
) -> None:
    seeds = table(tmp_path, [["image", "id"], *[[LAMP, str(number)] for number in range(5)]])
    stopped = alone("-s", f"TMAPI_BUDGET={budget}", seeds=seeds)
    assert stopped.exit_status == 4
    assert len(stopped.outcomes) == 5
    assert sum(row["calls"] for row in stopped.outcomes) == sandbox.stats["calls"] == budget
    whole = alone("-s", "TMAPI_BUDGET=0")
    assert whole.exit_status == 0, whole.log
    assert {row["status"] for row in whole.outcomes} == {"complete"}
    assert len({(row["pages"], row["items"]) for row in whole.outcomes}) == 1
    assert sandbox.stats["calls"] == whole.outcomes[0]["pages"]


def test_an_estimate_counts_each_row_with_its_own_arguments(
    offline: Crawler, tmp_path: Path
) -> None:
    # The lamp: 2 of 1 page and, for another row, 1 of 3 (one first page is both's); the vase: 3.
    shared = [["image", "id"], *([VASE, str(number)] for number in range(5))]
    found = offline.command("tmapi", "estimate", seeds=table(tmp_path, shared))
    assert "least   2 calls:" in found.stdout  # one page, one conversion
    seeds = table(tmp_path, ROWS)
    found = offline.command("tmapi", "estimate", seeds=seeds, max_pages="3", convert="never")
    assert "4 queries" in found.stdout
    assert "least   3 calls:" in found.stdout
    assert "most    8 calls: 8 pages" in found.stdout


def test_json_lines_keep_their_types(crawl: Crawler, tmp_path: Path) -> None:
    data = {"sku": 7, "tags": ["a", None], "price": 9.5, "n": 12345678901234567890}
    seeds = tmp_path / "articles.jsonl"
    seeds.write_text(json.dumps({"image": LAMP, **data}), "utf-8")
    done = crawl(seeds=seeds, max_pages=1)
    for name in ("products", "sightings", "outcomes"):
        assert {json.dumps(row["seed_data"]) for row in done.rows(name)} == {json.dumps(data)}
