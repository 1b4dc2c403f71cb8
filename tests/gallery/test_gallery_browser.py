"""The gallery in a real browser: by mouse and keyboard, large and small, light and dark."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.gallery import browser as browsers
from tests.gallery.browser import DESKTOP, PHONE, Browser
from tests.gallery.contrast import contrast, hard_to_read, luminance, rgb
from tests.gallery.gallery_jobs import PIXEL, JobFolder, large_job, page_of, product
from tmapi_spiders.crawl.evidence import EVIDENCE

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.skipif(bool(browsers.MISSING), reason=browsers.MISSING)

TAB, SHIFT_TAB, ENTER, SPACE, ESCAPE = "\ue004", "\ue008\ue004\ue000", "\ue007", " ", "\ue00c"

HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\">"
    "<script>document.title='owned'</script>\u2028\u202e"
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with 50 products, and queries that ended in every way."""
    job = JobFolder(tmp_path_factory.mktemp("jobs") / "small", warnings=[])
    lamps = [
        product(
            number,
            title=f"Lamp {number}",
            price=f"{number}.00",
            img=f"https://a.invalid/{number}.jpg",
            sale_quantity_90days=number * 10,
            sale_quantity_90days_text="100000+" if number == 30 else str(number * 10),
            company_name=f"Supplier {number % 7}",
            shop_years=number % 9,
            composite_score=4.5,
            item_repurchase_rate=0.256,
            free_shipping=number % 2 == 0,
            area_from=["福建", "三明市"],
        )
        for number in range(1, 31)
    ]
    job.seed("AB 12/4", *lamps, data={"sku": "K-100", "price": "7"})
    job.seed("AB 12/4", *lamps[::-1][:5], sort="sales", status="partial", reason="budget")
    chairs = [product(number, title=f"Chair {number}", price="5.00") for number in range(100, 119)]
    chairs.append(product(119, title=None, price=None, product_url=None))
    job.seed("chairs", *chairs, evidence=["repeated_page", "short_of_count"])
    job.seed("nothing", status="empty", reason="empty_page")
    job.seed("broken", status="failed", reason="error", code=422, message="the image is denied")
    job.seed("never", status="not_started", reason="balance")
    return page_of(
        job.write(), {f"https://a.invalid/{number}.jpg": PIXEL for number in range(1, 30)}
    )


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 20,000 products."""
    return page_of(large_job(tmp_path_factory.mktemp("jobs") / "large", 200, 100))


def titles(browser: Browser, group: int = 1) -> list[str]:
    return browser.texts(f"#seed-{group} h3")


def test_a_card_shows_everything_known(browser: Browser, small: Path) -> None:
    browser.show(small)
    browser.until_count("50 matches for 5 seeds")
    first = browser.texts("#seed-1 .card")[0]
    for text in ("Lamp 1", "CNY 1.00", "10 sold in 90 days", "Supplier 1", "1 year", "4.5 of 5"):
        assert text in first
    assert "福建, 三明市" in first
    assert "best match #1" in first
    assert "free shipping" not in first.lower(), "its details are made when they are wanted"
    both = next(card for card in browser.texts("#seed-1 .card") if "Lamp 30" in card)
    assert "best selling #1 · best match #30" in both
    assert "100,000+ sold in 90 days" in both
    browser.one("#seed-1 .details summary").click()
    details = browser.until(lambda: browser.texts("#seed-1 .details dl"))[0]
    assert "Bought again25.6 %" in details
    assert "Minimum ordernot given" in details
    assert "Free shippingno" in details
    assert "Ships in 48 hnot given" in details
    last = browser.texts("#seed-2 .card")[-1]
    for text in ("Product 119: title not given", "price not given", "sales not given"):
        assert text in last
    links = {link.get_attribute("href") for link in browser.all("#seed-1 h3 a")}
    assert "https://detail.1688.com/offer/1.html" in links
    assert len(browser.all("#seed-2 h3 a")) == 19, "one has no link"


def test_how_each_query_ended_is_shown(browser: Browser, small: Path) -> None:
    browser.show(small)
    (told,) = browser.texts("#without")
    assert told == (
        "3 seeds without products · 3 of 6 queries failed or incomplete · "
        "1 of 6 queries ended in doubt"
    )
    groups = [" ".join(text.split()) for text in browser.texts(".group")]
    assert (
        "! Incomplete best selling: 5 results on 1 page, then: the budget was used up" in groups[0]
    )
    for code in ("repeated_page", "short_of_count"):
        assert f"But {EVIDENCE[code]}" in groups[1]
    assert " But " not in groups[0] + groups[2]
    assert "Nothing was found for this image." in groups[2]
    assert "Nothing found best match: the query has no match" in groups[2]
    assert "Every query for this image failed" in groups[3]
    assert (
        "Failed best match: no page could be read: an error: code 422: the image is denied"
        in (groups[3])
    )
    assert "This image was not searched." in groups[4]
    assert "Not searched best match: the account’s balance was used up" in groups[4]
    assert "Nothing" not in groups[3] + groups[4]


def test_by_mouse(browser: Browser, small: Path) -> None:
    browser.show(small)
    assert len(titles(browser)) == 24
    browser.one("#seed-1 .more button").click()
    assert len(titles(browser)) == 30
    browser.one("#flag-free_shipping").click()
    browser.until_count("15 of 50 matches, in 1 of 5 seeds")
    assert len(browser.all(".group")) == 1
    browser.one("#flag-free_shipping").click()
    browser.one("#sort option[value=price_down]").click()
    browser.until(lambda: titles(browser)[:2] == ["Lamp 30", "Lamp 29"])
    assert titles(browser, 2)[-1] == "Product 119: title not given", "what is not given is last"
    browser.one("#sort option[value=sales]").click()
    browser.until(lambda: titles(browser)[0] == "Lamp 30")
    browser.one("#price-least").send_keys("28.5")
    browser.one("#price-most").send_keys("30")
    browser.until_count("2 of 50 matches, in 1 of 5 seeds")
    browser.one("#reset").click()
    browser.until_count("50 matches for 5 seeds")
    assert titles(browser)[0] == "Lamp 1"
    browser.one("#text").send_keys("supplier 3")
    browser.until_count("of 50 matches, in 1 of 5 seeds")
    browser.run("document.getElementById('text').value = ''")
    browser.one("#text").send_keys("k-100")
    browser.until_count("30 of 50 matches, in 1 of 5 seeds")
    browser.one("#text").send_keys("nowhere")
    browser.until_count("None of 50 matches passes these filters.")


def test_by_keyboard(browser: Browser, small: Path) -> None:
    browser.show(small)
    order = []
    for _ in range(15):
        browser.press(TAB)
        order.append(browser.focused)
    assert order[:2] == ["Skip to the products", "3 seeds without products"]
    del order[1]
    assert order[:5] == ["Skip to the products", "text", "sort", "jump-open", "price-least"]
    assert order[5:12] == [
        *("price-most", "sales-least", "flag-free_shipping", "flag-ship_in_48h"),
        *("flag-one_piece_min_order", "flag-is_super_factory", "flag-is_powerful_seller"),
    ]
    assert order[12] == "reset"
    bars = browser.all("#seed-1 .bars button:not([disabled])")
    assert bars[0].get_attribute("aria-label") == "1 to 1.99 CNY: 1 product"
    browser.run("arguments[0].focus()", bars[0])
    browser.press(TAB)
    assert browser.focused == "2 to 4.99 CNY: 3 products"
    browser.press(ENTER)
    browser.until_count("3 of 50 matches, in 1 of 5 seeds")
    assert titles(browser) == ["Lamp 2", "Lamp 3", "Lamp 4"]
    assert browser.focused == "2 to 4.99 CNY: 3 products", "the bar keeps the focus"
    assert browser.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    browser.press(SPACE)
    browser.until_count("50 matches for 5 seeds")
    browser.run("document.querySelector('#seed-1 .more button').focus()")
    browser.press(ENTER)
    assert browser.focused == "Lamp 20", "the first that is new has the focus"


def test_each_bar_filters_what_it_counts(browser: Browser, tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "prices")
    prices_of: dict[str, list[str | None]] = {
        "bounds": ["10.00", "20.00", "30.00", "40.00", "50.00", "19.99", "20"],
        "wide": ["0.5", "1", "2.00", "999.99", "9999.99", None],
        "free": ["0.00", "0.01", "0.014", "7"],
        "odd": ["x", "", "1e2", "3"],
        "same": ["5.00", "5.00"],
        "none": [None],
    }
    for name, prices in prices_of.items():
        job.seed(name, *(product(number, price=price) for number, price in enumerate(prices, 1)))
    browser.show(page_of(job.write()))
    counts = browser.run(
        "return [...document.querySelectorAll('.group')].map((group) => "
        "[...group.querySelectorAll('.bars button')]"
        ".map((bar) => Number(bar.title.match(/(\\d+) prod/)[1])))"
    )
    assert [sum(bars) for bars in counts] == [7, 5, 4, 2, 0, 0]
    told = browser.texts(".seed-more > :first-child")
    assert "CNY 10.00 – 50.00 median 20.00" in told[0]
    assert "CNY 0.50 – 9999.99 median 2.00 · 1 without a price" in told[1]
    assert "CNY 5.00 median 5.00" in told[4]
    assert "not given" in told[5]
    for group, bars in enumerate(counts, 1):
        for place, count in enumerate(bars):
            if count:
                bar = f"document.querySelectorAll('#seed-{group} .bars button')[{place}]"
                browser.run(f"{bar}.focus(); {bar}.click()")
                assert len(titles(browser, group)) == count, (group, place)
                browser.run(f"{bar}.click()")


def test_the_cut_is_stated(browser: Browser, tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "cut")
    job.seed("A", *(product(number, price=f"{number * 10}") for number in range(1, 6)))
    job.seed("B", product(9, price=None), product(1), product(8, currency=None))
    browser.show(page_of(job.write(), per_seed=2))
    assert browser.texts(".cut") == [
        "The best-ranked 2 of 5 products are in this file.",
        "The best-ranked 2 of 3 products are in this file.",
    ]
    assert browser.texts(".found") == ["5 products", "3 products"]
    assert "2 seeds · 7 products · 3 of them in this file" in browser.texts("#facts")[0]
    assert browser.texts("#count") == ["4 of 8 matches are in this file, for 2 seeds"]
    assert browser.texts("#jump-list .dim") == ["5", "3"]
    assert browser.texts(".prices p") == [
        "CNY 10.00 – 50.00 median 30.00",
        "CNY 10.00 median 10.00 · 1 without a price · 1 without a currency",
    ]
    bars = browser.all("#seed-1 .bars button")
    assert [str(bar.get_attribute("title")).partition(": ")[2] for bar in bars] == [
        "1 product",
        "1 product",
        *["1 product, 0 of them in this file"] * 3,
    ]
    assert [bar.is_enabled() for bar in bars] == [True, True, False, False, False]
    bars[1].click()
    assert browser.texts("#count") == ["1 of the 4 matches in this file, in 1 of 2 seeds"]
    assert browser.texts(".found") == ["1 of the 2 products in this file"]
    assert browser.texts("#jump-list .dim") == ["1"]


def test_prices_in_several_currencies_are_not_compared(browser: Browser, tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "currencies")
    job.seed("A", product(1), product(2, currency="USD"))
    job.seed("B", product(1), product(2, currency=None))
    browser.show(page_of(job.write()))
    assert browser.texts(".seed-more > :first-child") == [
        "Prices: not given, or in several currencies.",
        "CNY 10.00 median 10.00 · 1 without a currency",
    ]


def test_jumping_to_a_seed(browser: Browser, small: Path) -> None:
    browser.show(small)
    browser.run("document.getElementById('jump-open').focus()")
    browser.press(ENTER)
    assert browser.focused == "jump-text"
    assert browser.one("#jump-open").get_attribute("aria-expanded") == "true"
    browser.press("brok")
    browser.until(lambda: browser.texts("#jump-list li") == ["broken0"])
    browser.press(TAB, ENTER)
    assert browser.focused == "name-4"
    assert not browser.one("#jump").is_displayed()
    browser.one("#without a").click()
    assert browser.focused == "name-3"
    browser.one("#jump-open").click()
    browser.press(ESCAPE)
    assert browser.focused == "jump-open"


def test_no_request_leaves_and_nothing_hostile_runs(browser: Browser, tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "hostile", source=HOSTILE, stop_reason=HOSTILE)
    for number, seed in enumerate(("javascript:alert(1)", HOSTILE, "//evil.invalid/x.jpg")):
        job.seed(
            f"{HOSTILE}{number}",
            product(
                number + 1,
                title=HOSTILE,
                company_name=HOSTILE,
                area_from=[HOSTILE],
                currency=HOSTILE,
                sale_quantity_90days_text=HOSTILE,
                product_url=("javascript:alert(2)", "data:text/html,x", "https://a.invalid/ok")[
                    number
                ],
                img="https://evil.invalid/picture.jpg",
            ),
            seed=seed,
            sort=HOSTILE,
            data={HOSTILE: HOSTILE, "__proto__": "x"},
            status="failed",
            message=HOSTILE,
        )
    page = page_of(job.write())
    browser.log()
    browser.show(page)
    browser.one(".details summary").click()
    browser.until(lambda: browser.texts(".details dl"))
    assert browser.driver.title == "hostile: gallery"
    assert [link.get_attribute("href") for link in browser.all("h3 a")] == ["https://a.invalid/ok"]
    assert [link.get_attribute("href") for link in browser.all(".seed a")] == [
        "https://evil.invalid/x.jpg"
    ]
    assert titles(browser)[0] == HOSTILE
    assert len(browser.all("script")) == 3
    assert browser.all("main img") == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.log() == []
    # The page's policy, too: neither a picture from elsewhere nor a script loads.
    browser.run(
        "const it = new Image(); it.src = 'https://evil.invalid/beacon.gif';"
        "const script = document.createElement('script');"
        "script.textContent = 'document.title = 1'; document.body.append(it, script);"
    )
    refused = browser.until(browser.log)
    assert all("Content Security Policy" in entry["message"] for entry in refused), refused
    assert browser.driver.title == "hostile: gallery"


@pytest.mark.long
def test_20_000_products_stay_usable(browser: Browser, large: Path) -> None:
    browser.show(large)
    browser.until_count("20,000 matches for 200 seeds")
    assert browser.run("return document.querySelectorAll('*').length") < 8000
    assert len(browser.all(".group")) == 8
    assert "Seeds 1–8 of 200" in browser.texts("#pager")[0]
    browser.all("#pager button")[1].click()
    assert "Seeds 9–16 of 200" in browser.texts("#pager")[0]
    assert browser.texts("h2")[0] == "AB 9"
    assert browser.focused == "results"
    browser.one("#text").send_keys("sku-150")
    browser.until_count("100 of 20,000 matches, in 1 of 200 seeds")
    assert browser.texts("h2") == ["AB 150"]
    browser.one("#reset").click()
    browser.until_count("20,000 matches for 200 seeds")
    browser.one("#sales-least").send_keys("4990")
    browser.until_count("of 20,000 matches")
    browser.one("#reset").click()
    browser.until_count("20,000 matches for 200 seeds")
    browser.one("#jump-open").click()
    assert browser.texts("#jump-more") == ["And 100 more: search for them."]
    browser.press("sku-123")
    browser.until(lambda: browser.texts("#jump-list bdi") == ["AB 123"])
    browser.one("#jump-list a").click()
    assert browser.focused == "name-123"
    browser.show(large, fragment="#to-seed-77")
    assert browser.focused == "name-77"


def test_a_phone_has_no_need_to_scroll_sideways(browser: Browser, small: Path) -> None:
    browser.show(small, PHONE)
    assert browser.run("return document.documentElement.scrollWidth") == PHONE[0]
    assert not browser.one("#filters").is_displayed()
    browser.one("#more-filters").click()
    assert browser.one("#more-filters").get_attribute("aria-expanded") == "true"
    browser.one("#flag-free_shipping").click()
    browser.until_count("15 of 50 matches")
    assert browser.texts("#more-filters") == ["Filters (1)"]
    browser.one("#jump-open").click()
    assert browser.one("#jump").is_displayed()
    assert browser.run("return document.documentElement.scrollWidth") == PHONE[0]
    sizes = browser.run(
        "return [...document.querySelectorAll('button, select, input')]"
        ".filter(it => it.offsetParent && it.type !== 'checkbox')"
        ".map(it => [it.textContent, it.offsetWidth, it.offsetHeight])"
    )
    assert [size for size in sizes if min(size[1:]) < 24] == [], "targets are large enough"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_can_be_read(browser: Browser, small: Path, *, dark: bool) -> None:
    browser.show(small, dark=dark)
    browser.one("#jump-open").click()
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (luminance(rgb(ground)) < 0.1) is dark
    assert not hard_to_read(browser)
    bar = browser.run(
        "return getComputedStyle(document.querySelector('.bars span')).backgroundColor"
    )
    assert contrast(rgb(bar), rgb(ground)) >= 3


CONTROLS = {
    *("button", "link", "searchbox", "textbox", "spinbutton", "checkbox", "combobox", "image"),
    *("heading", "navigation", "search", "DisclosureTriangle"),
}


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everything_has_an_accessible_name(
    browser: Browser, small: Path, size: tuple[int, int]
) -> None:
    browser.show(small, size)
    if size == PHONE:
        browser.one("#more-filters").click()
    browser.one("#jump-open").click()
    tree = browser.cdp("Accessibility.getFullAXTree")["nodes"]
    shown = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node["ignored"]
    ]
    assert {"button", "searchbox", "spinbutton", "checkbox", "combobox"} <= {it[0] for it in shown}
    unnamed = {role for role, name in shown if role in CONTROLS and not name.strip()}
    assert not unnamed
    assert ("combobox", "Sort") in shown
    assert ("spinbutton", "Sold at least") in shown
    assert ("link", "Lamp 1") in shown
    assert ("DisclosureTriangle", "All details of Lamp 1") in shown


def test_pictures_and_headings_are_in_order(browser: Browser, small: Path) -> None:
    browser.show(small)
    alts = browser.run("return [...document.querySelectorAll('main img')].map((it) => it.alt)")
    assert alts[0] == "Picture of Lamp 1"
    assert all(alts)
    missing = browser.one("#seed-2 .cards .no-picture").get_attribute("aria-label")
    assert missing == "Picture of Chair 100: No picture given"
    assert browser.run("return document.documentElement.lang") == "en"
    twice = browser.run(
        "const ids = [...document.querySelectorAll('[id]')].map((it) => it.id);"
        "return ids.filter((id, i) => ids.indexOf(id) !== i)"
    )
    assert twice == []
    levels = [int(it.tag_name[1]) for it in browser.all("h1, h2, h3")[:40]]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.one("#count").get_attribute("aria-live") == "polite"


def test_it_prints_without_its_tools(browser: Browser, small: Path) -> None:
    browser.show(small)
    printed = browser.pdf()
    assert printed.startswith(b"%PDF")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert 2 <= pages <= 8
    browser.cdp("Emulation.setEmulatedMedia", media="print", features=[])
    assert not browser.one("#toolbar").is_displayed()
    assert not browser.one(".more").is_displayed()
    assert (
        browser.run("return getComputedStyle(document.querySelector('.card')).breakInside")
        == "avoid"
    )
    ground = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    browser.cdp("Emulation.setEmulatedMedia", media="", features=[])


def test_without_scripts_it_says_what_is_needed(browser: Browser, small: Path) -> None:
    browser.cdp("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.driver.get(small.as_uri())
        assert "allow scripts" in browser.one("noscript").text
    finally:
        browser.cdp("Emulation.setScriptExecutionDisabled", value=False)
