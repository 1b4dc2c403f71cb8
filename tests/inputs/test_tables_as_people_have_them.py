"""Tables as people have them: titles, merged cells, links, several sheets, other names."""

from __future__ import annotations

import re
import zipfile
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]
from openpyxl import Workbook
from openpyxl.drawing.image import Image
from PIL import Image as Picture

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.seed_files.seed_columns import Layout, columns_of
from tmapi_spiders.inputs.seed_links import PageLinks, kind_of_page
from tmapi_spiders.inputs.seeds import Seeds, StreamedSeeds
from tmapi_spiders.inputs.target_price import foreign_target, target_of

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from tmapi_spiders.inputs.seed import Seed

LAMP = "https://cbu01.alicdn.com/lamp.jpg"
VASE = "https://cbu01.alicdn.com/vase.jpg"
RATES = {"EUR": Decimal("7.8"), "USD": Decimal("7.1")}


@pytest.fixture
def sheet() -> Worksheet:
    """Return the only sheet of a new workbook."""
    sheet = Workbook().active
    assert sheet is not None
    return sheet


def save(sheet: Worksheet, folder: Path) -> str:
    path = folder / "seeds.xlsx"
    assert sheet.parent is not None
    sheet.parent.save(path)
    return str(path)


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def layout(columns: str = "", sheet: str = "") -> Layout:
    return Layout(columns_of(columns) if columns else {}, sheet, RATES)


def read(given: str, columns: str = "", sheet: str = "") -> list[Seed]:
    seeds = Seeds.from_argument(given, layout(columns, sheet))
    streamed = StreamedSeeds.from_argument(given, layout(columns, sheet))
    assert list(streamed) == list(seeds)
    assert (streamed.origin, streamed.tally) == (seeds.origin, seeds.tally)
    return list(seeds)


def problems(given: str, columns: str = "", sheet: str = "") -> str:
    with pytest.raises(UsageProblems) as caught:
        read(given, columns, sheet)
    return str(caught.value)


def images(seeds: list[Seed]) -> list[str]:
    return [seed.text for seed in seeds]


def origin(given: str, columns: str = "", sheet: str = "") -> str:
    found = Seeds.from_argument(given, layout(columns, sheet)).origin
    return "" if found is None else found.describe()


# Which sheet, which column


def test_a_hidden_sheet_is_not_read(sheet: Worksheet, tmp_path: Path) -> None:
    assert sheet.parent is not None
    for state in ("hidden", "veryHidden"):
        other = sheet.parent.create_sheet(state, 0)
        other.sheet_state = state
        other.append(["image"])
        other.append([VASE])
    sheet.title = "Artikel"
    sheet.append(["Nr", "image"])
    sheet.append(["7", LAMP])
    sheet.parent.active = sheet
    given = save(sheet, tmp_path)
    assert images(read(given)) == [LAMP]
    assert "sheet “Artikel” (header in row 1; image: “image”)" in origin(given)
    assert images(read(given, sheet="hidden")) == [VASE], "a user who names it wants it"


def test_the_first_visible_sheet_is_the_one(sheet: Worksheet, tmp_path: Path) -> None:
    """The message names a sheet that fits better, with the arguments that ask for it."""
    assert sheet.parent is not None
    sheet.title = "Artikel 1"
    sheet.append(["Frühjahr 2026"])
    sheet.append(["Art.-Nr.", "Bild-URL"])
    sheet.append(["7", LAMP])
    suppliers = sheet.parent.create_sheet("Lieferanten")
    suppliers.append(["Firma", "URL"])
    suppliers.append(["Xu", "https://xu.example/"])
    sheet.parent.create_sheet("leer")
    given = save(sheet, tmp_path)
    said = problems(given)
    for words in (
        "sheet 'Artikel 1', row 2: no column has the image (it has 'Art.-Nr.', 'Bild-URL')",
        """-a sheet='Artikel 1' -a columns="image=Bild-URL\"""",
        "'Lieferanten', row 1: 'Firma', 'URL' (-a sheet=Lieferanten)",
        "'leer' is empty",
    ):
        assert words in said, said
    assert images(read(given, "image=Bild-URL")) == [LAMP]
    for name in ("Lieferanten", " lieferanten ", "2"):
        assert images(read(given, sheet=name)) == ["https://xu.example/"], name
    assert 'Did you mean "Lieferanten"? Accepted:' in problems(given, sheet="Liferanten")
    assert "'Artikel 1', 'Lieferanten', 'leer'" in problems(given, sheet="9")
    assert "no column is called 'Bild'" in problems(given, "image=Bild")


