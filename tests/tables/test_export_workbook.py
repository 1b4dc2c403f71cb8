"""`scrapy tmapi export -o FILE.xlsx`, as openpyxl and LibreOffice read it."""

from __future__ import annotations

import csv
import shutil
import subprocess
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from tests.tables.export_jobs import HOSTILE, Exporter, outcome, product, read_sheet, sighting
from tmapi_spiders.jobs.job_files import JobFiles
from tmapi_spiders.tables import workbook
from tmapi_spiders.tables.job_tables import find_tables
from tmapi_spiders.tables.notes import Notes

if TYPE_CHECKING:
    from pathlib import Path


def cells_of(path: Path, sheet: str = "Products", row: int = 2) -> dict[str, Any]:
    """Return the cells of a row by their headers."""
    found = openpyxl.load_workbook(path)[sheet]
    return {str(head.value): cell for head, cell in zip(found[1], found[row], strict=True)}


def test_each_value_is_of_its_type(export: Exporter) -> None:
    export.write(
        product(
            moq=2,
            free_shipping=True,
            composite_score=4.5,
            item_repurchase_rate=0.11,
            category_path=["1", "2"],
            filters={"is_factory": True},
            seed_data={
                "sku": "00123",
                "price": "4,90",
                "cost": 4.9,
                "live": False,
                "ean": 10**12 - 1,
            },
        )
    )
    done = export("a.xlsx")
    cells = cells_of(done.path)
    shown = {name: (cell.data_type, cell.value) for name, cell in cells.items()}
    assert shown["item_id"] == ("s", "908305897124")
    assert shown["seed_id"] == ("s", "AB 12/4")
    assert shown["price"] == ("n", 60)
    assert shown["moq"] == ("n", 2)
    assert shown["composite_score"] == ("n", 4.5)
    assert shown["free_shipping"] == ("b", True)
    assert shown["category_path"] == ("s", "1; 2")
    assert shown["filters"] == ("s", "is_factory")
    assert shown["fetched_at"] == ("d", datetime(2026, 11, 25, 21, 19, 49, 118000))  # noqa: DTZ001
    assert shown["seed_data_sku"] == ("s", "00123")
    assert shown["seed_data_price"] == ("s", "4,90")
    assert shown["seed_data_cost"] == ("n", 4.9)
    assert shown["seed_data_live"] == ("b", False)
    assert shown["seed_data_ean"] == ("s", "999999999999"), "Excel would show 1E+12"
    assert shown["origin_price"] == ("n", None)
    assert cells["price"].number_format.startswith("0.00")
    assert cells["item_repurchase_rate"].number_format == "0.0%"
    assert cells["fetched_at"].number_format.endswith('"UTC"')


def test_prices_that_excel_would_round_are_text(export: Exporter) -> None:
    export.write(product(price="1234567890.123456", sale_price="0.1000000000000001"))
    cells = cells_of(export("a.xlsx").path)
    assert cells["price"].value == "1234567890.123456"
    assert cells["sale_price"].value == "0.1000000000000001"


def test_nothing_is_a_formula(export: Exporter) -> None:
    export.write(
        product(title="=1+1", title_origin="+1", company_name="@SUM(A1)", seed_data=HOSTILE)
    )
    done = export("a.xlsx")
    assert done.status == 0
    for sheet in openpyxl.load_workbook(done.path):
        for row in sheet.iter_rows():
            assert {cell.data_type for cell in row} <= {"s", "n", "b", "d"}, sheet.title
    cells = cells_of(done.path)
    assert (cells["title"].data_type, cells["title"].value) == ("s", "=1+1")
    for name in ("formula", "plus", "minus", "at", "wide", "zeros", "emoji", "lines"):
        cell = cells[f"seed_data_{name}"]
        assert (cell.data_type, cell.value) == ("s", HOSTILE[name])
    assert cells["seed_data_nul"].value == "a�b�"
    assert cells["seed_data_markup"].value == "<r><t>x</t></r> "
    assert cells["seed_data_long"].value == "x" * (32_767 - 7) + " […cut]"
    assert "1 text over Excel's 32,767 characters: cut, and marked" in done.told
    assert "1 text with characters that XLSX can't hold, replaced by �" in done.told


