"""The README and the code say the same."""

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


def table(heading: str) -> dict[str, str]:
    """Return first and second column of the first table below *heading*."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `?([^`|]+?)`? \|([^|]*)\|", section, re.MULTILINE)
    return {first: second.strip("` ") for first, second in rows}


def test_every_argument_is_in_the_readme_with_its_default() -> None:
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


def test_every_setting_is_in_the_readme() -> None:
    documented = table("Settings")
    for field, setting in Config.model_fields.items():
        name = "TMAPI_" + field.upper()
        assert f"`{name}`" in README
        if name in documented:
            default = setting.default
            if isinstance(default, bool):
                default = int(default)
            assert documented[name] == str(default).replace("0.0", "0"), name


def test_every_exit_status_is_in_the_readme() -> None:
    statuses = {str(getattr(run, name)) for name in run.__all__ if name.startswith("EXIT")}
    assert set(table("Exit status")) - {"status", "---"} == statuses


@pytest.mark.parametrize("item_class", [Product, Sighting, Outcome])
def test_every_field_of_a_product_is_described(item_class: type) -> None:
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


def test_the_add_on_is_named_as_the_readme_names_it() -> None:
    line = f'ADDONS = {{"{addon.TmapiAddon.__module__}.{addon.TmapiAddon.__name__}": 500}}'
    assert line in README
    assert line in (ROOT / "settings" / "base.py").read_text()
    assert line in (addon.__doc__ or "")


def test_the_readmes_example_is_the_expected_output() -> None:
    first = (ROOT / "fixtures" / "expected.jsonl").read_text("utf-8").splitlines()[0]
    for name in ("query_id", "seed_id"):
        assert re.search(rf'"{name}":"(\w+)"', first)[1] in README  # type: ignore[index]


def test_the_readmes_first_line_of_the_demo_is_what_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    _, queries = Arguments.parse({"seeds": "fixtures/articles.csv", "sort": "default,sales"})
    assert f"demo: {describe_crawl(queries)}, at least 13 calls" in README


COSTS = (ROOT / "docs" / "costs.md").read_text("utf-8")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.meaning)
def test_every_row_of_the_classifier_is_in_the_docs(row: Row) -> None:
    (line,) = [
        line
        for line in COSTS.splitlines()
        if f"| {row.meaning} |" in line and str(min(row.statuses)) in line
    ]
    for number in row.statuses | row.codes:
        assert str(number) in line
    for words in (row.message, row.says):
        assert not words or f"`{words}`" in line
    if row.stop:
        assert f"stops: `{row.stop}`" in line
    assert line.rstrip(" |").rpartition("| ")[2].startswith("yes" if row.counts else "no")


def test_every_stop_is_in_the_docs() -> None:
    costs = re.sub(r"`([A-Z_]+)`", r"\1", COSTS)
    for reason, stop in STOPS.items():
        assert f"`{reason}`" in README
        if reason not in {"settings", "error"}:
            assert f"| `{reason}` | {stop.meaning} |" in costs
    assert {row.stop for row in TABLE if row.stop} <= STOPS.keys()


def test_defaults_in_the_docs() -> None:
    for name, setting in Config.model_fields.items():
        if name in {"retry_times", "retry_delay", "conversion_days", "outage_calls"}:
            assert f"`TMAPI_{name.upper()}` ({setting.default}" in COSTS


def test_the_numbers_of_an_outage_are_in_the_docs() -> None:
    calls = Config.model_fields["outage_calls"].default
    for words in (
        f"over at least {DIFFERENT} different queries",
        f"when {MOST_PROBES} have failed, the job stops",
        f"costs {calls + MOST_PROBES} calls",
    ):
        assert words in COSTS.replace("\n", " ")


def test_every_code_of_evidence_is_in_the_readme() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.+) \|$", README.partition("\n**Evidence.**")[2], re.MULTILINE
    )
    assert rows[: len(EVIDENCE) + 1] == [("evidence", "meaning"), *EVIDENCE.items()]
    assert f"takes `total_count` for {HIGHEST_COUNT:,} at\nmost" in README


WATCH = (ROOT / "docs" / "watch.md").read_text("utf-8")


def test_every_kind_of_change_is_in_the_docs() -> None:
    section = WATCH.partition("\n### Kinds\n")[2].partition("\n### ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))
    assert list(rows.items()) == [("change", "meaning"), *KINDS.items()]


def test_every_field_of_a_change_is_in_the_docs() -> None:
    section = WATCH.partition("\n### changes.jsonl\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert rows == [field.name for field in attrs.fields(Change)]


def test_the_options_of_compare_are_in_the_docs() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    compare.add_arguments(parser)
    for action in parser._actions:
        if action.option_strings:
            assert f"`{action.option_strings[0]}" in WATCH, action.option_strings


def test_the_script_in_the_docs_is_the_one_that_is_tested() -> None:
    script = (ROOT / "docs" / "examples" / "watch.sh").read_text("utf-8")
    assert textwrap.indent(script, "    ") in WATCH
    for variable in set(re.findall(r"WATCH_\w+", script)):
        assert f"#     {variable} " in script


@pytest.mark.parametrize(
    "name",
    ["two_crawls.py", "shop/shop/lamps.py", "shop/shop/pipelines.py", "shop/shop/settings.py"],
)
def test_the_examples_in_the_docs_are_those_that_are_tested(name: str) -> None:
    example = (ROOT / "docs" / "examples" / name).read_text("utf-8")
    assert textwrap.indent(example, "    ") in (ROOT / "docs" / "scripts.md").read_text("utf-8")


def test_what_a_webhook_gets_is_in_the_docs(tmp_path: Path) -> None:
    changes = tmp_path / "changes.jsonl"
    changes.write_bytes(b"")
    notice = Notice.of(changes, ("a", "b"), {}, source=None, changes_file=None)
    for key in orjson.loads(notice.body):
        assert f"`{key}`" in WATCH
    for header in (webhook.ID, webhook.TIMESTAMP, webhook.SIGNATURE):
        assert f"| `{header}` |" in WATCH
    assert f"{LARGEST:,} bytes" in WATCH


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_the_help_of_a_subcommand_is_its_docstring(name: str) -> None:
    module = import_module(f"tmapi_spiders.commands.{name}")
    assert (module.__doc__ or "").partition("\n")[0] == SUBCOMMANDS[name]