def test_a_name_is_found_however_it_is_broken(sheet: Worksheet, tmp_path: Path) -> None:
    sheet.append(["  ART.-NR. ", "Bild-\nURL", "EK Ziel,\nnetto", "URL", "id", "Sort"])
    sheet.append(["00123", LAMP, "12,50 €", "https://shop.example/7", "x", "sales"])
    given = save(sheet, tmp_path)
    named = "id=Art.-Nr.,image=Bild-URL, target_price=EK Ziel, netto,search_sort=sort"
    (lamp,) = read(given, named)
    assert (lamp.text, lamp.seed_id, lamp.overrides.sort) == (LAMP, "00123", ("sales",))
    assert lamp.data == {
        "target_price": "12,50 €",
        "target_price_cny": "97.50",
        "URL": "https://shop.example/7",
        "id": "x",
    }
    assert (
        "header in row 1; image: “Bild-URL”, id: “ART.-NR.”, target_price: “EK Ziel, netto”, "
        "search_sort: “Sort”" in origin(given, named)
    )


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "xlsx"])
def test_two_columns_of_addresses_are_refused(
    suffix: str, sheet: Worksheet, tmp_path: Path
) -> None:
    shop = "https://shop.example/7"
    sheet.append(["URL", "Bild"])
    sheet.append([shop, LAMP])
    given = {
        "csv": write(tmp_path, "s.csv", f"URL;Bild\n;\n{shop};{LAMP}\n"),
        "jsonl": write(tmp_path, "s.jsonl", f'{{"URL": "{shop}", "Bild": "{LAMP}"}}'),
        "xlsx": save(sheet, tmp_path),
    }[suffix]
    said = problems(given)
    assert "there are addresses in two columns, 'URL', 'Bild'" in said
    assert '-a columns="image=URL" or -a columns="image=Bild"' in said
    assert images(read(given, "image=URL")) == [shop]
    (lamp,) = read(given, "image=Bild")
    assert (lamp.text, lamp.data) == (LAMP, {"URL": shop})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("bild=Bild", "'bild' is not a meaning; accepted: MEANING=COLUMN"),
        ("imge=Bild", 'Did you mean "image"?'),
        ("Bild", "accepted: MEANING=COLUMN"),
        ("image=", "image= names no column"),
        ("image=Bild,image=URL", "one of them appears twice"),
        ("image=Bild,id=BILD", "one of them appears twice"),
        ("image=Bild,id=Nummer", 'no column is called \'Nummer\' (there are "Nr", "Bild")'),
    ],
)
def test_columns_that_are_wrong(columns: str, message: str, tmp_path: Path) -> None:
    given = write(tmp_path, "s.csv", f"Nr;Bild\n7;{LAMP}\n")
    with pytest.raises(UsageProblems) as caught:
        Arguments.parse({"seeds": given, "columns": columns})
    assert message.replace('"', "'") in str(caught.value).replace('"', "'")


