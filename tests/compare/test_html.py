"""`scrapy tmapi compare --html`: what the page contains, and its use in a browser."""

from __future__ import annotations

import json
import re
import sys
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from tests.compare.days import Series, item
from tests.gallery.browser import DESKTOP, PHONE, Browser
from tests.gallery.contrast import hard_to_read
from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.compare.changes_page import MARK_KINDS
from tmapi_spiders.gallery.thumbnail_store import ThumbnailStore
from tmapi_spiders.gallery.thumbnails import Thumbnail

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawl

TAB, SPACE = "\ue004", " "

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"> & \u2028\u202e"


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path / "output")


def page_of(series: Series, *options: str, status: int = 5) -> tuple[Path, Crawl]:
    page = series.output / "page.html"
    done = series.compare("watch", "--html", str(page), "--thumbnails", "0", *options)
    assert done.exit_status == status, done.log
    return page, done


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'id="gallery-data">(.*?)</script>', page.read_text("utf-8"))
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def cards(data: dict[str, Any], seed: str) -> dict[int, dict[str, Any]]:
    """Return the cards of a seed by product, in their order, with their marks by kind."""
    (group,) = (one for one in data["groups"] if one["id"] == seed)
    found = {}
    for row, price, places, marks, is_old in group["cards"]:
        facts = dict(zip(data["columns"], data["products"][row], strict=True))
        named = [dict(zip(data["marks"], mark, strict=True)) for mark in marks]
        found[facts["item_id"]] = facts | {
            "price": price,
            "places": places,
            "marks": {mark["kind"]: mark for mark in named},
            "is_old": is_old,
        }
    return found


def two_days(series: Series) -> None:
    """Write two days with every kind of change."""
    target = {"sku": "K-1", "target_price": "9,50"}
    old = series.day(1)
    old.query("still", item(50))
    old.query("A", *(item(number) for number in range(1, 11)), data=target)
    old.query("B", item(1), item(20))
    old.query("broken", item(30, title="Of the old job", img="https://a.invalid/30.jpg"))
    old.query("limited", item(40), ended="complete max_pages")
    old.query("dropped", item(60))
    old.write()
    new = series.day(2)
    new.query("still", item(50))
    new.query(
        "A",
        item(1, "9.00"),
        item(2, "12.50"),
        item(3, price_source="sale_price"),
        item(4, "20.00", currency="USD"),
        item(5, sale_quantity_90days=150, moq=3),
        item(6, company_name="Others Ltd"),
        item(8),
        item(7),
        item(11, "9.80"),
        item(10),
        data=target,
    )
    new.query("B", item(1, "9.00"))
    new.query("broken", ended="failed error")
    new.query("limited", item(41), ended="complete max_pages")
    new.query("empty", ended="empty empty_page")
    new.write()


def test_a_card_for_each_product_that_changed(series: Series) -> None:
    two_days(series)
    page, done = page_of(series)
    assert "7 seeds, 16 cards" in done.stdout
    assert page.as_uri() in done.stdout
    data = data_of(page)
    found = cards(data, "A")
    assert list(found) == [1, 2, 4, 3, 9, 11, 6, 5, 8, 7], "the most telling first"
    assert list(found[1]["marks"]) == ["target_reached", "price_lower"]
    lower = found[1]["marks"]["price_lower"]
    assert (lower["before"], lower["after"]) == ("10.00", "9.00")
    assert (lower["difference"], lower["percent"]) == ("-1.00", -10.0)
    assert found[1]["marks"]["target_reached"]["target"] == "9.50"
    assert list(found[2]["marks"]) == ["price_higher"]
    assert found[9]["is_old"]
    assert found[9]["price"] == "10.00"
    assert found[9]["places"] == [[0, 9]]
    assert not found[11]["is_old"]
    assert found[8]["marks"]["rank"] | {"percent": None} == {
        "kind": "rank",
        "before": 8,
        "after": 7,
        "difference": -1,
        "percent": None,
        "target": None,
        "query": 0,
        "here": True,
    }
    assert set(cards(data, "B")) == {1, 20}
    assert "price_lower" in cards(data, "B")[1]["marks"], "of a product: under each of its seeds"
    gone = cards(data, "broken")[30]
    assert list(gone["marks"]) == ["unknown"]
    assert (gone["title"], gone["is_old"]) == ("Of the old job", True)
    assert {kind for one in cards(data, "limited").values() for kind in one["marks"]} == {
        *("into_view", "out_of_view")
    }
    counts = {kind: (count, meaning) for kind, count, meaning in data["comparison"]["counts"]}
    assert counts["price_lower"] == (1, KINDS["price"])
    assert (counts["rank"][0], counts["gone"][0], counts["new"][0]) == (2, 2, 1)
    assert "price" not in counts


