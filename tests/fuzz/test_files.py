"""Fuzzes seeds files and jobs of any shape."""

from __future__ import annotations

import argparse
import json
from decimal import Decimal
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from scrapy.settings import Settings

from tests.fuzz.values import EXAMPLES, ITEMS, PLACE, QUIETLY, TEXTS, VALUES, try_all
from tmapi_spiders.commands.tmapi import run_subcommand
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.seed_files.seed_columns import MEANINGS, Layout
from tmapi_spiders.inputs.seeds import StreamedSeeds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = QUIETLY

CELLS = st.one_of(
    TEXTS,
    st.sampled_from(["image", "url", "id", "/search/a.jpg", "https://a.example/b.jpg", "#", '"']),
    st.sampled_from(["search_sort", "sales", "search_price", "1-2", "target_price", "sep=;"]),
    st.sampled_from(
        ["12,50 €", "1.234", "UTF-8", '=HYPERLINK("//a.example/1.jpg")', "=A1", "#REF!"]
    ),
)
ROWS = st.lists(st.lists(CELLS, max_size=4), max_size=6)


def a_table(rows: list[list[str]], delimiter: str) -> bytes:
    text = "\n".join(delimiter.join(row) for row in rows)
    return text.replace(PLACE, "").encode("utf-8", "surrogatepass")


def a_workbook(rows: list[list[str]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        cells = (cell.encode("utf-8", "replace").decode()[:32_000] for cell in row)
        sheet.append([ILLEGAL_CHARACTERS_RE.sub("", cell) for cell in cells])
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def edited(content: bytes, edits: list[tuple[float, bytes]]) -> bytes:
    for share, more in edits:
        at = int(share * len(content))
        content = content[:at] + more + content[at + len(more) :]
    return content


SEED_FILES = st.builds(
    edited,
    st.one_of(
        st.builds(a_table, ROWS, st.sampled_from([",", ";", "\t", "|", "\x00"])),
        st.builds(a_workbook, ROWS),
        st.lists(VALUES, max_size=4).map(lambda rows: "\n".join(map(json.dumps, rows)).encode()),
        st.binary(max_size=300),
    ),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), max_size=3),
)


LAYOUTS = st.builds(
    Layout,
    st.dictionaries(st.sampled_from(MEANINGS), st.one_of(CELLS, st.just("image")), max_size=2),
    st.one_of(st.just(""), TEXTS),
    st.sampled_from([None, {}, {"EUR": Decimal("7.8")}]),
)


@EXAMPLES
def test_seed_files(tmp_path: Path, examples: int) -> None:
    def check(given: tuple[str, bytes, Layout]) -> None:
        name, content, layout = given
        path = tmp_path / name
        path.write_bytes(content)
        try:
            for seed in StreamedSeeds.from_argument(str(path), layout):
                json.loads(json.dumps(seed.data, allow_nan=False))
        except UsageProblems as exc:
            for problem in exc.problems:
                assert len(problem) < 5000
                assert problem.replace("\n", "").isprintable(), repr(problem)

    names = st.sampled_from(["seeds.txt", "seeds.csv", "seeds.tsv", "seeds.jsonl", "seeds.xlsx"])
    try_all(st.tuples(names, SEED_FILES, LAYOUTS), check, examples)


JOB_FACTS = [
    *("schema", "spider", "source", "started_at", "finished_at", "running", "exit_status", "calls"),
    *("stop_reason", "stop_detail", "files", "queries", "arguments", "budget", "unreadable"),
    *("readers", "evidence", "process", "errors", "products", "refusals", "shared"),
]
JOB_JSON = st.one_of(
    st.dictionaries(st.sampled_from(JOB_FACTS), VALUES, max_size=6).map(json.dumps),
    VALUES.map(json.dumps),
    st.text(max_size=50),
)
LINES = st.lists(st.one_of(ITEMS, VALUES).map(json.dumps), max_size=4).map("\n".join)


def run_command(name: str, words: list[str], settings: Settings) -> int:
    """Run a subcommand in this process; return its exit status."""
    module = import_module(f"tmapi_spiders.commands.{name}")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return run_subcommand(name, parser.parse_args(words), settings)


@EXAMPLES
def test_job_files(tmp_path: Path, examples: int, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings({"TMAPI_OUTPUT_DIR": str(tmp_path / "jobs"), "TMAPI_SANDBOX": True})
    job, other = tmp_path / "jobs" / "j", tmp_path / "jobs" / "other"
    for path in (job, other):
        path.mkdir(parents=True)
        (path / "job.json").write_text('{"started_at": "2026-11-01T00:00:00Z"}')

    def check(given: tuple[str, str, str]) -> None:
        facts, products, sightings = (text.replace(PLACE, "") for text in given)
        for name, text in (
            ("job.json", facts),
            ("products.jsonl", products),
            ("sightings.jsonl", sightings),
            ("outcomes.jsonl", sightings),
        ):
            (job / name).write_text(text, "utf-8", "surrogatepass")
        assert run_command("jobs", [], settings) in {0, 4}
        told = capsys.readouterr()
        assert "other" in told.out
        assert "\x1b" not in told.out + told.err
        assert run_command("jobs", ["--json"], settings) in {0, 4}
        json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
        for words in (["gallery", "j"], ["export", "j", "-o", str(job / "t.csv")]):
            assert run_command(words[0], words[1:], settings) in {0, 2, 4}
            assert "\x1b" not in capsys.readouterr().err
        if run_command("check", ["j"], settings) == 2:
            assert not capsys.readouterr().out
        told = capsys.readouterr()
        assert "\x1b" not in told.out + told.err

    try_all(st.tuples(JOB_JSON, LINES, LINES), check, examples)