def test_columns_and_sheets_are_of_tables(tmp_path: Path) -> None:
    given = write(tmp_path, "s.csv", f"image\n{LAMP}\n")
    assert "s.csv is not a workbook" in problems(given, sheet="1")
    for name in ("columns", "sheet"):
        with pytest.raises(UsageProblems, match=f"{name}: it is for tables, and seeds="):
            Arguments.parse({"seeds": LAMP, name: "image=x"})
    plain = write(tmp_path, "s.txt", f"# lamps\n{LAMP}\n")
    assert "no column is called 'Bild'" in problems(plain, "image=Bild")
    rows = write(tmp_path, "s.jsonl", f'{{"Bild": "{LAMP}", "Nr": 7}}\n{{"Bild": "{VASE}"}}\n')
    assert read(rows, "image=Bild,id=Nr")[0].seed_id == "7"
    assert "line 1: columns: no column is called 'Foto'" in problems(rows, "image=Foto")


# What is above a table, and around it


def test_a_header_below_titles(sheet: Worksheet, tmp_path: Path) -> None:
    sheet["A1"] = "Artikelliste"
    sheet.merge_cells("A1:D1")
    sheet["B3"] = "Stand: 25.11."
    for column, name in enumerate(["Nr", "image", "Preise", None], 1):
        sheet.cell(7, column, name)
    sheet.merge_cells("A7:A8")
    sheet.merge_cells("B7:B8")
    sheet.merge_cells("C7:D7")
    sheet["C8"], sheet["D8"] = "EUR", "USD"
    sheet.append(["7", LAMP, 1, 2])
    sheet.append(["8", VASE, 3, 4])
    given = save(sheet, tmp_path)
    assert images(read(given)) == [LAMP, VASE]
    assert "header in row 7" in origin(given)
    text = f"Artikelliste;;\n;;\nStand: 25.11.;;\nNr;image\n7;{LAMP}\n"
    for name in ("s.csv", "s.txt"):
        (lamp,) = read(write(tmp_path, name, text))
        assert (lamp.text, lamp.data) == (LAMP, {"Nr": "7"})
    assert "header in line 4" in origin(str(tmp_path / "s.csv"))


@pytest.mark.parametrize(("above", "is_found"), [(19, True), (20, False)])
def test_within_the_first_rows(
    above: int, is_found: bool, sheet: Worksheet, tmp_path: Path
) -> None:
    for number in range(above):
        sheet.append([f"title {number}"])
    sheet.append(["image"])
    sheet.append([LAMP])
    text = "".join(f"title {number}\n" for number in range(above)) + f"image\n{LAMP}\n"
    for given in (save(sheet, tmp_path), write(tmp_path, "s.csv", text)):
        if is_found:
            assert images(read(given)) == [LAMP]
        else:
            assert problems(given)


def test_merged_cells(sheet: Worksheet, tmp_path: Path) -> None:
    """Each row of an article has the picture of its merged cells."""
    sheet.append(["image", "id", "colour"])
    rows: list[list[Any]] = [[LAMP, "A", "red"], [None, "B", "blue"], [None, "C", "blue"]]
    for row in [*rows, [VASE, "D", None]]:
        sheet.append(row)
    sheet.merge_cells("A2:A4")
    sheet.merge_cells("C3:C5")
    seeds = read(save(sheet, tmp_path))
    assert [(seed.text, seed.seed_id, seed.data["colour"]) for seed in seeds] == [
        (LAMP, "A", "red"),
        (LAMP, "B", "blue"),
        (LAMP, "C", "blue"),
        (VASE, "D", "blue"),
    ]


def test_hidden_rows_are_reported(sheet: Worksheet, tmp_path: Path) -> None:
    for row in (["image"], [LAMP], [VASE]):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    seeds = Seeds.from_argument(save(sheet, tmp_path))
    assert len(seeds) == 2
    assert seeds.origin is not None
    assert "1 row of the sheet is hidden" in seeds.origin.remark


# What a cell shows, and what it has


