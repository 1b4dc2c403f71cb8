"""Values that can't be read: what a user sees of them in a crawl in one process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.crawl.values import ODD, PAGE, PRICES, PROJECT, TITLES, TOO_MANY, UNREADABLE
from tests.support import TOKEN, CannedApi
from tmapi_spiders.items import versions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler
    from tests.ways import Way


@pytest.mark.both_ways
def test_what_cannot_be_read_is_counted_and_reported_once(way: Way, tmp_path: Path) -> None:
    with CannedApi(PAGE) as api:
        limit = '    custom_settings = {"TMAPI_MONITOR_UNREADABLE": 0.2}\n'
        crawl = way.in_project(tmp_path / "p", api.url, PROJECT + limit)
        done = crawl("-s", "SPIDERMON_ENABLED=1", spider="own", seeds="/search/a.jpg")
    assert done.exit_status == 0, done.log
    assert (done.outcome["status"], done.outcome["items"]) == ("complete", 5)
    assert done.outcome["rejected_items"] == 1
    assert [row["title"] for row in done.products] == TITLES
    assert [row["price"] for row in done.products] == PRICES
    assert done.products[0]["img"] == "https://cbu01.alicdn.com/1"
    assert [row["moq"] for row in done.products] == [None, None, None, 1000, None]
    # The summary, job.json and the stats say the same.
    assert done.log.count("could not be read") == 1
    assert way.alone or done.exported.count("could not be read") == 1
    for field, found in UNREADABLE.items():
        items = f"{found['items']} item" + "s" * (found["items"] != 1)
        assert f"\n    {field} of {items}, such as {found['example']}\n" in done.log
        assert f"'tmapi/value/unreadable/{field}': {found['items']}" in done.log
    assert done.job["unreadable"] == UNREADABLE
    assert done.job["readers"] == versions()
    # A processor that fails is named once, with field, expression and value.
    (line,) = re.findall(r".*its processor failed.*", done.log)
    assert (
        "WARNING: Field title (title): its processor failed on 'lamp ***\\x1b[2J' (item 1): "
        in line
    )
    assert "error='LookupError: no lamp ***?[2J'. The value is left out" in line
    assert TOKEN not in done.log
    assert "\x1b" not in done.log
    assert (TOO_MANY in done.log) == way.alone, "a worker sees a part of its job only"
    # The spider's settings set the limit, also when the job is judged again.
    assert TOO_MANY in crawl.command("tmapi", "check", "j").stdout
    # The counts are those of all pages, also when they are replayed.
    replayed = crawl(spider="own", job="j")
    assert replayed.job["unreadable"] == UNREADABLE
    assert len(api.seen) == 1


def test_what_max_items_leaves_out_is_not_counted(way: Way) -> None:
    with CannedApi(PAGE) as api:
        done = way(api.url)(seeds="/search/a.jpg", max_items=3)
    assert done.exit_status == 0
    assert set(done.job["unreadable"]) == {"price", "moq"}
    assert len(done.products) == 3 < len(ODD)


def test_a_clean_crawl_says_nothing_of_it(crawl: Crawler) -> None:
    done = crawl(seeds="/search/a/teapot.jpg,/search/a/lamp.jpg")
    assert done.exit_status == 0
    assert "could not be read" not in done.log
    assert "tmapi/value" not in done.log
    assert "unreadable" not in done.job
    told = [row for row in done.products if row["title"]]
    assert not [row for row in told if "&#" in row["title"] or row["title"] == "null"]
    images = [row["img"] for row in done.products if row["img"]]
    assert all(re.fullmatch(r"http://127\.0\.0\.1:\d+/img/\d+\.svg(\?.*)?", img) for img in images)