def test_seeds_without_changes_and_without_queries(series: Series) -> None:
    two_days(series)
    data = data_of(page_of(series)[0])
    names = [group["id"] for group in data["groups"]]
    assert names == ["A", "B", "broken", "limited", "dropped", "still", "empty"]
    statuses = {group["id"]: group["queries"][0]["status"] for group in data["groups"]}
    assert (statuses["broken"], statuses["dropped"]) == ("failed", "not_made")
    assert list(cards(data, "dropped")[60]["marks"]) == ["unknown"]
    assert data["groups"][-2]["cards"] == data["groups"][-2]["rest"] == []


def test_the_options_hold_for_the_page_too(series: Series) -> None:
    two_days(series)
    lines = series.output / "changes.jsonl"
    page, done = page_of(
        series, "--only", "price,rank", "--min-price-change", "20%", "-o", str(lines)
    )
    data = data_of(page)
    assert data["comparison"]["condition"] == "--only price,rank --min-price-change 20%"
    assert {kind for kind, *_ in data["comparison"]["counts"]} == {"price_higher", "rank"}
    assert len(lines.read_text().splitlines()) == 3
    assert f"{lines}: 3 lines" in done.stdout
    assert list(cards(data, "A")) == [2, 8, 7]


def test_the_largest_are_kept_and_the_cut_is_stated(series: Series) -> None:
    series.day(1).query("A", *(item(number) for number in range(1, 8))).write()
    moved = [item(number) for number in (7, 2, 3, 4, 6, 5)]
    series.day(2).query("A", *moved, item(1, "9.99")).write()
    page, done = page_of(series, "--per-seed", "2")
    assert "1 seed, 2 cards; 2 more left out (--per-seed 2)" in done.stdout
    data = data_of(page)
    assert list(cards(data, "A")) == [1, 7]
    assert data["groups"][0]["rest"] == [["CNY", ["10.00", "10.00"]]]
    assert data["found"] == 4


def test_a_query_that_is_no_longer_made(series: Series) -> None:
    series.day(1).query("A", item(1)).query("A", item(2), item(1), sort="sales").write()
    series.day(2).query("A", item(1)).write()
    data = data_of(page_of(series)[0])
    (group,) = data["groups"]
    assert [(query["label"], query["status"]) for query in group["queries"]] == [
        ("best match", "complete"),
        ("best selling", "not_made"),
    ]
    assert cards(data, "A")[2]["places"] == [[1, 1]]


def test_gone_from_one_seed_only(series: Series) -> None:
    series.day(1).query("A", item(1)).query("B", item(2), item(1)).write()
    series.day(2).query("A", item(1)).query("B", item(2)).write()
    found = cards(data_of(page_of(series)[0]), "B")
    assert found[1]["marks"]["gone"]["here"] is True


def test_two_languages_are_two_cards(series: Series) -> None:
    for day, price in ((1, "2.00"), (2, "3.00")):
        queries = series.day(day).query("A", item(1, price, title="Lamp"))
        queries.query("A", item(1, price, title="лампа"), language="ru").write()
    (group,) = data_of(page_of(series)[0])["groups"]
    assert len(group["cards"]) == 2