def test_a_text_that_links_has_the_address(sheet: Worksheet, tmp_path: Path) -> None:
    sheet.append(["image"])
    cells = ["lamp", LAMP, "both", f'=HYPERLINK("{VASE}?a=1","lamp")', f'=IMAGE("{VASE}?a=2")', "x"]
    for cell in cells:
        sheet.append([cell])
    sheet["A2"].hyperlink = f"{LAMP}?a=1"
    sheet["A3"].hyperlink = "https://other.example/"
    sheet["A4"].hyperlink = f"{LAMP}?a=2&b=%20#c"
    sheet["A7"].hyperlink = "#Sheet!A1"
    said = problems(save(sheet, tmp_path))
    assert "row 7: 'x': it is not a URL" in said
    assert len(said.splitlines()) == 1
    sheet["A7"] = None
    assert images(read(str(save(sheet, tmp_path)))) == [
        f"{LAMP}?a=1",
        LAMP,
        f"{LAMP}?a=2&b=%20#c",
        f"{VASE}?a=1",
        f"{VASE}?a=2",
    ]
    text = f'Nr;image\n7;"=HYPERLINK(""{LAMP}"";""lamp"")"\n'
    assert images(read(write(tmp_path, "s.csv", text))) == [LAMP]


def test_formulas_that_cant_be_read(sheet: Worksheet, tmp_path: Path) -> None:
    sheet.append(["image", "id", "note"])
    sheet.append(['=HYPERLINK(B2&".jpg","lamp")', "a", "=1+1"])
    sheet.append([LAMP, "=A1", "x"])
    sheet.append([VASE, "b", "=2+2"])
    said = problems(save(sheet, tmp_path))
    assert "row 2: its column image is a formula that shows no address (=HYPERLINK(B2&" in said
    assert "row 3: its column id is a formula whose result the file does not have" in said
    assert len(said.splitlines()) == 2


def test_a_link_replaces_only_the_image(sheet: Worksheet, tmp_path: Path) -> None:
    """A link replaces a missing image; other missing results are still reported."""
    sheet.append(["image", "id"])
    sheet.append(['=B2&"!"', "=A1"])
    sheet["A2"].hyperlink = LAMP
    said = problems(save(sheet, tmp_path))
    assert "row 2: its column id is a formula whose result the file does not have" in said


def test_pictures_in_the_place_of_addresses(sheet: Worksheet, tmp_path: Path) -> None:
    Picture.new("RGB", (4, 4)).save(tmp_path / "p.png")
    sheet.append(["Nr", "image"])
    for number in (7, 8, 9):
        sheet.append([number, LAMP if number == 8 else None])
    sheet.append([10, "#VALUE!"])
    for cell in ("B2", "B3", "A4", "B9", "D11"):
        sheet.add_image(Image(str(tmp_path / "p.png")), cell)
    sheet["A9"], sheet["A11"] = " ", " "
    said = problems(save(sheet, tmp_path)).splitlines()
    assert len(said) == 4, "next to an address a picture is welcome, and elsewhere it is a logo"
    for row in (2, 4, 9):
        assert any(f"row {row}: it holds a picture, not its address" in line for line in said)
    assert "row 5: its column image shows #VALUE!: a picture in the cell, or a formula" in said[2]


