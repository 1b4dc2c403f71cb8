"""`scrapy tmapi gallery`: what the page holds, and what the command says."""

from __future__ import annotations

import json
import re
import resource
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.gallery.gallery_jobs import JobFolder, make_gallery, product
from tests.support import Crawl, Crawler

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "</script><script>alert(1)</script> & \u2028\u202e x"


def run(offline: Crawler, job: str, *options: str) -> Crawl:
    return make_gallery(offline.output, job, *options)


def parts(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the data and the pictures embedded in a page."""
    page = path.read_text("utf-8")
    data, pictures = re.findall(r'<script type="application/json" id=[^>]*>(.*?)</script>', page)
    return json.loads(data), json.loads(pictures)


def cards(data: dict[str, Any], group: int = 0) -> list[tuple[dict[str, Any], Any, Any]]:
    return [
        (dict(zip(data["columns"], data["products"][row], strict=True)), price, places)
        for row, price, places in data["groups"][group]["cards"]
    ]


@pytest.fixture
def job(offline: Crawler) -> JobFolder:
    return JobFolder(offline.output / "j", finished_at="2026-11-23T12:00:00.000Z")


def test_a_product_is_under_every_seed_that_found_it(offline: Crawler, job: JobFolder) -> None:
    shared = product(7, title="Shared", price="3.00")
    job.seed("AB 12/4", product(1), shared, data={"sku": "K-1", "price": 2.5})
    job.seed("AB 12/4", shared | {"price": "2.80"}, sort="sales")
    job.seed("CD", shared)
    job.products = [row for row in job.products if (row["seed_id"], row["item_id"]) != ("CD", 7)]
    job.write()
    done = offline.command("tmapi", "gallery", "j", "--thumbnails", "0")
    assert done.exit_status == 0, done.log
    page = offline.output / "j" / "gallery.html"
    assert str(page) in done.stdout
    assert page.as_uri() in done.stdout
    assert "j: 2 seeds, 3 cards" in done.stdout
    data, pictures = parts(page)
    first, second = data["groups"]
    assert (first["id"], first["data"]) == ("AB 12/4", [["sku", "K-1"], ["price", "2.5"]])
    assert [query["label"] for query in first["queries"]] == ["best match", "best selling"]
    assert [(card["item_id"], price, places) for card, price, places in cards(data)] == [
        (1, "10.00", [[0, 1]]),
        (7, "2.80", [[1, 1], [0, 2]]),  # the price is that of its best rank
    ]
    assert [card["title"] for card, _, _ in cards(data, 1)] == ["Shared"]
    assert second["rest"] == []
    assert data["found"] == 2
    assert pictures == []


def test_missing_values_stay_missing(offline: Crawler, job: JobFolder) -> None:
    job.seed("A", product(1, price=None, title=None))
    job.sightings.append(job.sightings[0] | {"item_id": 2, "rank": 2})  # without a product's row
    job.write()
    assert run(offline, "j", "--thumbnails", "0").exit_status == 0
    data, _ = parts(offline.output / "j" / "gallery.html")
    (known, price, _), (unknown, _, _) = cards(data)
    assert price is None
    assert {known[name] for name in ("title", "moq", "place", "free_shipping", "shop_years")} == {
        None
    }
    assert unknown["item_id"] == 2
    assert unknown["title"] is None


def test_the_cut_is_stated(offline: Crawler, job: JobFolder) -> None:
    job.seed("A", *(product(number, price=f"{number}.50") for number in range(1, 5)))
    job.seed("A", product(5, price=None, currency=None), product(1), sort="sales")
    job.write()
    done = run(offline, "j", "--thumbnails", "0", "--per-seed", "2")
    assert "j: 1 seed, 2 cards; 3 more left out (--per-seed 2)" in done.stdout
    data, _ = parts(offline.output / "j" / "gallery.html")
    assert [card["item_id"] for card, _, _ in cards(data)] == [1, 5]
    assert data["groups"][0]["rest"] == [["CNY", ["2.50", "3.50", "4.50"]]]
    assert data["found"] == 5
    assert "left out" not in run(offline, "j", "--thumbnails", "0").stdout


def test_best_matches_come_first_and_queries_have_labels(offline: Crawler, job: JobFolder) -> None:
    for sort in ("sales", "price_up", "price_down", "default"):
        job.seed("A", product(1), sort=sort, price_start="0", price_end="20")
    job.seed("B", sort="later_than_us", price_end="9.5")
    job.write()
    assert run(offline, "j", "--thumbnails", "0").exit_status == 0
    data, _ = parts(offline.output / "j" / "gallery.html")
    labels = [[query["label"] for query in group["queries"]] for group in data["groups"]]
    assert labels == [
        [
            "best match, 0 to 20",
            "best selling, 0 to 20",
            "price, high first, 0 to 20",
            "price, low first, 0 to 20",
        ],
        ["later_than_us, up to 9.5"],
    ]


def test_the_products_row_of_the_same_seed_is_preferred(offline: Crawler, job: JobFolder) -> None:
    job.seed("A", product(1, title="of A"))
    job.seed("B", product(1, title="of B"))
    job.seed("B", product(1, title="русский"), language="ru")
    job.write()
    assert run(offline, "j", "--thumbnails", "0").exit_status == 0
    data, _ = parts(offline.output / "j" / "gallery.html")
    assert [card["title"] for card, _, _ in cards(data)] == ["of A"]
    assert {card["title"] for card, _, _ in cards(data, 1)} == {"of B", "русский"}
    assert [query["label"] for query in data["groups"][1]["queries"]] == [
        "best match, English",
        "best match, Russian",
    ]


def test_seeds_come_in_the_order_they_were_begun(offline: Crawler, job: JobFolder) -> None:
    for seed_id, second in (("third", 3), ("first", 1), ("second", 2)):
        at = f"2026-11-23T12:00:0{second}.000Z"
        job.seed(seed_id, product(second), started_at=at)
    job.write()
    run(offline, "j", "--thumbnails", "0")
    data, _ = parts(offline.output / "j" / "gallery.html")
    assert [group["id"] for group in data["groups"]] == ["first", "second", "third"]


def test_without_outcomes_seeds_come_from_the_products(offline: Crawler, job: JobFolder) -> None:
    job.seed("A", product(1), sort="sales")
    job.write()
    (offline.output / "j" / "outcomes.jsonl").unlink()
    done = run(offline, "j", "--thumbnails", "0")
    assert "no outcomes yet" in done.stdout
    data, _ = parts(offline.output / "j" / "gallery.html")
    assert data["groups"][0]["queries"][0]["label"] == "best selling"
    assert data["groups"][0]["queries"][0]["status"] is None
    assert [card["title"] for card, _, _ in cards(data)] == ["Lamp 1"]


def test_seeds_that_found_nothing_come_last(offline: Crawler, job: JobFolder) -> None:
    job.seed("nothing", status="empty", reason="empty_page")
    job.seed("B", product(1))
    job.seed("never", status="not_started", reason="budget")
    job.seed("A", product(2))
    job.write()
    assert run(offline, "j", "--thumbnails", "0").exit_status == 0
    data, _ = parts(offline.output / "j" / "gallery.html")
    assert [group["id"] for group in data["groups"]] == ["B", "A", "nothing", "never"]


def test_text_can_not_break_out_of_its_element(offline: Crawler, job: JobFolder) -> None:
    job.seed("A", product(1, title=HOSTILE, product_url="javascript:alert(2)", img="data:x"))
    job.seed(HOSTILE, data={HOSTILE: HOSTILE}, seed="javascript:alert(3)", message=HOSTILE)
    job.write()
    assert run(offline, "j", "--thumbnails", "0").exit_status == 0
    page = offline.output / "j" / "gallery.html"
    text = page.read_text("utf-8")
    assert text.count("<script") == text.count("</script>") == 3
    assert "alert(1)<" not in text
    data, _ = parts(page)
    ((card, _, _),) = cards(data)
    assert card["title"] == HOSTILE
    assert card["link"] is None
    assert card["picture"] is None
    assert data["groups"][1]["link"] is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--thumbnails", "many"], "--thumbnails many: accepted: megabytes, from 0"),
        (["--thumbnails", "nan"], "--thumbnails nan: accepted"),
        (["--per-seed", "0"], "--per-seed 0: accepted: a whole number from 1 up"),
        (["-o", "/nowhere/at/all.html"], "-o /nowhere/at/all.html: there is no folder /nowhere/at"),
        (["-o", "/"], "-o '/': accepted: the name of a file"),
        (["-o", ""], "-o '': accepted: the name of a file"),
        (["-o", "/dev/full"], "-o /dev/full: it exists, and isn't a file"),
        (
            ["-o", "products.jsonl"],
            "-o products.jsonl: accepted: a name that ends in .html or .htm",
        ),
    ],
)
def test_wrong_options_are_refused(
    offline: Crawler, job: JobFolder, options: list[str], told: str
) -> None:
    job.seed("A", product(1))
    job.write()
    done = run(offline, "j", *options)
    assert (done.exit_status, done.stdout) == (2, "")
    assert done.log.startswith(f"gallery: {told}"), done.log
    assert len(done.log.splitlines()) == 1


def test_there_is_no_such_job(offline: Crawler) -> None:
    done = run(offline, "none")
    assert done.exit_status == 2
    assert "there is no such job" in done.log


def test_a_killed_job_says_how_to_resume(
    offline: Crawler, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job.write() / "sightings.jsonl").unlink()
    monkeypatch.setenv("SCRAPY_PROJECT", "sandbox")
    done = run(offline, "j")
    assert done.exit_status == 2
    assert "SCRAPY_PROJECT=sandbox scrapy crawl image_search -a job=j\n" in done.log


def test_pictures_of_another_sandbox_are_explained(offline: Crawler) -> None:
    job = JobFolder(offline.output / "j", source="sandbox", made_up=True)
    job.seed("A", product(1, img="http://127.0.0.1:9/img/1.svg"), product(2))
    job.write()
    done = run(offline, "j")
    assert "1 of 2 pictures embedded (limit 15 MB); 1 could not be fetched." in done.stdout
    assert "    1: answered with status 404\n" in done.stdout
    assert "if the job was crawled with TMAPI_SANDBOX_OPTIONS, give the same here" in done.stdout


def test_a_damaged_file_is_named(offline: Crawler, job: JobFolder) -> None:
    job.seed("A", product(1))
    folder = job.write()
    with (folder / "sightings.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"query_id": "x"}\n')
    done = run(offline, "j", "--thumbnails", "0")
    assert done.exit_status == 4
    assert "'seed_id'" in done.log
    assert not (folder / "gallery.html").exists()
    with (folder / "products.jsonl").open("a", encoding="utf-8") as file:
        file.write("{no\n")
    done = run(offline, "j", "--thumbnails", "0")
    assert done.exit_status == 4
    assert "products.jsonl, line 2: it is not JSON" in done.log
    assert "Traceback" not in done.log


def test_a_full_disk_leaves_the_old_page(offline: Crawler, job: JobFolder) -> None:
    job.seed("A", product(1))
    folder = job.write()
    (folder / "gallery.html").write_text("old", "utf-8")
    before = {path.name for path in folder.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        done = run(offline, "j", "--thumbnails", "0")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.exit_status == 4
    assert "gallery.html: it can't be written (File too large)" in done.log
    assert (folder / "gallery.html").read_text("utf-8") == "old"
    assert {path.name for path in folder.iterdir()} == before


def test_without_pillow_it_says_what_to_install(
    offline: Crawler, job: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.seed("A", product(1))
    job.write()
    monkeypatch.setitem(sys.modules, "PIL", None)
    done = run(offline, "j")
    assert done.exit_status == 2
    assert "pip install pillow" in done.log
    assert run(offline, "j", "--thumbnails", "0").exit_status == 0


def test_the_sandboxs_job_has_all_its_pictures(tmp_path: Path) -> None:
    crawler = Crawler(tmp_path / "output", variables={"TMAPI_SANDBOX": "1"})
    crawl = crawler(seeds="/search/a/garden-lamp.jpg,/search/a/nothing.jpg", max_pages=1)
    assert crawl.exit_status == 0, crawl.log
    done = crawler.command("tmapi", "gallery", "j", "-o", str(tmp_path / "mine.html"))
    assert done.exit_status == 0, done.log
    told = re.search(r"(\d+) of (\d+) pictures embedded \(limit 15 MB\)\.", done.stdout)
    assert told, done.stdout
    data, pictures = parts(tmp_path / "mine.html")
    assert len(pictures) == int(told[1]) == int(told[2]) > 15
    assert all(picture.startswith("data:image/svg+xml;base64,") for picture in pictures)
    assert {group["picture"] for group in data["groups"]} == {0, 1}
    assert all(card["picture"] is None or card["picture"] >= 0 for card, _, _ in cards(data))
    assert any("made up" in warning for warning in data["warnings"])
    assert {group["queries"][0]["status"] for group in data["groups"]} == {"complete", "empty"}