def test_what_is_gone_has_its_picture_from_the_new_jobs_store(series: Series) -> None:
    address = "https://a.invalid/9.jpg"
    series.day(1).query("A", item(1), item(9, img=address)).write()
    new = series.day(2).query("A", item(1)).write().folder
    with ThumbnailStore(new) as store:
        store.put({address: Thumbnail("image/webp", b"kept")})
    page = series.output / "page.html"
    done = series.compare("watch", "--html", str(page))
    assert "1 of 1 picture embedded (limit 15 MB)." in done.stdout
    assert cards(data_of(page), "A")[9]["picture"] == 0
    assert Thumbnail("image/webp", b"kept").url in page.read_text("utf-8")


def test_a_baseline_and_nothing_changed(series: Series) -> None:
    series.day(1).query("A", item(1)).write()
    page, done = page_of(series, status=0)
    assert page.as_uri() in done.stdout
    data = data_of(page)
    assert (data["comparison"]["old"], data["groups"]) == (None, [])
    series.day(2).query("A", item(1)).write()
    page, done = page_of(series, status=0)
    assert "nothing changed" in done.stdout
    data = data_of(page)
    assert data["comparison"]["old"] == "watch-20261101T180000Z"
    assert [group["id"] for group in data["groups"]] == ["A"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--html", "page.txt"], "--html page.txt: accepted: a name that ends in .html"),
        (["--html", "/nowhere/x.html"], "--html /nowhere/x.html: there is no folder /nowhere"),
        (["--html", "x.html", "--thumbnails", "many"], "--thumbnails many: accepted"),
        (["--html", "x.html", "--per-seed", "0"], "--per-seed 0: accepted"),
    ],
)
def test_wrong_words(
    series: Series, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_days(series)
    monkeypatch.chdir(series.output)
    before = set(series.output.iterdir())
    done = series.compare("watch", *words)
    assert done.exit_status == 2
    assert message in done.log
    assert set(series.output.iterdir()) == before


def test_the_users_own_list_is_not_replaced(series: Series) -> None:
    mine = series.output / "mine.html"
    series.day(1, arguments={"seeds": str(mine)}).query("A", item(1)).write()
    series.day(2).query("A", item(1)).write()
    mine.write_text("a list", "utf-8")
    done = series.compare("watch", "--html", str(mine), "--thumbnails", "0")
    assert done.exit_status == 2
    assert "it is the list that the job" in done.log
    assert mine.read_text("utf-8") == "a list"


def test_without_pillow_nothing_is_compared(
    series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_days(series)
    monkeypatch.setitem(sys.modules, "PIL", None)
    done = series.compare("watch", "--html", str(series.output / "page.html"))
    assert (done.exit_status, done.stdout) == (2, "")
    assert "pip install pillow" in done.log


def test_each_kind_has_its_place_and_its_words() -> None:
    assert set(MARK_KINDS) - {"price_lower", "price_higher"} == set(KINDS)
    script = (files("tmapi_spiders.gallery") / "assets" / "changes.js").read_text("utf-8")
    names = re.search(r"const KINDS = \{(.*?)\n\};", script, re.DOTALL)
    assert names
    assert re.findall(r"^  (\w+): \[", names[1], re.MULTILINE) == list(MARK_KINDS)


def titles(browser: Browser, seed: int = 1) -> list[str]:
    return browser.texts(f"#seed-{seed} h3")


def test_what_a_reader_sees(browser: Browser, series: Series) -> None:
    two_days(series)
    browser.show(page_of(series)[0])
    assert browser.texts("h1") == ["watch: what changed"]
    assert "watch-20261101T180000Z → watch-20261102T180000Z" in browser.texts("#jobs")[0]
    assert "Price lower 1" in browser.texts("#counts li")
    browser.until_count("16 changed products for 7 seeds")
    assert "2 seeds without changes" in browser.texts("#without")[0]
    first, second = browser.texts("#seed-1 .card")[:2]
    assert "before: 10.00 → 9.00" in first
    assert "Target reached 9.00, wanted 9.50" in first
    assert "Price lower −1.00 (−10\u00a0%)" in first
    assert "Price higher +2.50 (+25\u00a0%)" in second
    gone = next(text for text in browser.texts("#seed-1 .card") if "Lamp 9" in text)
    assert "was #9" in gone
    assert "Gone its queries were read to their end without it" in gone
    assert "before: best match #9" in gone
    said = " ".join(browser.texts("#seed-1 .marks"))
    for text in ("Other currency CNY → USD", "Sales 100 → 150 (+50\u00a0%)", "Rank #8 → #7"):
        assert text in said
    for text in ("price → sale_price: not comparable", "Minimum order 2 → 3", "was Lamps Ltd"):
        assert text in said
    assert "Failed best match: no page could be read" in browser.texts("#seed-3")[0]
    assert browser.texts(".none .nothing") == ["No changes.", "Nothing is found for this image."]


def test_kinds_by_mouse_and_keyboard(browser: Browser, series: Series) -> None:
    two_days(series)
    browser.show(page_of(series)[0])
    browser.one("#kind-price_lower").click()
    browser.until_count("2 of 16 changed products, in 2 of 7 seeds")
    assert titles(browser) == ["Lamp 1"]
    browser.press(TAB)
    assert browser.focused == "kind-price_higher"
    browser.press(SPACE)
    browser.until_count("3 of 16 changed products, in 2 of 7 seeds")
    assert titles(browser) == ["Lamp 1", "Lamp 2"]
    browser.one("#sort option[value=change]").click()
    browser.until(lambda: titles(browser) == ["Lamp 2", "Lamp 1"])
    browser.one("#sort option[value=fall]").click()
    browser.until(lambda: titles(browser) == ["Lamp 1", "Lamp 2"])
    browser.one("#reset").click()
    browser.until_count("16 changed products for 7 seeds")
    assert browser.all("#kinds input:checked") == []
    browser.one("#sort option[value=best]").click()
    browser.until(lambda: titles(browser)[0] == "Lamp 1")
    assert titles(browser)[-1] == "Lamp 9", "what is gone has no rank now"


def test_hostile_text_stays_text(browser: Browser, series: Series) -> None:
    hostile = {"title": HOSTILE, "company_name": HOSTILE, "product_url": "javascript:alert(1)"}
    series.day(1).query(HOSTILE, item(1, **hostile), item(2, **hostile)).write()
    series.day(2).query(HOSTILE, item(1, "9.00", title=HOSTILE)).write()
    page, _ = page_of(series)
    browser.log()
    browser.show(page)
    assert titles(browser) == [HOSTILE, HOSTILE]
    assert f"was {HOSTILE}" in browser.texts(".marks")[0]
    assert browser.driver.title == "watch: what changed"
    assert browser.all("main img") == []
    assert [link.get_attribute("href") for link in browser.all("h3 a")] == [
        "https://detail.1688.com/offer/1.html"
    ]
    assert browser.log() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone_and_can_be_read(browser: Browser, series: Series, *, dark: bool) -> None:
    two_days(series)
    page, _ = page_of(series)
    for size in (PHONE, DESKTOP):
        browser.show(page, size, dark=dark)
        if size == PHONE:
            browser.one("#more-filters").click()
            browser.one("#kind-rank").click()
            browser.until_count("2 of 16 changed products")
            assert browser.texts("#more-filters") == ["Filters (1)"]
            browser.one("#reset").click()
        assert browser.run("return document.documentElement.scrollWidth") == size[0]
        assert not hard_to_read(browser)


def test_pages_of_nothing_say_so(browser: Browser, series: Series) -> None:
    series.day(1).query("A", item(1)).write()
    browser.show(page_of(series, status=0)[0])
    browser.until_count("A baseline: nothing to compare yet.")
    assert "is the first of its series" in browser.texts("#jobs")[0]
    assert not browser.one("#toolbar").is_displayed()
    series.day(2).query("A", item(1)).write()
    browser.show(page_of(series, status=0)[0])
    browser.until_count("Nothing changed, for 1 seed.")
    assert browser.texts(".nothing") == ["No changes."]
    browser.show(page_of(series, "--only", "price", status=0)[0])
    browser.until_count("Nothing that passes --only price changed, for 1 seed.")
