"""Absurd seeds and numbers: one clear refusal, within seconds and with little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread

pytestmark = pytest.mark.long  # make long

LAMP = "https://cbu01.alicdn.com/lamp.jpg"
DIGITS = "9" * 5000

#: Bytes of address space; a crawl takes half of it.
MOST_MEMORY = 1_500_000_000

_LIMITED = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({MOST_MEMORY}, {MOST_MEMORY}))
from scrapy.cmdline import execute
sys.argv[0] = "scrapy"
execute()
"""


def limited(offline: Crawler, *words: str, stdin: Any = subprocess.DEVNULL) -> tuple[int, str]:
    """Run a command with little memory; return its exit status and all its output."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, *words],
        cwd=ROOT,
        env=offline.environment(TMAPI_TOKEN="made-up"),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


def refused(offline: Crawler, seeds: object) -> str:
    status, said = limited(offline, "crawl", "image_search", "-a", f"seeds={seeds}", "-a", "job=j")
    assert "Traceback" not in said, said
    assert status == 2, said
    assert "nothing was sent" in said
    assert not (offline.output / "j").exists()
    assert len(said) < 10_000, "its reader should not have to scroll"
    return said


def estimated(offline: Crawler, seeds: object, stdin: Any = subprocess.DEVNULL) -> str:
    words = ("tmapi", "estimate", "-a", f"seeds={seeds}")
    status, said = limited(offline, *words, stdin=stdin)
    assert status == 0, said
    return said


def test_a_device_without_end(offline: Crawler) -> None:
    said = refused(offline, "/dev/zero")
    assert "seeds=/dev/zero, line 1: it is not a text file" in said
    assert "Accepted: a text file with one image per line" in said


def test_a_pipe_without_a_writer(offline: Crawler, tmp_path: Path) -> None:
    pipe = tmp_path / "seeds"
    os.mkfifo(pipe)
    said = refused(offline, pipe)
    assert "it is a named pipe, and no program opened it for writing" in said


def test_pipes_with_a_writer(offline: Crawler, tmp_path: Path) -> None:
    pipe = tmp_path / "seeds"
    os.mkfifo(pipe)
    writer = threading.Timer(2, pipe.write_text, [f"{LAMP}\n{LAMP}?2\n"])
    writer.start()
    assert "2 queries" in estimated(offline, pipe)
    writer.join()
    with subprocess.Popen(["sh", "-c", f"sleep 2; echo {LAMP}"], stdout=subprocess.PIPE) as slow:
        assert "1 query" in estimated(offline, "/dev/stdin", stdin=slow.stdout)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.txt", LAMP + "x" * 200_000_000, "line 1: the line is too long. Accepted: lines of"),
        ("s.csv", f"image,sku\n{LAMP},{'x' * 200_000_000}\n", "line 2: the line is too long"),
        ("s.csv", "image," + ",".join(map(str, range(100_000))), "it has 100,001 columns"),
        ("s.csv", f"image{',a' * 10_000}\n{LAMP}", "the column 'a' appears twice"),
        ("s.csv", f"{','.join(map(str, range(10_000)))}\n{LAMP}", "no column has the image"),
        ("s.csv", f"image,{','.join(f'search_{n}' for n in range(999))}", "search_0: no such"),
        ("s.jsonl", f'{{"image": "{LAMP}", "d": {"[" * 960}{"]" * 960}}}', "nested too deep"),
        ("s.jsonl", f'{{"image": "{LAMP}", "d": {"[" * 101}{"]" * 101}}}', "up to 100 levels"),
        ("s.jsonl", f'{{"image": "{LAMP}", "n": {DIGITS}}}', "line 1: it is not JSON"),
        ("s.txt", "shoe\n" * 5_000_000, "100,000 more like these"),
    ],
    ids=lambda value: value[:20],
)
def test_a_file_of_another_size(
    name: str, content: str, message: str, offline: Crawler, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert message in refused(offline, path)


def test_an_answer_of_a_row_as_deep_as_may_be(alone: Crawler, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    deep = json.loads("[" * 99 + "]" * 99)
    path.write_text(json.dumps({"image": LAMP, "deep": deep}))
    done = alone(seeds=path, max_pages=1)
    assert done.exit_status == 0, done.log
    assert done.products[0]["seed_data"] == {"deep": deep}


def with_sheet(path: Path, rows: str, behind: str = "") -> Path:
    """Write a workbook whose only sheet has these rows, and that *behind* them, in XML."""
    whole = path.with_name("whole.xlsx")
    Workbook().save(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename.endswith("sheet1.xml"):
                begin, _, _ = content.partition(b"<sheetData")
                content = begin + f"<sheetData>{rows}</sheetData>{behind}</worksheet>".encode()
            new.writestr(part.filename, content)
    return path


def row(number: int, text: str, column: str = "A") -> str:
    cell = f'<c r="{column}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
    return f'<row r="{number}">{cell}</row>'


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (row(1, "image") + row(1_000_000_000, LAMP), "too many rows or cells"),
        (row(1_000_000_000, LAMP), "it holds no image"),
        (row(1, "image") + "".join(row(n, "", "ZZZ") for n in range(2, 4_000)), "too many rows"),
        (row(1, "image") + row(2, "x" * 30_000_000), "it unpacks to 30,0"),
    ],
    ids=["a row far below", "no header", "cells far to the right", "a bomb"],
)
def test_a_workbook_of_another_size(
    rows: str, message: str, offline: Crawler, tmp_path: Path
) -> None:
    path = with_sheet(tmp_path / "seeds.xlsx", rows)
    assert path.stat().st_size < 200_000
    assert message in refused(offline, path)


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        (
            "".join(f'<mergeCell ref="B{n}:C{2 * n}"/>' for n in range(2, 500_000)),
            "too much after",
        ),
        ('<mergeCell ref="::::"/>', "it can't be read as XLSX (ValueError"),
        ("&a;", "it can't be read as XLSX"),
    ],
    ids=["half a million", "no range", "an entity"],
)
def test_absurd_merged_cells(behind: str, message: str, offline: Crawler, tmp_path: Path) -> None:
    rows = row(1, "image") + row(2, LAMP)
    path = with_sheet(tmp_path / "seeds.xlsx", rows, f"<mergeCells>{behind}</mergeCells>")
    assert message in refused(offline, path)


def test_a_sheet_that_is_one_merged_cell(offline: Crawler, tmp_path: Path) -> None:
    rows = row(1, "image") + row(2, LAMP) + row(3, f"{LAMP}?a=1")
    behind = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
    assert "2 queries" in estimated(offline, with_sheet(tmp_path / "seeds.xlsx", rows, behind))


def test_a_workbook_as_large_as_excel_makes_it(offline: Crawler, tmp_path: Path) -> None:
    rows = row(1, "image") + row(1_048_576, LAMP)
    assert "1 query" in estimated(offline, with_sheet(tmp_path / "seeds.xlsx", rows))


@pytest.mark.parametrize(
    "words",
    [
        ("prune", "watch", "--keep", DIGITS),
        pytest.param(("prune", "watch", "--older-than", DIGITS), marks=pytest.mark.long),
        ("gallery", "j", "--per-seed", DIGITS),
        pytest.param(("gallery", "j", "--thumbnails", DIGITS), marks=pytest.mark.long),
        ("gallery", f"watch~{DIGITS}"),
        ("compare", "watch", "--show", DIGITS),
        pytest.param(("compare", "watch", "--per-seed", DIGITS), marks=pytest.mark.long),
        pytest.param(
            ("compare", "watch", "--exec", "true", "--exec-timeout", DIGITS), marks=pytest.mark.long
        ),
        pytest.param(("compare", "watch", "--min-rank-change", DIGITS), marks=pytest.mark.long),
        ("compare", "watch", "--min-price-change", DIGITS),
        ("sandbox", "--port", DIGITS),
        pytest.param(("sandbox", "--seed", DIGITS[:4000]), marks=pytest.mark.long),
        pytest.param(("sandbox", "--latency", "1e300"), marks=pytest.mark.long),
        ("estimate", "-a", f"seeds={LAMP}", "-a", f"max_pages={DIGITS}"),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_numbers_of_thousands_of_digits(words: tuple[str, ...], offline: Crawler) -> None:
    done = offline.command("tmapi", *words)
    assert done.exit_status == 2, done.log
    assert "Traceback" not in done.log
    assert "accepted" in done.log or "must be" in done.log or "invalid int value" in done.log


@pytest.mark.parametrize("digits", [5000, pytest.param(4000, marks=pytest.mark.long)])
def test_settings_and_arguments_of_thousands_of_digits(
    digits: int, alone: Crawler, sandbox: SandboxThread
) -> None:
    settings = (
        *("TMAPI_BUDGET", "TMAPI_MAX_CONCURRENCY", "TMAPI_RETRY_TIMES", "TMAPI_RETRY_DELAY"),
        *("TMAPI_CALL_PRICE", "TMAPI_OUTAGE_CALLS", "TMAPI_LEASE_SECONDS", "TMAPI_FAILED_OK"),
    )
    arguments = ("page_size", "max_pages", "max_items", "sort", "price", "filters", "job")
    given = [word for name in settings for word in ("-s", f"{name}={DIGITS[:digits]}")]
    done = alone(*given, seeds=LAMP, **dict.fromkeys(arguments, DIGITS[:digits]))
    assert done.exit_status == 2, done.log
    assert "Traceback" not in done.log
    for name in (*settings, *arguments):
        assert f"{name}=999" in done.log
    assert len(done.log) < 15_000
    assert sandbox.stats["calls"] == 0


def test_settings_of_deep_json(offline: Crawler) -> None:
    deep = '{"price":' * 50_000
    done = offline(
        *("-s", f"TMAPI_MONITOR_FIELDS={deep}", "-s", f"TMAPI_SANDBOX_OPTIONS={deep}"), seeds=LAMP
    )
    assert done.exit_status == 2, done.log
    assert "Traceback" not in done.log
    assert "accepted: an object" in done.log
