"""A workbook as people make them, from file to gallery; in one process, and by a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import SandboxThread
    from tests.ways import Way

CDN = "https://cbu01.alicdn.com/onepage"
COLUMNS = "image=Bild-URL,id=Art.-Nr.,target_price=EK-Ziel,search_sort=Sortierung"
RATES = ("-s", "TMAPI_RATES=EUR=7.8,USD=7.1")

#: By row: id, what it is, the cell of its image, target, the address of its shop, sort.
ARTICLES: dict[int, list[Any]] = {
    5: ["00123", "Lampe", f"{CDN}-lamp.jpg", 12.5, "https://shop.example/lamp", "sales"],
    6: ["A 2", "Vase", "Foto", "12,50 €", None, None],
    7: ["A 3", "Korb", f'=HYPERLINK("{CDN}-korb.jpg","Bild")', "$3.20", None, None],
    8: ["A 4", "Uhr", "https://shop.example/products/onepage-uhr", 9, None, None],
    9: ["A 5", "Stuhl", "https://detail.1688.com/offer/77.html", None, None, None],
    10: ["A 6", "Tisch", "https://item.taobao.com/item.htm?id=7", None, None, None],
    11: ["A 7", "Bett", "https://drive.google.com/file/d/abc/view", None, None, None],
    12: ["A 8", "Sofa", "https://www.dropbox.com/s/x/sofa.jpg?dl=0", None, None, None],
    13: ["A 9", "Regal", "https://1drv.ms/i/s!abc", None, None, None],
    14: ["B 1", "Teppich rot", f"{CDN}-teppich.jpg", None, None, None],
    15: ["B 2", "Teppich blau", None, None, None, None],
}
PAGES = (
    ("row 8: ", "a page of a shop, not a picture"),
    ("rows 9-10: ", "2 pages of offers (1688, Taobao, Tmall, Alibaba), not pictures"),
    ("row 11: ", "a view link of Google Drive or Photos"),
    ("row 12: ", "a view link of Dropbox"),
    ("row 13: ", "a view link of OneDrive or SharePoint"),
)


def articles(path: Path, *more: list[Any]) -> str:
    """Write the workbook, with *more* rows below."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Artikel 2026"
    sheet["A1"] = "Artikelliste Frühjahr 2026"
    sheet.merge_cells("A1:F1")
    sheet["A2"] = "Stand: 25.11."
    sheet.append([])
    sheet.append(["Art.-Nr.", "Bezeichnung", "Bild-\nURL", "EK-Ziel", "URL", "Sortierung"])
    for row in [*ARTICLES.values(), *more]:
        sheet.append(row)
    sheet["D5"].number_format = '#,##0.00\\ "€"'
    sheet["C6"].hyperlink = f"{CDN}-vase.jpg"
    sheet.merge_cells("C14:C15")
    old = book.create_sheet("alt", 0)
    old.sheet_state = "hidden"
    old.append(["image"])
    old.append([f"{CDN}-old.jpg"])
    suppliers = book.create_sheet("Lieferanten")
    suppliers.append(["Firma", "URL"])
    suppliers.append(["Xu", "https://xu.example/"])
    book.active = sheet
    book.save(path)
    return str(path)


def test_from_file_to_gallery(way: Way, sandbox: SandboxThread, tmp_path: Path) -> None:
    crawl = way(sandbox.url)
    given = {"seeds": articles(tmp_path / "articles.xlsx"), "max_pages": 1}
    done = crawl(*RATES, **given, columns=COLUMNS)
    assert done.exit_status == 0, done.log
    plan = (
        "articles.xlsx, sheet “Artikel 2026” (header in row 4; image: “Bild-URL”, id: “Art.-Nr.”, "
        "target_price: “EK-Ziel”, search_sort: “Sortierung”)"
    )
    assert plan in done.log
    warnings = [line.strip() for line in done.log.splitlines() if "  warning: row" in line]
    assert len(warnings) == len(PAGES)
    for line, (rows, words) in zip(sorted(warnings), sorted(PAGES), strict=True):
        assert line.startswith(f"warning: {rows}{words}")
    assert "4 seeds have a target price; it is compared with prices in CNY" in done.log
    assert "(EUR 7.8, USD 7.1), as the column target_price_cny" in done.log
    assert "2 seeds share their image with another seed" in done.log

    by_id = {row["seed_id"]: row for row in done.outcomes}
    assert set(by_id) == {row[0] for row in ARTICLES.values()}
    assert {row["status"] for row in by_id.values()} == {"complete"}
    assert by_id["A 2"]["seed"] == f"{CDN}-vase.jpg"
    assert by_id["A 3"]["seed"] == f"{CDN}-korb.jpg"
    assert by_id["B 1"]["seed"] == by_id["B 2"]["seed"]
    assert by_id["00123"]["sort"] == "sales"
    assert by_id["00123"]["seed_data"] == {
        "Bezeichnung": "Lampe",
        "target_price": 12.5,
        "target_price_cny": "97.50",
        "URL": "https://shop.example/lamp",
    }
    assert by_id["A 3"]["seed_data"]["target_price_cny"] == "22.72"
    gallery = crawl.command("tmapi", "gallery", "j")
    assert gallery.exit_status == 0, gallery.log
    assert "11 seeds" in gallery.stdout


def test_what_cant_be_used_is_reported_before_anything_is_paid(
    way: Way, sandbox: SandboxThread, tmp_path: Path
) -> None:
    path = articles(
        tmp_path / "articles.xlsx",
        ["B 3", "Kissen", "siehe Katalog", "ask", None, None],
        ["B 4", "Decke", None, "5", None, None],
        ["B 4", "Decke", f"{CDN}-b.jpg", "1,234", None, None],
    )
    crawl = way(sandbox.url)
    done = crawl(seeds=path, columns=COLUMNS)
    assert done.exit_status == 2, done.log
    assert sandbox.stats["calls"] == 0
    for words in (
        "row 5: target_price '12.5' is in EUR, and prices here are in CNY; give the rate",
        "row 7: target_price '$3.20' is in USD",
        "row 16: 'siehe Katalog': it contains white space",
        "row 16: target_price 'ask' is not a price",
        "row 17: its column Bild-URL is empty",
        "row 18: target_price '1,234' may be 1234 or 1.234",
    ):
        number, _, rest = words.partition(": ")
        (line,) = [one for one in done.log.splitlines() if f"articles.xlsx, {number}: " in one]
        assert rest in line
    no_column = crawl(seeds=path)
    assert no_column.exit_status == 2
    assert """two columns, 'URL', 'Bild-URL'. Say which one is the image""" in no_column.log
    assert "Traceback" not in done.log + no_column.log


@pytest.mark.parametrize("dedupe", ["job", "seed"])
def test_articles_of_one_picture(
    way: Way, sandbox: SandboxThread, tmp_path: Path, dedupe: str
) -> None:
    path = tmp_path / "articles.csv"
    rows = (f"{name};{CDN}-{image}.jpg" for name, image in ("Aa", "Ba", "Cb"))
    path.write_text("\n".join(["id;image", *rows]))
    crawl = way(sandbox.url)
    done = crawl("-s", f"TMAPI_DEDUPE={dedupe}", seeds=path)
    assert done.exit_status == 0
    summary = done.told.rpartition(": 3 queries: ")[2]
    credited = {row["seed_id"] for row in done.products}
    assert len({row["seed_id"] for row in done.sightings}) == 3
    note = "2 seeds share their image with another seed, under another id; products.jsonl"
    assert (note in summary) == (dedupe == "job")
    assert (len(credited) == 3) == (dedupe == "seed")
