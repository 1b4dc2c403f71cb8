"""Tests docs/warehouse.md: its DuckDB code runs, and its tables have all columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs
import duckdb
import pytest

from tests.support import ROOT
from tests.tables.export_jobs import Exporter, outcome, product, sighting
from tmapi_spiders.items import Outcome, Product, Sighting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (ROOT / "docs" / "warehouse.md").read_text("utf-8")
CLASSES = {"products": Product, "outcomes": Outcome, "sightings": Sighting}


def blocks(heading: str, language: str = "sql") -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


VIEWS, OFFERS, LOAD, UPSERT, PARQUET = blocks("DuckDB")


@pytest.fixture
def duck(export: Exporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in the folder that contains the jobs' folder."""
    export.write(
        product(1, price="9.50", seed_data={"sku": "00123"}, area_from=["广东"]),
        product(2, price="1.10", seed_data={"sku": "00123", "size": 4}, moq=2),
        outcomes=(outcome(filters={"is_factory": True}),),
        sightings=(sighting(item_id=1), sighting(item_id=2, rank=2)),
    )
    monkeypatch.chdir(export.output.parent)
    with duckdb.connect() as connection:
        yield connection


def rows(duck: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return duck.sql(query).fetchall()


def test_views_over_the_jobs_folders(duck: duckdb.DuckDBPyConnection) -> None:
    duck.execute(VIEWS)
    assert rows(duck, "SELECT item_id, price::VARCHAR, moq, area_from FROM products") == [
        (1, "9.500000", None, ["广东"]),
        (2, "1.100000", 2, []),
    ]
    assert rows(duck, "SELECT seed_data ->> 'size', epoch_ms(fetched_at) FROM products") == [
        (None, 1_795_641_589_118),
        ("4", 1_795_641_589_118),
    ]
    assert rows(duck, "SELECT status, filters ->> 'is_factory' FROM outcomes") == [
        ("complete", "true")
    ]
    assert rows(duck, "SELECT job, made_up FROM jobs") == [("j", False)]


@pytest.mark.parametrize("name", CLASSES)
def test_the_views_have_all_columns(duck: duckdb.DuckDBPyConnection, name: str) -> None:
    duck.execute(VIEWS)
    fields = [field.name for field in attrs.fields(CLASSES[name])]
    assert duck.sql(f"FROM {name}").columns == fields


@pytest.mark.parametrize("name", CLASSES)
def test_postgres_tables_have_all_columns(name: str) -> None:
    (body,) = re.findall(
        rf"CREATE TABLE {name} \((.*?),\s+PRIMARY KEY", blocks("Postgres")[0], re.DOTALL
    )
    columns = [column.split()[0] for column in re.split(r",\s+", body.strip())]
    assert columns == [field.name for field in attrs.fields(CLASSES[name])]


def test_offers_for_the_users_own_rows(duck: duckdb.DuckDBPyConnection, export: Exporter) -> None:
    duck.execute(VIEWS)
    assert [row[:2] for row in rows(duck, OFFERS)] == [("00123", 2), ("00123", 1)]
    export.write(product(), made_up=True)
    assert rows(duck, OFFERS) == []


def test_a_load_may_be_repeated(duck: duckdb.DuckDBPyConnection, export: Exporter) -> None:
    duck.execute(VIEWS)
    for _ in range(2):
        duck.execute(LOAD)
        assert rows(duck, "SELECT rank, item_id FROM all_sightings ORDER BY 1") == [(1, 1), (2, 2)]
    export.write(product(), sightings=(sighting(item_id=3),))
    duck.execute(LOAD)
    assert rows(duck, "SELECT rank, item_id FROM all_sightings") == [(1, 3)]
    export.write(product(), running=True)
    duck.execute(LOAD)
    assert rows(duck, "SELECT count(*) FROM all_sightings") == [(1,)]


def test_an_upsert_leaves_other_columns_alone(
    duck: duckdb.DuckDBPyConnection, export: Exporter
) -> None:
    duck.execute(VIEWS)
    duck.execute(UPSERT)
    duck.execute("UPDATE latest_prices SET checked = true")
    export.write(product(2, price="3.00"))
    duck.execute(UPSERT)
    assert rows(duck, "SELECT item_id, price::VARCHAR, checked FROM latest_prices ORDER BY 1") == [
        (1, "9.500000", True),
        (2, "3.000000", True),
    ]


def test_parquet_of_several_jobs(duck: duckdb.DuckDBPyConnection, export: Exporter) -> None:
    tables = export.output.parent / "tables"
    tables.mkdir()
    assert export("tables/a.parquet").status == 0
    export.write(product(3, job="k", price="0.10", seed_data={"other": "x"}))
    assert export("tables/b.parquet").status == 0
    assert [(*row[:3], str(row[3])) for row in rows(duck, PARQUET)] == [
        ("j", "00123", 2, "1.100000"),
        ("k", None, 1, "0.100000"),
    ]


def test_csv_is_read_with_its_types(duck: duckdb.DuckDBPyConnection, export: Exporter) -> None:
    path: Path = export("a.csv").path
    (first, _) = rows(duck, f"SELECT item_id, price, area_from, job FROM read_csv('{path}')")
    assert first == (1, 9.5, "广东", "j")


def test_dbts_sources_name_the_keys() -> None:
    (text,) = blocks("dbt", "yaml")
    keys = re.findall(r"- name: (\w+)\n +data_tests:[^\[]+_columns: \[([\w, ]+)\]\n", text)
    assert [name for name, _ in keys] == list(CLASSES)
    for name, columns in keys:
        listed = ", ".join(f"`{column}`" for column in columns.split(", "))
        assert f"| {name} | {listed}" in PAGE, "as the page's own table of keys has it"
        assert f"PRIMARY KEY ({columns})" in blocks("Postgres")[0]