def test_a_workbook_by_another_writer(tmp_path: Path) -> None:
    """It stores texts, results of formulas and pictures differently from openpyxl."""
    Picture.new("RGB", (4, 4)).save(tmp_path / "p.png")
    path = tmp_path / "w.xlsx"
    with xlsxwriter.Workbook(path) as book:
        old = book.add_worksheet("old")
        old.hide()
        sheet = book.add_worksheet("now")
        sheet.activate()
        sheet.set_first_sheet()
        euro = book.add_format({"num_format": '_-* #,##0.00 "€"_-;-* #,##0.00 "€"_-'})
        sheet.merge_range("A1:C1", "Spring")
        for column, name in enumerate(("Foto", "Nr", "Ziel")):
            sheet.write(2, column, name)
        sheet.merge_range("A4:A5", "")
        sheet.write_url("A4", f"{LAMP}?a=1", string="lamp")
        sheet.write("B4", "A")
        sheet.write("B5", "B")
        sheet.write_number("C4", 12.5, euro)
        sheet.write_formula("A6", f'=HYPERLINK("{VASE}","vase")')
        sheet.write("B6", "C")
        sheet.write("B7", "D")
        sheet.insert_image("A7", str(tmp_path / "p.png"))
        sheet.write_formula("A8", '=_xlfn.DISPIMG("ID_7",1)')
    named = "image=foto,id=nr,target_price=ziel"
    said = problems(str(path), named)
    for row in (7, 8):
        assert f"row {row}: it holds a picture, not its address" in said
    assert len(said.splitlines()) == 2
    with zipfile.ZipFile(path) as old_file:
        parts = {name: old_file.read(name) for name in old_file.namelist()}
    name = "xl/worksheets/sheet2.xml"
    parts[name] = re.sub(rb'<row r="[78]".*?</row>', b"", parts[name])
    with zipfile.ZipFile(path, "w") as new:
        for part, content in parts.items():
            new.writestr(part, content)
    assert "row 7: it holds a picture" in problems(str(path), named), "a row without any cell"
    del parts["xl/drawings/drawing1.xml"]
    with zipfile.ZipFile(path, "w") as new:
        for part, content in parts.items():
            new.writestr(part, content)
    seeds = read(str(path), named)
    assert [(seed.text, seed.seed_id) for seed in seeds] == [
        (f"{LAMP}?a=1", "A"),
        (f"{LAMP}?a=1", "B"),
        (VASE, "C"),
    ]
    assert seeds[0].data == {"target_price": 12.5, "target_price_cny": "97.50"}


def test_a_sheet_of_another_prefix(sheet: Worksheet, tmp_path: Path) -> None:
    """Other programs than Excel name the parts of a sheet differently."""
    for row in (["image"], ["lamp"], ["=1+1"]):
        sheet.append(row)
    sheet["A2"].hyperlink = LAMP
    sheet.merge_cells("B2:B3")
    given = save(sheet, tmp_path)
    with zipfile.ZipFile(given) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    name = "xl/worksheets/sheet1.xml"
    root = parts[name].replace(b"<", b"<x:").replace(b"<x:/", b"</x:").replace(b"<x:?", b"<?")
    parts[name] = root.replace(b"xmlns=", b"xmlns:x=").replace(b' r:id="', b' r:id="')
    with zipfile.ZipFile(given, "w") as new:
        for part, content in parts.items():
            new.writestr(part, content)
    said = problems(given)
    assert "row 3: its column image is a formula" in said
    assert len(said.splitlines()) == 1


# Files that are not tables


def packed(folder: Path, name: str, *parts: tuple[str, str]) -> str:
    with zipfile.ZipFile(folder / name, "w") as file:
        for part, content in parts:
            file.writestr(part, content)
    return str(folder / name)


