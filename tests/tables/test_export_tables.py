"""`scrapy tmapi export -o`: what every format holds, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.support import ROOT, Crawler
from tests.tables.export_jobs import (
    ABOUT,
    HOSTILE,
    WHEN,
    Exporter,
    outcome,
    product,
    read_sheet,
    sighting,
)
from tmapi_spiders.items import Outcome, Product, Sighting
from tmapi_spiders.tables import export as export_module
from tmapi_spiders.tables.columns import ColumnKind, columns_of
from tmapi_spiders.tables.job_tables import find_tables
from tmapi_spiders.tables.table_file import SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

pa = import_module("pyarrow")  # it has no types
pq = import_module("pyarrow.parquet")

FORMATS = (".xlsx", ".csv", ".parquet")


def read_csv(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    text = path.read_bytes().decode(encoding)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def read_parquet(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def read(path: Path) -> list[dict[str, Any]]:
    readers: dict[str, Any] = {".csv": read_csv, ".parquet": read_parquet, ".xlsx": read_sheet}
    rows: list[dict[str, Any]] = readers[path.suffix](path)
    return rows


@pytest.mark.parametrize("item_class", [Product, Outcome, Sighting])
def test_every_field_has_a_kind(item_class: type[attrs.AttrsInstance]) -> None:
    kinds = {column.name: column.kind for column in columns_of(item_class)}
    assert len(kinds) == len(attrs.fields(item_class)) - 1, "all but seed_data"
    for name, kind in kinds.items():
        assert (kind is ColumnKind.PRICE) == ("price" in name and name != "price_source"), name
        assert (kind is ColumnKind.TIME) == name.endswith("_at"), name
        assert (kind is ColumnKind.LINK) == name.endswith(("img", "url")), name


def test_csv_holds_the_values_as_they_are(export: Exporter) -> None:
    row = product(
        title="台灯",
        category_path=["1", "2"],
        filters={"is_factory": True, "free_shipping": True},
        free_shipping=False,
        composite_score=4.5,
        moq=2,
        seed_data={"sku": "00123", "price": "4,90", "weight": -5},
    )
    export.write(row)
    done = export("a.csv")
    assert done.status == 0
    assert done.told.splitlines() == [f"j: {done.path}: products 1 row"]
    (found,) = read_csv(done.path)
    names = [field.name for field in attrs.fields(Product) if field.name != "seed_data"]
    names.remove("seed_id")
    own = ["seed_data_sku", "seed_data_price", "seed_data_weight"]
    assert list(found) == ["seed_id", *own, *names], "the user's own come first"
    assert found["item_id"] == "908305897124"
    assert found["price"] == "60.00"
    assert found["seed_data_sku"] == "00123"
    assert found["seed_data_price"] == "4,90"
    assert found["seed_data_weight"] == "-5", "a number is not a formula"
    assert found["title"] == "台灯"
    assert found["category_path"] == "1; 2"
    assert found["filters"] == "is_factory+free_shipping"
    assert (found["free_shipping"], found["is_ad"]) == ("false", "")
    assert (found["moq"], found["composite_score"]) == ("2", "4.5")
    assert found["fetched_at"] == WHEN


def test_csv_follows_rfc_4180(export: Exporter) -> None:
    export.write(product(title='a "b", c\nd'))
    content = export("a.csv").path.read_bytes()
    assert content.startswith(b"seed_id,item_id,")
    assert content.count(b"\r\n") == 2
    assert b',"a ""b"", c\nd",' in content


def test_csv_with_a_byte_order_mark(export: Exporter) -> None:
    export.write(product())
    path = export("a.csv", bom=True).path
    assert path.read_bytes().startswith(b"\xef\xbb\xbfseed_id,")
    assert read_csv(path, "utf-8-sig") == read_csv(export("b.csv").path)


def test_no_csv_cell_is_a_formula(export: Exporter) -> None:
    export.write(product(title="=1+1", price="-5", company_name="\tx", seed_data=HOSTILE))
    done = export("a.csv")
    (row,) = read_csv(done.path)
    live = {name: cell for name, cell in row.items() if cell.startswith(tuple("=+-@\t\r\n＝"))}
    assert live == {"price": "-5"}
    assert row["title"] == "'=1+1"
    assert row["company_name"] == "'\tx"
    assert row["seed_data_formula"] == "'" + HOSTILE["formula"]  # type: ignore[operator]
    assert row["seed_data_zeros"] == "00123"
    assert row["seed_data_lines"] == HOSTILE["lines"]
    assert row["seed_data_nul"] == "a�b\x0b", "Postgres takes no NUL"
    assert row["seed_data_long"] == HOSTILE["long"]
    assert json.loads(row["seed_data_nested"]) == HOSTILE["nested"]
    assert "7 texts that a spreadsheet would take for a formula" in done.told


def test_parquet_is_typed(export: Exporter) -> None:
    data = {"sku": "00123", "price": 4.9, "pieces": 3, "live": True, "mixed": 1, "none": None}
    other = data | {"price": 5, "mixed": "1", "new": "x"}
    export.write(
        product(category_path=["1", "2"], moq=2, free_shipping=False, seed_data=data),
        product(2, price=None, seed_data=other),
        made_up=True,
    )
    path = export("a.parquet").path
    schema = pq.read_schema(path)
    types = {name: schema.field(name).type for name in schema.names}
    assert types["item_id"] == types["moq"] == types["seed_data_pieces"] == pa.int64()
    assert types["price"] == types["price_end"] == pa.decimal128(18, 6)
    assert types["fetched_at"] == pa.timestamp("ms", tz="UTC")
    assert types["category_path"] == pa.list_(pa.string())
    assert types["free_shipping"] == types["seed_data_live"] == pa.bool_()
    assert types["composite_score"] == types["seed_data_price"] == pa.float64()
    for name in ("sku", "mixed", "none", "new"):
        assert types[f"seed_data_{name}"] == pa.string()
    first, second = read_parquet(path)
    assert first["price"] == Decimal("60.00")
    assert first["fetched_at"] == datetime(2026, 11, 25, 21, 19, 49, 118000, tzinfo=UTC)
    assert first["category_path"] == ["1", "2"]
    assert (first["seed_data_mixed"], second["seed_data_mixed"]) == ("1", "1")
    assert (first["seed_data_price"], second["seed_data_price"]) == (4.9, 5.0)
    assert (first["seed_data_new"], second["price"]) == (None, None)
    facts = json.loads(schema.metadata[b"tmapi"])
    assert facts["Job"] == "j"
    assert "made up" in " ".join(facts["Warnings"])


def test_parquet_rounds_nothing(export: Exporter) -> None:
    export.write(
        product(1, price="0.0000001"),
        product(2, price="1234567890123.5"),
        product(3, price="1.1000000", seed_data=HOSTILE),
    )
    done = export("a.parquet")
    assert done.status == 0
    rows = read_parquet(done.path)
    assert [row["price"] for row in rows] == [None, None, Decimal("1.1")]
    assert "2 values of price left out" in done.told
    for name, value in HOSTILE.items():
        found = rows[2][f"seed_data_{name}"]
        assert found == value or json.loads(found) == value


@pytest.mark.parametrize("suffix", FORMATS)
def test_leftovers_of_a_killed_export_are_removed(export: Exporter, suffix: str) -> None:
    export.write(product())
    path = export.output.parent / f"a{suffix}"
    path.with_name(f"{path.name}.part").write_text("left")
    path.with_name(f"{path.name}.part.d").mkdir()
    (path.with_name(f"{path.name}.part.d") / "left").touch()
    assert export(path.name).status == 0
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, "output"]
    assert len(read(path)) == 1


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_whole_number_of_twenty_digits_is_not_rounded(export: Exporter, suffix: str) -> None:
    line = json.dumps(product(seed_data={"ean": [10**19, 10**20 + 1], "huge": 10**20 + 1}))
    export.write(line.encode())
    (row,) = read(export(f"a{suffix}").path)
    assert row["seed_data_huge"] == "100000000000000000001"
    assert row["seed_data_ean"] == "[10000000000000000000, 100000000000000000001]"


@pytest.mark.parametrize("suffix", FORMATS)
def test_numbers_that_no_program_holds_keep_their_digits(export: Exporter, suffix: str) -> None:
    line = json.dumps(product(seed_data={"huge": 0, "vast": 0, "half": "?"})).encode()
    line = line.replace(b'"huge": 0, "vast": 0', b'"huge": 123456789012345678901, "vast": 1e400')
    export.write(line.replace(b'"half": "?"', b'"half": "a\\ud800"'))
    done = export(f"a{suffix}")
    assert done.status == 0, done.complained
    (row,) = read(done.path)
    assert row["seed_data_huge"] == "123456789012345678901"
    assert row["seed_data_vast"] == "1e400"
    assert row["seed_data_half"] == "a?"


@pytest.mark.parametrize("suffix", FORMATS)
def test_nothing_but_nulls_and_nothing_at_all(export: Exporter, suffix: str) -> None:
    export.write()
    assert not [row for row in read(export(f"empty{suffix}").path) if any(row.values())]
    export.write(json.dumps(dict.fromkeys(product())).encode(), b"{}")
    done = export(f"nulls{suffix}")
    assert done.status == 0
    rows = read(done.path)
    assert len(rows) == 2 or suffix == ".xlsx"  # openpyxl sees no row without a cell
    assert not any(value for row in rows for value in row.values())


@pytest.mark.parametrize("suffix", FORMATS)
def test_columns_of_the_same_name(export: Exporter, suffix: str) -> None:
    data = {"SKU": "1", "sku": "2", "Sku_2": "3", "a\nb": "4", "id": "5", "img_url": "6"}
    export.write({**product(seed_data=data), "price_band": "low", "Title": 7})
    (row,) = read(export(f"a{suffix}").path)
    assert {name: row[name] for name in row if name.startswith("seed_data")} == {
        "seed_data_SKU": "1",
        "seed_data_sku_2": "2",
        "seed_data_Sku_2_2": "3",
        "seed_data_a b": "4",
        "seed_data_id": "5",
        "seed_data_img_url": "6",
    }
    assert row["price_band"] == "low", "a user's own pipeline has added it"
    assert str(row["Title_2"]) == "7"
    assert row["seed_img_url"] == "https://cbu01.alicdn.com/seed.jpg"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_each_table_by_its_name(export: Exporter, suffix: str) -> None:
    data = {"sku": "00123"}
    export.write(
        product(seed_data=data),
        outcomes=(outcome(seed_data=data | {"note": "x"}), outcome(query_id="q2")),
        sightings=(sighting(), sighting(rank=2), sighting(rank=3)),
    )
    counts = {"products": 1, "outcomes": 2, "sightings": 3}
    for table, count in counts.items():
        done = export(f"{table}{suffix}", table=table)
        assert done.told == f"j: {done.path}: {table} {count} row{'s' * (count > 1)}\n"
        rows = read(done.path)
        assert len(rows) == count
        assert list(rows[0])[:3] == ["seed_id", "seed_data_sku", "seed_data_note"], "in all of them"
        assert rows[0]["query_id"] == ABOUT["query_id"]


def test_all_problems_are_reported_at_once(export: Exporter) -> None:
    export.write(product())
    done = export("no/a.xslx", table="product", bom=True)
    assert done.status == 2
    folder, suffix, table = done.complained.splitlines()
    assert "there is no folder" in folder
    assert 'accepted: a name that ends in .xlsx, .csv or .parquet. Did you mean ".xlsx"?' in suffix
    assert 'products, outcomes, sightings. Did you mean "products"?' in table


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_a_byte_order_mark_is_for_csv(export: Exporter, suffix: str) -> None:
    export.write(product())
    done = export(f"a{suffix}", bom=True)
    assert done.status == 2
    assert done.complained == f"export: --bom: only for .csv; leave it out for {suffix}.\n"


def test_a_folder_is_refused(export: Exporter, tmp_path: Path) -> None:
    export.write(product())
    (tmp_path / "a.csv").mkdir()
    done = export("a.csv")
    assert done.status == 2
    assert "accepted: the name of a file" in done.complained


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "~nobody-of-that-name/a.csv", "a\0.csv"])
def test_a_name_that_no_file_can_have(export: Exporter, name: str) -> None:
    export.write(product())
    done = export("a.csv", output=name)
    assert done.status == 2
    (line,) = done.complained.splitlines()
    assert line.startswith("export: -o ")
    assert "name of a file" in line


def test_options_that_do_not_go_together(offline: Crawler) -> None:
    done = offline.command("tmapi", "export", "j", "--table", "products", "--bom")
    assert done.exit_status == 2
    assert "--table: it needs -o FILE." in done.log
    assert "--bom: it needs -o FILE.csv." in done.log
    done = offline.command("tmapi", "export", "j", "-o", "a.csv", "--follow")
    assert done.exit_status == 2
    assert "--follow and -o: one at a time" in done.log


def test_no_such_job(export: Exporter) -> None:
    export.write(product())
    done = export("a.csv", "jj")
    assert done.status == 2
    assert 'Did you mean "j"?' in done.complained
    assert "A job on Redis is written there first: scrapy tmapi export jj" in done.complained
    assert not done.path.exists()


def test_a_jobs_folder_will_do(export: Exporter) -> None:
    export.write(product())
    assert export("a.csv", f"{export.folder}/").status == 0


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_a_library_that_is_missing(
    export: Exporter, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.write(product())
    (module, *_), extra = SUFFIXES[suffix]
    monkeypatch.setitem(sys.modules, module, None)
    done = export(f"a{suffix}")
    assert done.status == 2
    assert f"pip install 'tmapi-spiders[{extra}]'; or write .csv" in done.complained
    assert export("a.csv").status == 0


def test_warnings_are_printed_first(export: Exporter) -> None:
    export.write(product(), made_up=True, stop_reason="budget")
    done = export("a.csv")
    assert done.status == 0
    assert "export: j: the job was stopped early (budget)" in done.complained
    assert "export: j: these are the sandbox's products: they are made up" in done.complained


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_line_that_can_not_be_read_leaves_the_old_file(export: Exporter, suffix: str) -> None:
    export.write(product())
    before = export(f"a{suffix}").path.read_bytes()
    export.write(product(), b'{"item_id": NaN}')
    done = export(f"a{suffix}")
    assert done.status == 4
    assert "products.jsonl, line 2: it is not JSON" in done.complained
    assert done.path.read_bytes() == before
    assert sorted(path.name for path in done.path.parent.iterdir()) == [f"a{suffix}", "output"]


_LIMITED = """
import resource, sys
sys.dont_write_bytecode = True  # a module cut short would break later runs
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["scrapy", *sys.argv[2:]]
from scrapy.cmdline import execute
execute()
"""


@pytest.mark.parametrize("size", [3_000, pytest.param(100_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_full_disk_leaves_the_old_file(export: Exporter, suffix: str, size: int) -> None:
    """A limit on the size of files imitates a full disk."""
    export.write(product())
    path = export(f"a{suffix}").path
    before = path.read_bytes()
    export.write(*[product(n, title=sha256(str(n).encode()).hexdigest()) for n in range(2000)])
    crawler = Crawler(export.output, covered=False)
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(size), "tmapi", "export", "j", "-o", str(path)],
        cwd=ROOT,
        env=crawler.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"export: {path}: it can't be written (File too large)")
    assert path.read_bytes() == before
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, "output"]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "kind", [pytest.param(signal.SIGINT, marks=pytest.mark.long), signal.SIGTERM]
)
def test_one_that_is_interrupted_leaves_the_old_file(
    export: Exporter, suffix: str, kind: signal.Signals
) -> None:
    export.write(product())
    path = export(f"a{suffix}").path
    before = path.read_bytes()
    line = json.dumps(product()).encode()
    export.write(line)
    os.truncate(export.folder / "products.jsonl", 0)
    with (export.folder / "products.jsonl").open("ab") as file:
        file.writelines([(line + b"\n") * 1000] * 100)
    crawler = Crawler(export.output, covered=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "tmapi", "export", "j", "-o", str(path)],
        cwd=ROOT,
        # At the wrong moment Python itself warns about the file it was about to open.
        env=crawler.environment(PYTHONWARNINGS="default::DeprecationWarning"),
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not list(path.parent.glob("*.part*")):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(kind)
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 4
    assert complained.strip() == f"export: interrupted. {path} was not written."
    assert path.read_bytes() == before
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, "output"]


def test_a_file_that_changes_during_the_export_is_reported(
    export: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    export.write(product())

    def slow(*given: Any) -> Any:
        found = find_tables(*given)
        export.write(product(), product(2))
        return found

    monkeypatch.setattr(export_module, "find_tables", slow)
    done = export("a.csv")
    assert done.status == 4
    assert "products.jsonl: it was changed during the export. Run the same" in done.complained
    assert not done.path.exists()


def test_of_a_real_crawl(crawl: Crawler, tmp_path: Path) -> None:
    done = crawl(seeds="/search/a/lamp.jpg", sort="default,sales", page_size=5, max_pages=2)
    assert done.exit_status == 0
    path = tmp_path / "a.parquet"
    told = crawl.command("tmapi", "export", "j", "-o", str(path), "--table", "sightings")
    assert told.exit_status == 0, told.log
    assert told.stdout == f"j: {path}: sightings 20 rows\n"
    found = {(row["query_id"], row["page"], row["rank"]) for row in read_parquet(path)}
    assert found == {(row["query_id"], row["page"], row["rank"]) for row in done.sightings}
    assert len(found) == 20