def test_a_long_text_of_emoji_is_cut_where_excel_counts(export: Exporter) -> None:
    export.write(product(title="a" + "👍" * 17_000))
    (row,) = read_sheet(export("a.xlsx").path)
    assert row["title"].endswith("👍 […cut]")
    assert 32_760 < len(row["title"].encode("utf-16-le")) // 2 <= 32_767


def test_what_a_sheet_looks_like(export: Exporter) -> None:
    export.write(
        product(title="A lamp of some length", title_origin="台灯" * 100, seed_data={"sku": "1"}),
        outcomes=(outcome(),),
        sightings=(sighting(),),
    )
    done = export("a.xlsx")
    assert done.told == f"j: {done.path}: products 1 row, outcomes 1 row, sightings 1 row\n"
    book = openpyxl.load_workbook(done.path)
    assert book.sheetnames == ["Products", "Outcomes", "Sightings", "Job"]
    for name in book.sheetnames[:-1]:
        sheet = book[name]
        assert sheet.freeze_panes == "A2"
        assert sheet.auto_filter.ref == sheet.dimensions
        assert all(cell.font.bold for cell in sheet[1])
        assert [cell.value for cell in sheet[1]][:2] == ["seed_id", "seed_data_sku"]
    sheet = book["Products"]
    widths = {
        cell.value: sheet.column_dimensions[get_column_letter(number)].width
        for number, cell in enumerate(sheet[1], 1)
    }
    assert 21 <= widths["title"] <= 25
    assert widths["title_origin"] == pytest.approx(48, abs=1), "no wider, whatever is in it"
    assert widths["page"] < 10


def test_links_of_the_web_can_be_clicked(export: Exporter) -> None:
    long = "https://a.b/" + "x" * 2_100
    export.write(
        product(1, seed_img_url="//img.alicdn.com/a b.jpg"),
        product(2, product_url="javascript:alert(1)", img=long, seed_img_url="/search/a.jpg"),
        product(3, product_url="https://a.b/?q=灯#x", img="//img.alicdn.com/a.jpg"),
    )
    path = export("a.xlsx").path
    first, second, third = (cells_of(path, row=row) for row in (2, 3, 4))
    assert first["product_url"].hyperlink.target == first["product_url"].value
    assert first["img"].hyperlink.target == "https://cbu01.alicdn.com/1.jpg"
    for name, text in (("product_url", "javascript:alert(1)"), ("img", long)):
        assert (second[name].hyperlink, second[name].value) == (None, text)
    assert second["seed_img_url"].hyperlink is None
    assert first["seed_img_url"].hyperlink is None, "it is no URL"
    assert third["product_url"].value == "https://a.b/?q=灯#x"
    assert third["product_url"].hyperlink.target == "https://a.b/?q=%E7%81%AF"
    assert third["img"].value == "//img.alicdn.com/a.jpg"
    assert third["img"].hyperlink.target == "https://img.alicdn.com/a.jpg"


def write_small(export: Exporter, path: Path, **limits: int) -> list[str]:
    """Write a workbook of the products with narrow limits; return the notes."""
    files = JobFiles.open("j", export.output)
    (table,) = find_tables(files, ["products"])
    notes = Notes()
    xlsxwriter = import_module("xlsxwriter")
    with path.open("wb") as file:
        book = workbook.Workbook(xlsxwriter, file, str(path.parent), notes, **limits)
        book.add_table(table, files.rows(table.file))
        book.close()
    return notes.lines


def test_rows_go_on_in_a_second_sheet(export: Exporter, tmp_path: Path) -> None:
    export.write(*[product(number) for number in range(1, 6)])
    notes = write_small(export, tmp_path / "a.xlsx", most_rows=2)
    (note,) = notes
    assert "limit is 3 rows per sheet, so there are 3: Products, Products 2, Products 3." in note
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    assert book.sheetnames == ["Products", "Products 2", "Products 3"]
    ids = [
        row["item_id"] for name in book.sheetnames for row in read_sheet(tmp_path / "a.xlsx", name)
    ]
    assert ids == ["1", "2", "3", "4", "5"]
    assert book["Products 3"].freeze_panes == "A2"