def test_other_files(tmp_path: Path) -> None:
    ods = ("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    types = ("[Content_Types].xml", "")
    for given, words in (
        (packed(tmp_path, "a.ods", ods), "an OpenDocument file (.ods). Save the table as .xlsx"),
        (packed(tmp_path, "a.xlsb", types, ("xl/workbook.bin", "")), "a binary workbook (.xlsb)"),
        (packed(tmp_path, "a.numbers", ("Index/Document.iwa", "")), "a file of Apple Numbers"),
        (packed(tmp_path, "a.docx", types, ("word/document.xml", "")), "a text document (.docx)"),
        (packed(tmp_path, "a.zip", ("a.jpg", "")), "a zip archive, not a workbook"),
        (write(tmp_path, "a.xls", b"\xd0\xcf\x11\xe0 and so on"), "an old or encrypted Excel"),
        (write(tmp_path, "b.xls", "<html><table><tr><td>image"), "a web page or XML"),
        (write(tmp_path, "c.xls", '<?xml version="1.0"?><Workbook/>'), "a web page or XML"),
    ):
        assert words in problems(given)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.jpg", "b.PNG", "c.txt"):
        write(folder, name, "x")
    assert "it is a folder with 2 pictures in it. The API wants URLs" in problems(str(folder))
    pattern = problems(str(folder / "*.jpg"))
    assert "no such file; it looks like a pattern, and one file is wanted" in pattern


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\r\n\x1a"])
@pytest.mark.parametrize("first", ["UTF-8\n", "\ufeffutf8\r\n", ""])
def test_marks_of_encoding(first: str, end: str, tmp_path: Path) -> None:
    for name, text in (
        ("s.csv", f"Nr;image\n7;{LAMP}"),
        ("s.txt", LAMP),
        ("s.jsonl", f'{{"image": "{LAMP}"}}'),
    ):
        assert images(read(write(tmp_path, name, first + text + end))) == [LAMP]


# Pages, and targets


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://detail.1688.com/offer/908305897124.html", "offer"),
        ("https://m.1688.com/offer/908305897124.html?spm=a", "offer"),
        ("https://item.taobao.com/item.htm?id=7", "offer"),
        ("https://detail.tmall.com/item.htm?id=7", "offer"),
        ("https://www.alibaba.com/product-detail/Lamp_7.html", "offer"),
        ("https://drive.google.com/file/d/abc/view?usp=sharing", "drive"),
        ("https://drive.google.com/open?id=abc", "drive"),
        ("https://drive.google.com/uc?export=download&id=abc", ""),
        ("https://photos.app.goo.gl/abc", "drive"),
        ("https://www.dropbox.com/s/x/lamp.jpg?dl=0", "dropbox"),
        ("https://www.dropbox.com/scl/fi/x/lamp.jpg?rlkey=a&dl=0", "dropbox"),
        ("https://www.dropbox.com/s/x/lamp.jpg?raw=1", ""),
        ("https://dl.dropboxusercontent.com/s/x/lamp.jpg", ""),
        ("https://1drv.ms/i/s!abc", "onedrive"),
        ("https://onedrive.live.com/?id=7", "onedrive"),
        ("https://a-my.sharepoint.com/:i:/g/personal/x/lamp?e=7", "onedrive"),
        ("https://a-my.sharepoint.com/personal/x/lamp.jpg?download=1", ""),
        ("https://www.pinterest.de/pin/7/", "share"),
        ("https://i.pinimg.com/originals/a.jpg", ""),
        ("https://i.imgur.com/abc", ""),
        ("https://shop.example/products/lamp", "shop"),
        ("https://shop.example/lamp.html", "shop"),
        ("https://www.amazon.de/Lamp/dp/B00X", "shop"),
        ("https://shop.example/", "home"),
        ("https://shop.example", "home"),
        ("https://shop.example/?image=7", ""),
        ("https://cdn.shop.example/s/files/products/lamp.jpg?v=1", ""),
        ("https://shop.example/image.php?id=7", ""),
        ("https://shop.example/media/7", ""),
        ("https://cbu01.alicdn.com/img/ibank/O1CN01abc.jpg_400x400.jpg", ""),
        ("https://cbu01.alicdn.com/img/ibank/O1CN01abc.jpg_.webp", ""),
        ("https://cbu01.alicdn.com/img/ibank/O1CN01abc", ""),
        ("/search/imgextra5/1.jpg", ""),
        ("https://[::1", ""),
    ],
)
def test_links_to_pages(url: str, kind: str) -> None:
    assert kind_of_page(url) == kind


def test_rows_of_pages_are_listed() -> None:
    links = PageLinks()
    for number in (2, 3, 4, 9):
        links.add("https://shop.example/products/lamp", number)
    (line,) = links.lines("row")
    assert line.startswith("rows 2-4, 9: 4 pages of shops, not pictures: open the page, right-")
    for number in range(10, 1000):
        links.add("https://shop.example/products/lamp", number)
    assert links.lines("line")[0].startswith("lines 2-4, 9-205 and 794 more: 994 pages of shops")


