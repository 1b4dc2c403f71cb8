"""Overlong texts: pages and terminals show only their beginning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.compare.days import Series, item
from tests.gallery.gallery_jobs import JobFolder, page_of, product
from tests.tables.export_jobs import read_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gallery.browser import Browser
    from tests.support import Crawler

pytestmark = pytest.mark.long  # make long

LONG = "supplier" * 12_500
LINK = "https://detail.1688.com/offer/1.html?" + "a" * 900


def long_job(folder: Path) -> Path:
    """Write a job of two products, one of them with overlong texts only."""
    job = JobFolder(folder, exit_status=0)
    names = ("title", "title_origin", "company_name", "sale_quantity_90days_text", "currency")
    long = product(1, **dict.fromkeys(names, LONG), product_url=LINK, area_from=["x" * 50] * 2000)
    job.seed("A" * 9000, long, product(2), data={"mine": LONG, LONG[:3000]: "1"})
    return job.write()


def test_a_page(browser: Browser, tmp_path: Path) -> None:
    page = page_of(long_job(tmp_path / "j"))
    assert page.stat().st_size < 120_000
    browser.show(page)
    browser.until_count("2 matches for 1 seed")
    heights = browser.run(
        "return [...document.querySelectorAll('.card')].map((it) => it.offsetHeight)"
    )
    assert len(heights) == 2
    assert max(heights) < 800
    assert browser.one(".card h3 a").get_attribute("href") == LINK


def test_an_overlong_link_is_left_out(offline: Crawler) -> None:
    job = JobFolder(offline.output / "j")
    job.seed("A", product(1, product_url="https://a.b/" + "a" * 5000))
    folder = job.write()
    done = offline.command("tmapi", "gallery", "j", "--thumbnails", "0")
    assert done.exit_status == 0, done.log
    assert "aaaa" not in (folder / "gallery.html").read_text("utf-8")


def test_tables(offline: Crawler, tmp_path: Path) -> None:
    long_job(offline.output / "j")
    for suffix in ("xlsx", "csv"):
        done = offline.command("tmapi", "export", "j", "-o", str(tmp_path / f"a.{suffix}"))
        assert done.exit_status == 0, done.log
    assert (
        "over Excel's 32,767 characters: cut, and marked"
        in offline.command("tmapi", "export", "j", "-o", str(tmp_path / "a.xlsx")).stdout
    )
    first = read_sheet(tmp_path / "a.xlsx")[0]
    assert len(first["title"]) == 32_767
    assert LONG in (tmp_path / "a.csv").read_text("utf-8"), "for programs it is complete"


def test_a_comparison(offline: Crawler, tmp_path: Path) -> None:
    series = Series(offline.output)
    series.day(1).query("A", item(1, title=LONG, company_name=LONG, product_url=LINK * 9)).write()
    other = item(1, "9.00", title=LONG, company_name=f"b{LONG}", product_url=LINK * 9)
    series.day(2).query("A", other).write()
    words = ("-o", str(tmp_path / "changes.jsonl"), "--html", str(tmp_path / "page.html"))
    done = offline.command("tmapi", "compare", "watch", *words, "--thumbnails", "0")
    assert done.exit_status == 5, done.log
    assert max(map(len, done.stdout.splitlines())) < 500
    assert (tmp_path / "page.html").stat().st_size < 120_000
    changes = [json.loads(line) for line in (tmp_path / "changes.jsonl").read_text().splitlines()]
    assert {change["after"] for change in changes} >= {f"b{LONG}"}, "for programs it is complete"


def test_what_a_job_says_of_itself(offline: Crawler) -> None:
    job = JobFolder(offline.output / "j", job="\x1b[2J" + LONG, stop_reason="\x1b[2J" + LONG)
    job.seed("A", product(1))
    job.write()
    done = offline.command("tmapi", "gallery", "j", "--thumbnails", "0")
    assert done.exit_status == 0, done.log
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 400
