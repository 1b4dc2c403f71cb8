"""Tables of seeds: what is read from them, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.seed import Seed
from tmapi_spiders.inputs.seeds import Seeds, StreamedSeeds

if TYPE_CHECKING:
    from pathlib import Path

LAMP = "https://cbu01.alicdn.com/lamp.jpg"
VASE = "//img.alicdn.com/vase.jpg"
OFFER = "/search/imgextra5/1589508648580602236.jpg"


def write(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def book(folder: Path, *rows: list[Any], above: int = 0) -> str:
    """Write an XLSX file with a hidden sheet of notes before the sheet of rows."""
    workbook = Workbook()
    assert workbook.active is not None
    workbook.active.append(["image", "of somebody"])
    workbook.active.sheet_state = "hidden"
    sheet = workbook.create_sheet("Articles")
    workbook.active = sheet
    for _ in range(above):
        sheet.append([])
    for row in rows:
        sheet.append(row)
    path = folder / "seeds.xlsx"
    workbook.save(path)
    return str(path)


def read(given: str) -> list[Seed]:
    seeds = list(Seeds.from_argument(given))
    assert list(StreamedSeeds.from_argument(given)) == seeds
    return seeds


def read_once(given: str) -> list[Seed]:
    return list(Seeds.from_argument(given))


def problems(given: str) -> str:
    with pytest.raises(UsageProblems) as caught:
        Seeds.from_argument(given)
    with pytest.raises(UsageProblems) as again:
        StreamedSeeds.from_argument(given)
    assert again.value.problems == caught.value.problems
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_columns_are_passed_through_unchanged(
    tmp_path: Path, delimiter: str, bom: str, end: str
) -> None:
    lines = [
        ["SKU", "Image", "ID", "price", " Größe "],
        ["00123", LAMP, "AB 12/4", '"9,90 ; \t| € ""net"""', " 5 "],
        ["=1+1", f" {VASE} ", "", f'"two{end}lines"', ""],
        ["", "", "", "", ""],
    ]
    text = bom + end.join(delimiter.join(cells) for cells in lines) + end
    lamp, vase = read(write(tmp_path, "seeds.csv", text))
    assert (lamp.text, lamp.seed_id) == (LAMP, "AB 12/4")
    assert lamp.data == {"SKU": "00123", "price": '9,90 ; \t| € "net"', "Größe": " 5 "}
    assert (vase.text, vase.seed_id) == (VASE, Seed.parse(VASE).seed_id)
    assert vase.data == {"SKU": "=1+1", "price": f"two{end}lines", "Größe": ""}


def test_what_excel_writes_above_a_table(tmp_path: Path) -> None:
    (lamp,) = read(write(tmp_path, "seeds.txt", f"sep=;\r\nsku;url\r\n7,5;{LAMP}\r\n"))
    assert (lamp.text, lamp.data) == (LAMP, {"sku": "7,5"})


def test_the_image_is_in_the_first_column_that_may_have_it(tmp_path: Path) -> None:
    (lamp,) = read(write(tmp_path, "s.csv", f"url,image\nhttps://shop.example/7,{LAMP}\n"))
    assert (lamp.text, lamp.data) == (LAMP, {"url": "https://shop.example/7"})


def test_a_list_may_be_called_csv(tmp_path: Path) -> None:
    assert [seed.text for seed in read(write(tmp_path, "s.csv", f"{LAMP}\n{VASE}\n"))] == [
        LAMP,
        VASE,
    ]


def test_a_list_with_a_comment_is_not_a_table(tmp_path: Path) -> None:
    odd = f"{LAMP};image"
    given = write(tmp_path, "s.txt", f"# id, image, url\n{LAMP}\n{odd}\n")
    assert [seed.text for seed in read(given)] == [LAMP, odd]
    assert [seed.text for seed in read(write(tmp_path, "t.txt", f"{odd}\n{LAMP}\n"))] == [odd, LAMP]
    (numbered,) = read(write(tmp_path, "s.csv", f"#;image\n1;{LAMP}\n"))
    assert numbered.data == {"#": "1"}


def test_a_workbook(tmp_path: Path) -> None:
    day, when = dt.datetime(2026, 11, 25), dt.datetime(2026, 11, 25, 8, 30)  # noqa: DTZ001
    given = book(
        tmp_path,
        ["img_url", "id", "ean", "price", "stock", "since", "seen", "sold", None],
        [LAMP, 908305897124, "0012", 9.5, 12, day, when, True],
        [None, None],
        [VASE, None, None, None, None, None, None, None, "a note"],
        above=2,
    )
    lamp, vase = read(given)
    assert lamp.seed_id == "908305897124"
    assert lamp.data == {
        "ean": "0012",
        "price": 9.5,
        "stock": 12,
        "since": "2026-11-25",
        "seen": "2026-11-25T08:30:00",
        "sold": True,
    }
    assert vase.data.pop("column_9") == "a note"  # type: ignore[attr-defined]
    assert set(vase.data.values()) == {None}