@pytest.mark.parametrize(
    ("room", "linked", "notes"),
    [
        (15, {"product_url": 5, "img": 5, "seed_img_url": 5}, []),
        (14, {"product_url": 5, "img": 5}, ["seed_img_url are plain text"]),
        (9, {"product_url": 5}, ["img and seed_img_url are plain text"]),
        (3, {"product_url": 3}, ["img and seed_img_url are", "product_url is plain text below"]),
    ],
)
def test_excel_has_room_for_so_many_links(
    export: Exporter, tmp_path: Path, room: int, linked: dict[str, int], notes: list[str]
) -> None:
    export.write(*[product(number) for number in range(1, 6)])
    told = write_small(export, tmp_path / "a.xlsx", most_links=room)
    assert len(told) == len(notes)
    assert all(note in line for note, line in zip(notes, told, strict=True))
    found: dict[str, int] = {}
    for row in range(2, 7):
        for name, cell in cells_of(tmp_path / "a.xlsx", row=row).items():
            assert cell.value is None or cell.data_type in "snd"
            if cell.hyperlink:
                found[name] = found.get(name, 0) + 1
    assert found == linked


def test_a_single_sheet(export: Exporter) -> None:
    export.write(product(), sightings=(sighting(), sighting(rank=2)))
    done = export("a.XLSX", table="sightings")
    assert done.told == f"j: {done.path}: sightings 2 rows\n"
    assert openpyxl.load_workbook(done.path).sheetnames == ["Sightings", "Job"]


def test_the_job_sheet_has_facts_and_warnings(export: Exporter) -> None:
    export.write(
        product(title="x\0"),
        source="sandbox",
        made_up=True,
        stop_reason="budget",
        queries={"all": 2, "complete": 1, "not_started": 1},
        calls=0,
    )
    sheet = openpyxl.load_workbook(export("a.xlsx").path)["Job"]
    rows = [(name, value) for name, value in sheet.iter_rows(values_only=True)]
    warnings = [value for name, value in rows if name == "Warning"]
    assert "stopped early (budget)" in str(warnings)
    assert "made up" in str(warnings)
    assert ("Queries", "2: 1 complete, 1 not started") in rows
    assert ("Calls", "0") in rows
    assert ("Source", "sandbox") in rows
    assert ("Products", "1 row") in rows
    assert ("Note", "1 text with characters that XLSX can't hold, replaced by �") in rows
    assert sheet.sheet_properties.tabColor is not None


def test_more_columns_than_a_sheet_has(export: Exporter) -> None:
    export.write(product(seed_data={f"c{number}": 1 for number in range(17_000)}))
    done = export("a.xlsx")
    assert done.status == 2
    assert "the products have 17,0" in done.complained
    assert "Write .csv or .parquet." in done.complained
    assert not done.path.exists()
    assert export("a.csv").status == 0


SOFFICE = shutil.which("soffice")


@pytest.mark.skipif(SOFFICE is None, reason="needs LibreOffice (soffice) on the PATH")
def test_libreoffice_reads_it(export: Exporter, tmp_path: Path) -> None:
    assert SOFFICE
    data = {name: value for name, value in HOSTILE.items() if name != "long"}
    export.write(product(title="=1+1", free_shipping=True, seed_data=data), product(2, price=None))
    path = export("a.xlsx").path
    profile = (tmp_path / "profile").as_uri()
    subprocess.run(
        [SOFFICE, f"-env:UserInstallation={profile}", "--headless", "--convert-to"]
        + ["csv:Text - txt - csv (StarCalc):44,34,76", "--outdir", str(tmp_path / "out"), path],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with (tmp_path / "out" / "a.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert first["title"] == "=1+1"
    assert first["seed_data_formula"] == HOSTILE["formula"]
    assert first["seed_data_escape"] == "_x0041_"
    assert first["seed_data_zeros"] == "00123"
    assert first["seed_data_emoji"] == HOSTILE["emoji"]
    assert first["item_id"] == "908305897124"
    assert first["price"] == "60.00"
    assert first["free_shipping"] == "TRUE"
    assert first["fetched_at"] == "2026-11-25 21:19:49 UTC"
    assert (second["item_id"], second["price"]) == ("2", "")
