"""README and docs agree with the code."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING

import attrs
import orjson
import pytest
from pydantic_core import PydanticUndefined

from tests.support import ROOT
from tmapi_spiders import addon
from tmapi_spiders.api.answers import TABLE, Row
from tmapi_spiders.commands import compare
from tmapi_spiders.commands.tmapi import SUBCOMMANDS
from tmapi_spiders.compare import webhook
from tmapi_spiders.compare.changes import KINDS, Change
from tmapi_spiders.compare.notice import LARGEST, Notice
from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl import run
from tmapi_spiders.crawl.evidence import EVIDENCE, HIGHEST_COUNT
from tmapi_spiders.crawl.outage import DIFFERENT, MOST_PROBES
from tmapi_spiders.crawl.stops import STOPS
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.inputs.plan import describe_crawl
from tmapi_spiders.items import Outcome, Product, Sighting

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text("utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")

#: A README longer than this is not read.
MOST_WORDS = 1300

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def table(heading: str) -> dict[str, str]:
    """Return the first two columns of the tables under *heading* in the reference."""
    section = REFERENCE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `?([^`|]+?)`? \|([^|]*)\|", section, re.MULTILINE)
    return {first: second.strip("` ") for first, second in rows}


def test_the_reference_has_every_argument_with_its_default() -> None:
    documented = table("Arguments")
    for name, field in Arguments.model_fields.items():
        default = documented.pop(name)
        if isinstance(field.default, bool):
            assert default == str(int(field.default)), name
        elif isinstance(field.default, int | str):
            assert default == str(field.default), name
        elif field.default is PydanticUndefined:
            assert default == "", name
        assert field.description
    assert set(documented) == {"argument", "---"}


def test_the_reference_has_every_setting() -> None:
    documented = table("Settings")
    for field, setting in Config.model_fields.items():
        name = "TMAPI_" + field.upper()
        assert f"`{name}`" in REFERENCE
        if name in documented:
            default = setting.default
            if isinstance(default, bool):
                default = int(default)
            assert documented[name] == str(default).replace("0.0", "0"), name


def test_the_reference_has_every_exit_status() -> None:
    statuses = {str(getattr(run, name)) for name in run.__all__ if name.startswith("EXIT")}
    assert set(table("Exit status")) - {"status", "---"} == statuses


@pytest.mark.parametrize("item_class", [Product, Sighting, Outcome])
def test_every_field_has_a_docstring(item_class: type) -> None:
    (tree,) = ast.parse(inspect.getsource(item_class)).body
    assert isinstance(tree, ast.ClassDef)
    fields = [node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)]  # type: ignore[union-attr]
    assert fields == [field.name for field in attrs.fields(item_class)]
    if item_class is Product:
        described = [
            isinstance(after, ast.Expr)
            for before, after in zip(tree.body, tree.body[1:], strict=False)
            if isinstance(before, ast.AnnAssign)
        ]
        assert described == [True] * len(fields)


def test_the_add_on_line_is_the_same_everywhere() -> None:
    line = f'ADDONS = {{"{addon.TmapiAddon.__module__}.{addon.TmapiAddon.__name__}": 500}}'
    assert line in README
    assert line in REFERENCE
    assert line in (ROOT / "settings" / "base.py").read_text()
    assert line in (addon.__doc__ or "")


def test_the_example_in_the_readme_is_the_expected_output() -> None:
    first = (ROOT / "fixtures" / "expected.jsonl").read_text("utf-8").splitlines()[0]
    expected = orjson.loads(first)
    shown = orjson.loads(README[README.index('{"item_id"') : README.index('"}\n') + 2])
    for name in ("title", "title_origin"):  # which are cut short
        assert expected.pop(name).startswith(shown.pop(name).rstrip("… "))
    assert list(shown.items()) == list(expected.items())


def test_the_readme_shows_the_first_line_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _, queries = Arguments.parse({"seeds": "fixtures/articles.csv", "sort": "default,sales"})
    assert f"demo: {describe_crawl(queries)}, at least 13 calls" in README


COSTS = (ROOT / "docs" / "costs.md").read_text("utf-8")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.meaning)
def test_the_docs_have_every_row_of_the_table_of_answers(row: Row) -> None:
    (line,) = [
        line
        for line in COSTS.splitlines()
        if f"| {row.meaning} |" in line and str(min(row.statuses | row.codes)) in line
    ]
    for number in row.statuses | row.codes:
        assert str(number) in line
    for words in (row.message, row.says):
        assert not words or f"`{words}`" in line
    if row.stop:
        assert f"stops: `{row.stop}`" in line
    assert line.rstrip(" |").rpartition("| ")[2].startswith("yes" if row.counts else "no")


def test_the_docs_have_every_stop() -> None:
    costs = re.sub(r"`([A-Z_]+)`", r"\1", COSTS)
    for reason, stop in STOPS.items():
        assert f"`{reason}`" in REFERENCE
        if reason not in {"settings", "error"}:
            assert f"| `{reason}` | {stop.meaning} |" in costs
    assert {row.stop for row in TABLE if row.stop} <= STOPS.keys()


def test_the_defaults_in_costs_are_those_of_the_settings() -> None:
    for name, setting in Config.model_fields.items():
        if name in {"retry_times", "retry_delay", "conversion_days", "outage_calls"}:
            assert f"`TMAPI_{name.upper()}` ({setting.default}" in COSTS


def test_the_docs_have_the_numbers_of_an_outage() -> None:
    calls = Config.model_fields["outage_calls"].default
    for words in (
        f"over at least {DIFFERENT} different queries",
        f"when {MOST_PROBES} have failed, the job stops",
        f"costs {calls + MOST_PROBES} calls",
    ):
        assert words in COSTS.replace("\n", " ")


def test_the_reference_has_every_kind_of_evidence() -> None:
    section = REFERENCE.partition("\n## Evidence\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [("evidence", "meaning"), *EVIDENCE.items()]
    assert f"takes `total_count` for {HIGHEST_COUNT:,} at most" in " ".join(section.split())


def test_the_reference_has_every_subcommand() -> None:
    rows = "\n".join(f"| `{name}` | {does} |" for name, does in SUBCOMMANDS.items())
    assert f"\n{rows}\n\n" in REFERENCE, f"docs/reference.md should have:\n{rows}"


def test_the_readme_is_short() -> None:
    assert len(README.split()) < MOST_WORDS


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", page.read_text("utf-8"))
    for link in (first or second for first, second in links):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_page_of_benchmarks_has_what_the_programs_say() -> None:
    """Each section begins with its program's docstring, as ``tables.introduce`` prints it."""
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    programs = re.findall(r"^<!-- written by (benchmarks/\w+\.py) -->$", page, re.MULTILINE)
    assert programs
    for program in programs:
        docstring = ast.get_docstring(ast.parse((ROOT / program).read_text("utf-8"))) or ""
        heading, _, text = docstring.partition("\n")
        section = f"<!-- written by {program} -->\n## {heading.rstrip('.')}\n{text.rstrip()}\n\n"
        assert section in page, program