def test_json_lines(tmp_path: Path) -> None:
    rows = [
        {"image": LAMP, "id": 7, "sku": {"a": [1, None]}, "n": 12345678901234567890123},
        {"url": VASE, "search_language": ["en", "ru"], "search_max_pages": 2, "é": "\ud800"},
    ]
    lamp, vase = read(write(tmp_path, "s.jsonl", "\n\n".join(map(json.dumps, rows))))
    assert lamp.seed_id == "7"
    assert lamp.data == {"sku": {"a": [1, None]}, "n": 12345678901234567890123}
    assert vase.data == {"é": "\ud800"}
    assert (vase.overrides.language, vase.overrides.max_pages) == (("en", "ru"), 2)


def test_a_row_overrides_arguments(tmp_path: Path) -> None:
    given = write(
        tmp_path,
        "s.csv",
        "image,search_language,search_sort,search_price,search_filters,search_max_pages\n"
        f'{LAMP},"en,ru",sales,"0-10,10-",is_factory+free_shipping,2\n'
        f"{VASE},,,none,,0\n"
        f"{OFFER},,,,,\n",
    )
    arguments, queries = Arguments.parse(
        {"seeds": given, "sort": "default,sales", "price": "5-", "max_pages": "3"}
    )
    assert len(queries) == len(list(queries)) == 4 + 2 + 2
    by_seed = {
        text: [query for query in queries if query.seed.text == text]
        for text in (LAMP, VASE, OFFER)
    }
    assert {(q.language, q.sort, q.price.key, q.filters) for q in by_seed[LAMP]} == {
        (language, "sales", price, ("is_factory", "free_shipping"))
        for language in ("en", "ru")
        for price in ("0-10", "10-")
    }
    assert {(q.sort, q.price.key) for q in by_seed[VASE]} == {("default", "-"), ("sales", "-")}
    assert {(q.sort, q.price.key) for q in by_seed[OFFER]} == {("default", "5-"), ("sales", "5-")}
    most = [
        by_seed[text][0].seed.overrides.most_pages(arguments.max_pages)
        for text in (LAMP, VASE, OFFER)
    ]
    assert (most, queries.most_pages) == ([2, 0, 3], 0)
    assert queries.describe() == "3 seeds × 2 sorts, 2 of the seeds with arguments of their own"


def test_all_wrong_rows_are_listed(tmp_path: Path) -> None:
    given = write(
        tmp_path,
        "s.csv",
        "image;id;search_sort;search_max_pages;sku\n"  # 1
        f"{LAMP};A;;;7\n"
        "lamp.jpg;B;upwards;many;8\n"  # 3
        '\n"a\nb";C;;;\n'  # 5
        ";D;;;\n"  # 7
        f"{VASE};E;;;;7\n"
        f"{VASE};A;;;7\n"
        f"{OFFER};{'x' * 201};;;\n",
    )
    log = problems(given)
    for message in (
        "line 3: 'lamp.jpg': it is not a URL",
        "search_sort=upwards: 'upwards' is not known; accepted: default, sales",
        "search_max_pages=many: accepted: a whole number from 0 up",
        "line 5: 'a\\nb': it contains white space",
        "line 7: its column image is empty",
        "line 8: it has 6 cells, and the header 5",
        "line 9: its id 'A' is that of line 2, which says something else",
        "line 10: id: accepted: up to 200 characters",
    ):
        assert message in log
    assert len(log.splitlines()) == 6


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.csv", f"{LAMP};7\n", "line 1: no column has the image (it has"),
        ("s.csv", "image,Image\n", "line 1: the column 'image' appears twice"),
        ("s.csv", "image,sku,sku\n", "the column 'sku' appears twice"),
        ("s.csv", "image,search_langage\n", 'Did you mean "search_language"?'),
        ("s.csv", "image,sku\n", "it holds no image"),
        ("s.csv", f'image,sku\n{LAMP},"7\n{VASE},8\n', "line 2: it can't be read as CSV"),
        ("s.csv", f"image,sku\r{LAMP},7\r", "line ends of an old Mac"),
        ("s.csv", f"image,sku\n{LAMP},Grö".encode("latin-1"), "line 2: it is not UTF-8. Save it"),
        ("s.csv", f"image;sku\n{LAMP};7".encode("utf-16"), "“CSV UTF-8 (Comma delimited)”"),
        ("s.csv", f"image,sku\n{LAMP},7\n{LAMP},8\n", "line 3: its image is that of line 2"),
        ("s.jsonl", '{"image": ', "line 1: it is not JSON"),
        ("s.jsonl", f'{{"image": "{LAMP}", "n": NaN}}', "NaN is not JSON"),
        ("s.jsonl", f'"{LAMP}"', "line 1: it is not a JSON object"),
        ("s.jsonl", '{"sku": 7}', "line 1: no column has the image (it has 'sku')"),
        ("s.jsonl", '{"a":' * 100_000, "line 1: it is nested too deep"),
        ("s.jsonl", f'{{"image": "{LAMP}", "n": 1e999}}', "1e999 is too large a number"),
        ("s.jsonl", f'{{"image": "{LAMP}", "a": 1, "a": 2}}', "a key appears twice"),
        ("s.jsonl", f'{{"image": "{LAMP}", "id": {{"a": 1}}}}', "id is neither text nor a number"),
        ("s.jsonl", f'{{"image": "{LAMP}", "search_price": -10}}', "is the number -10"),
        ("s.csv", f"image\n{LAMP};{LAMP}\n", "it looks like two images"),
        (
            "s.csv",
            f"image,id\n{LAMP},\n{VASE},{Seed.parse(LAMP).seed_id}\n",
            "is what another image has without one",
        ),
        (
            "s.csv",
            f"image,id\n{VASE},{Seed.parse(LAMP).seed_id}\n{LAMP},\n",
            "is what another image has without one",
        ),
        ("s.json", f'[{{"image": "{LAMP}"}}]', "one object per line"),
        ("s.xlsx", b"PK\x03\x04 and no more", "it can't be read as XLSX"),
        ("s.xls", b"\xd0\xcf\x11\xe0 and so on", "Save it as .xlsx"),
    ],
)
def test_what_is_not_a_table_of_seeds(
    name: str, content: str | bytes, message: str, tmp_path: Path
) -> None:
    assert message in problems(write(tmp_path, name, content))


