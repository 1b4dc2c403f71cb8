"""The gallery in a real browser: on screens of all sizes, and with what buyers type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gallery.browser import DESKTOP, LANDSCAPE, PHONE, Browser
from tests.gallery.gallery_jobs import PIXEL, JobFolder, page_of, product

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "https://a.invalid/folder/blue-vase.jpg?x=1"

#: The parts of the first seed's panel, from top to bottom: their upper and lower edge.
PARTS = """
const panel = document.querySelector("#seed-1 .seed");
const parts = [".seed-picture", "h2", ".found", ".url", ".own", ".prices", ".queries"]
  .map((it) => panel.querySelector(it).getBoundingClientRect());
return parts.map((it) => [it.top, it.bottom]);
"""

#: The distance from the panel's last line to the screen's lower edge, once scrolled into view.
ROOM = """
const panel = document.querySelector("#seed-1 .seed");
window.scrollTo(0, document.querySelector("#seed-1").getBoundingClientRect().top + window.scrollY);
panel.scrollTo(0, panel.scrollHeight);
const last = panel.querySelector(".queries li:last-child").getBoundingClientRect();
return window.innerHeight - last.bottom;
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with eight queries and six user columns, for seeds with and without products."""
    job = JobFolder(tmp_path_factory.mktemp("jobs") / "full")
    own = {f"column {number}": f"what the user wrote of it, {number}" for number in range(6)}
    found = [product(number, price=f"{number}.5") for number in range(1, 31)]
    for sort in ("default", "sales", "price_up", "price_down"):
        for language in ("en", "ru"):
            job.seed("AB 1", *found, data=own, sort=sort, language=language, seed=IMAGE)
    for number in range(2, 31):
        job.seed(f"AB {number}", product(number, price="12.345"))
    job.seed("broken", data={"sku": "K 1/2"}, status="failed", reason="error", code=422)
    job.seed("void", data={"sku": "K 3/4"}, status="empty", reason="empty_page")
    return page_of(job.write(), {IMAGE: PIXEL})


def test_a_seeds_panel_can_be_read(browser: Browser, full: Path) -> None:
    for size in (DESKTOP, (1366, 768), (1280, 720), (1366, 650), (1000, 600), PHONE, LANDSCAPE):
        browser.show(full, size)
        parts = browser.run(PARTS)
        assert parts[0][1] - parts[0][0] > 100, f"at {size} there is no picture"
        if size in {PHONE, LANDSCAPE}:
            del parts[0]  # it is next to the text
        else:
            assert browser.run(ROOM) >= 0, f"at {size} its end is below the screen"
        edges = [edge for part in parts for edge in part]
        assert edges == sorted(edges), f"at {size} parts of it lie over each other"


@pytest.mark.parametrize("size", [PHONE, LANDSCAPE, (1366, 650)], ids=["phone", "flat", "laptop"])
def test_the_list_of_seeds_can_be_read_to_its_end(
    browser: Browser, full: Path, size: tuple[int, int]
) -> None:
    browser.show(full, size)
    browser.one("#jump-open").click()
    room = """
        const list = document.getElementById("jump");
        list.scrollTo(0, list.scrollHeight);
        const last = list.querySelector("li:last-child").getBoundingClientRect();
        return [last.top, window.innerHeight - last.bottom];
    """
    assert min(browser.run(room)) >= 0
    if size == (1366, 650):
        return
    browser.one("#jump-close").click()
    assert browser.focused == "jump-open"
    assert browser.run("return document.getElementById('toolbar').offsetHeight") < 120
    browser.one("#more-filters").click()
    assert browser.one("#reset").is_displayed()
    browser.one("#jump-open").click()
    assert min(browser.run(room)) >= 0


def test_a_seed_without_products_is_found(browser: Browser, full: Path) -> None:
    browser.show(full)
    browser.one("#text").send_keys("k 1/2")
    browser.until_count("None of 89 matches, but 1 seed without products")
    assert browser.texts("h2") == ["broken"]
    assert "Every query for this image failed" in browser.texts(".nothing")[0]
    browser.one("#text").clear()
    browser.one("#text").send_keys("2")
    browser.until_count("72 of 89 matches, in 13 of 32 seeds, and 1 seed without products")
    browser.one("#flag-free_shipping").click()
    browser.until_count("None of 89 matches passes these filters.")
    browser.one("#without a").click()
    browser.until_count("89 matches for 32 seeds")
    assert browser.focused == "name-31"
    assert browser.texts("h2")[-2:] == ["broken", "void"]


def test_prices_as_they_are_typed(browser: Browser, full: Path) -> None:
    browser.show(full)
    least, most = browser.one("#price-least"), browser.one("#price-most")
    least.send_keys("12,3")
    most.send_keys("12.35")
    browser.until_count("29 of 89 matches, in 29 of 32 seeds")
    most.clear()
    most.send_keys("7")
    browser.until_count("The lowest price is above the highest. None of 89 matches")
    assert most.get_attribute("aria-invalid") == "true"
    for wrong in ("1,234", "-5", "ten", "1.234,50"):
        most.clear()
        most.send_keys(wrong)
        browser.until_count(f"“{wrong}” is not a price; write it like 1234.50. 67 of 89 matches")
    browser.one("#reset").click()
    browser.until_count("89 matches for 32 seeds")
    assert browser.texts("#count")[0].startswith("89")
    assert most.get_attribute("aria-invalid") == "false"


def test_prices_have_two_decimals_at_least(browser: Browser, tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "decimals")
    prices = ("3", "2.0", "2.74", "1.", "0.125", "1e2")
    job.seed("A", *(product(number, price=price) for number, price in enumerate(prices, 1)))
    browser.show(page_of(job.write()))
    assert browser.texts(".price") == [
        f"CNY {price}" for price in ("3.00", "2.00", "2.74", "1.00", "0.125", "1e2")
    ]


def test_without_an_id_a_seed_has_the_name_of_its_row(browser: Browser, tmp_path: Path) -> None:
    job = JobFolder(tmp_path / "names")
    owns: tuple[dict[str, str], ...] = (
        {"sku": "K 12/4", "price": "7"},
        {"sku": " ", "price": "7"},
        {},
    )
    for number, own in enumerate(owns):
        job.seed(f"{number:020x}", product(1), data=own, seed=IMAGE)
    browser.show(page_of(job.write()))
    assert browser.texts("h2") == ["K 12/4", "blue-vase.jpg", "blue-vase.jpg"]
    assert browser.texts("#results .file") == ["blue-vase.jpg"]
    assert browser.texts("#jump-list bdi") == ["K 12/4", *["blue-vase.jpg"] * 3]


def test_on_paper_it_says_what_part_is_printed(browser: Browser, full: Path) -> None:
    browser.show(full)
    assert not browser.one("#printed").is_displayed()
    told = "Printed here: seeds 1 to 8 of 32, with {} of 89 matches."
    assert browser.texts("#printed") == [told.format(31)]
    browser.one("#seed-1 .more button").click()
    assert browser.texts("#printed") == [told.format(55)]
    browser.cdp("Emulation.setEmulatedMedia", media="print", features=[])
    assert browser.one("#printed").is_displayed()
    browser.cdp("Emulation.setEmulatedMedia", media="", features=[])
    browser.one("#text").send_keys("k 1/2")
    browser.until_count("None of 89 matches")
    assert browser.texts("#printed") == [""]