WATCH = (ROOT / "docs" / "watch.md").read_text("utf-8")


def test_the_docs_have_every_kind_of_change() -> None:
    section = WATCH.partition("\n### Kinds\n")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    assert list(rows.items()) == [("change", "meaning"), *KINDS.items()]


def test_the_docs_have_every_field_of_a_change() -> None:
    section = WATCH.partition("\n### changes.jsonl\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert rows == [field.name for field in attrs.fields(Change)]


def test_the_docs_have_every_option_of_compare() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    compare.add_arguments(parser)
    for action in parser._actions:
        if action.option_strings:
            assert f"`{action.option_strings[0]}" in WATCH, action.option_strings


def test_the_docs_show_the_watch_script_that_is_tested() -> None:
    script = (ROOT / "docs" / "examples" / "watch.sh").read_text("utf-8")
    assert textwrap.indent(script, "    ") in WATCH
    for variable in set(re.findall(r"WATCH_\w+", script)):
        assert f"#     {variable} " in script


@pytest.mark.parametrize(
    "name",
    ["two_crawls.py", "shop/shop/lamps.py", "shop/shop/pipelines.py", "shop/shop/settings.py"],
)
def test_the_docs_show_the_examples_that_are_tested(name: str) -> None:
    example = (ROOT / "docs" / "examples" / name).read_text("utf-8")
    assert textwrap.indent(example, "    ") in (ROOT / "docs" / "scripts.md").read_text("utf-8")


def test_the_docs_have_what_a_webhook_receives(tmp_path: Path) -> None:
    changes = tmp_path / "changes.jsonl"
    changes.write_bytes(b"")
    notice = Notice.of(changes, ("a", "b"), {}, source=None, changes_file=None)
    for key in orjson.loads(notice.body):
        assert f"`{key}`" in WATCH
    for header in (webhook.ID, webhook.TIMESTAMP, webhook.SIGNATURE):
        assert f"| `{header}` |" in WATCH
    assert f"{LARGEST:,} bytes" in WATCH


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_subcommands_help_is_its_docstring(name: str) -> None:
    module = import_module(f"tmapi_spiders.commands.{name}")
    assert (module.__doc__ or "").partition("\n")[0] == SUBCOMMANDS[name]