def test_what_spreadsheet_programs_do_to_a_table(tmp_path: Path) -> None:
    rows = ["BMW-Nr;image;note;search_price", f"7;{LAMP}", f"8;{VASE};;10-;;", f"9;{OFFER};x"]
    seeds = read(write(tmp_path, "s.csv", "\n".join(rows)))
    assert [seed.data["BMW-Nr"] for seed in seeds] == ["7", "8", "9"]
    assert [seed.data["note"] for seed in seeds] == ["", "", "x"]
    tabs = read(write(tmp_path, "t.csv", f'sep=\t\n"the\nSKU"\timage\n7\t{LAMP}\n'))
    assert [seed.data for seed in tabs] == [{"the\nSKU": "7"}]
    quoted = read(write(tmp_path, "q.csv", f'"the\nSKU";image\n7;{LAMP}\n'))
    assert [seed.data for seed in quoted] == [{"the\nSKU": "7"}]
    listed = read(write(tmp_path, "l.csv", f"# lamps, spring\n{LAMP}\n"))
    assert [seed.text for seed in listed] == [LAMP]
    unnamed = read(write(tmp_path, "u.csv", f"image,column_3,\n{LAMP},a,b\n"))
    assert [seed.data for seed in unnamed] == [{"column_3": "a", "column_3_": "b"}]


def test_a_workbook_with_a_wrong_size(tmp_path: Path) -> None:
    given = book(tmp_path, ["image", "id", "sku"], *([LAMP, f"A{n}", n] for n in range(5)))
    with zipfile.ZipFile(given) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(given, "w") as new:
        for name, content in parts.items():
            new.writestr(
                name, re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:B2"', content)
            )
    assert [(seed.seed_id, seed.data["sku"]) for seed in read(given)] == [
        (f"A{n}", n) for n in range(5)
    ]


def test_the_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    rows = [{"image": LAMP, "a": 1, "b": 2}, {"b": 2, "a": 1, "image": LAMP}]
    assert len(read_once(write(tmp_path, "s.jsonl", "\n".join(map(json.dumps, rows))))) == 1


def test_equal_price_ranges_are_sent_alike(tmp_path: Path) -> None:
    given = write(
        tmp_path, "s.csv", f"image,id,search_price\n{LAMP},A,10-50\n{LAMP},B,10.0-50.00\n"
    )
    _, queries = Arguments.parse({"seeds": given})
    assert len({json.dumps(query.parameters()) for query in queries}) == 1


def test_wrong_rows_of_a_workbook(tmp_path: Path) -> None:
    given = book(tmp_path, ["image", "search_sort"], [LAMP, "x"], [None, "sales"], ["=1+1"])
    log = problems(given)
    assert "seeds.xlsx, row 2: search_sort=x: 'x' is not known" in log
    assert "seeds.xlsx, row 3: its column image is empty" in log
    with_other_columns = book(tmp_path, ["picture", "sku"], [LAMP, 7])
    assert "sheet 'Articles', row 1: no column has the image" in problems(with_other_columns)


def test_equal_rows_are_one(tmp_path: Path) -> None:
    given = write(tmp_path, "s.csv", f"image,id,sku\n{LAMP},A,7\n{LAMP},A,7\n{LAMP},B,7\n")
    seeds = Seeds.from_argument(given)
    assert [seed.seed_id for seed in seeds] == ["A", "B"]
    assert (seeds.tally.duplicates, seeds.tally.repeated_images) == (1, 1)


def test_without_openpyxl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = book(tmp_path, ["image"], [LAMP])
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    assert "pip install 'tmapi-spiders[xlsx]'" in problems(given)