@pytest.mark.parametrize(
    ("given", "cny"),
    [
        ("12,50 €", "97.50"),
        ("€ 12.50", "97.50"),
        ("12.50 EUR", "97.50"),
        ("eur 1.250,00", "9750.00"),
        ("$3.20", "22.72"),
        ("US$ 3,20", "22.72"),
        ("1,000.5 usd", "7103.55"),
        ("¥12.50", None),
        ("12,50", None),
        ("12.5 RMB", None),
        (12.5, None),
        ("", None),
        (None, None),
        ("-", None),
        ("n/a", None),
    ],
)
def test_targets_in_other_currencies(given: object, cny: str | None) -> None:
    assert foreign_target({"Target_Price": given}, RATES) == cny


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("12 £", "is in GBP, and prices here are in CNY; give the rate (-s TMAPI_RATES=GBP"),
        ("ask", "'ask' is not a price; accepted: 14.50, 14,50, 12,50 €, $3.20"),
        ("1,234", "may be 1234 or 1.234; write it without thousands separators"),
        ("1.234 €", "may be 1234 or 1.234"),
        ("12 kr", "is not a price"),
        ("12 pcs", "is not a price"),
        ("12 CHF", "is in CHF, and prices here are in CNY"),
        ("$12 €", "is not a price"),
        ("12-14", "is not a price"),
        ("-3", "is not a price"),
        (-3, "is not a price"),
        (True, "is not a price"),
        ("1" * 100, "is not a price"),
        ("9" * 6000, "is not a price"),
    ],
)
def test_targets_that_cant_be_read(given: object, message: str) -> None:
    with pytest.raises(ValueError, match="target_price") as caught:
        foreign_target({"target_price": given}, RATES)
    assert message in str(caught.value)
    if "prices here are" not in message:
        with pytest.raises(ValueError, match="target_price"):
            target_of({"target_price": given})


def test_a_target_by_the_format_of_its_cell(sheet: Worksheet, tmp_path: Path) -> None:
    formats = [
        '#,##0.00\\ "€"',
        "[$$-409]#,##0.00",
        "[$€-407] 0.00",
        "$0.00",
        "[$¥-804]0.00",
        "0.00",
    ]
    sheet.append(["image", "id", "target_price"])
    for number, shown in enumerate(formats):
        sheet.append([LAMP, f"A{number}", 10])
        sheet.cell(number + 2, 3).number_format = shown
    seeds = read(save(sheet, tmp_path))
    assert [seed.data.get("target_price_cny") for seed in seeds] == [
        *("78.00", "71.00", "78.00", "71.00"),
        *(None, None),
    ]
    assert {seed.data["target_price"] for seed in seeds} == {10}
    assert [target_of(seed.data) for seed in seeds] == [
        "78.00",
        "71.00",
        "78.00",
        "71.00",
        "10",
        "10",
    ]
    sheet["C7"].number_format = '0.00 "pcs"'
    sheet["C4"].number_format = '0.00 "EUR"'
    sheet["C5"], sheet["C6"] = None, None
    sheet.merge_cells("C4:C6")
    seeds = read(save(sheet, tmp_path))
    assert [target_of(seed.data) for seed in seeds] == ["78.00", "71.00", *["78.00"] * 3, "10"]
    sheet["C2"].number_format = "[$kr-41D] 0.00"
    sheet["C3"].number_format = "[$¥-411]0"
    said = problems(save(sheet, tmp_path))
    assert "row 2: target_price: its format shows 'kr', which may be several currencies" in said
    assert "row 3: target_price '10' is in JPY" in said


def test_wrong_targets_are_reported_before_the_crawl(tmp_path: Path) -> None:
    given = write(tmp_path, "s.csv", f"image;id;target_price\n{LAMP};A;ask\n{LAMP};B;12,50 £\n")
    said = problems(given)
    assert "line 2: target_price 'ask' is not a price" in said
    assert "line 3: target_price '12,50 £' is in GBP" in said
    Arguments.parse({"seeds": given})  # without rates, target prices are ignored
