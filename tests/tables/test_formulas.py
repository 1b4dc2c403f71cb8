"""A CSV file holds no formula even if it is read differently than it was written."""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from tests.tables.export_jobs import product

if TYPE_CHECKING:
    from tests.tables.export_jobs import Exporter

LIVE = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
SEPARATORS = (";", "\t", "|", "\n", "\r")
BETWEEN = ("", " ", '"', '""', "' ")


@pytest.mark.parametrize("knows_quotes", [True, False])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_no_cell_is_a_formula(export: Exporter, delimiter: str, knows_quotes: bool) -> None:
    texts = [
        f"lamp{separator}{between}{live}1+1{separator}x"
        for separator in SEPARATORS
        for between in BETWEEN
        for live in LIVE
    ]
    texts += [f"{between}{live}1" for between in ("", "  ") for live in LIVE]
    export.write(*[product(title=text, price="-5", company_name="a;") for text in texts])
    done = export("table.csv")
    assert done.status == 0
    assert f"{len(texts)} texts that a spreadsheet would take for a formula" in done.told
    with done.path.open(encoding="utf-8", newline="") as file:
        text = file.read()
        rows = list(csv.reader(StringIO(text, newline=""), delimiter=delimiter))
        if not knows_quotes:
            rows = [line.split(delimiter) for line in re.split(r"[\r\n]", text)]
        for row in rows:
            for cell in row:
                assert not cell.lstrip(" \"'").startswith(LIVE) or cell.startswith("'"), cell


def test_other_text_is_unchanged(export: Exporter) -> None:
    title = "a; b;c-1 | d=2, e\tf"
    export.write(product(title=title))
    with export("table.csv").path.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["title"] == title
