"""Imports between folders run in one direction."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from tests.support import ROOT

PACKAGE = "tmapi_spiders"

#: The folders and top modules of the package. Each imports only earlier ones, for types too.
ORDER = (
    *("sandbox", "stats", "wording", "errors", "processors", "formats", "system"),
    *("api", "http", "config", "fields", "items", "loaders", "inputs", "jobs"),
    *("crawl", "logformatter", "middlewares"),
    *("local", "pipelines", "feeds", "httpcache", "handler", "extensions"),
    *("gallery", "tables", "compare", "monitoring"),
    *("distributed", "backends", "spiders", "addon", "commands"),
)


def imports() -> dict[str, set[str]]:
    """Return the modules that each module of the package imports, for types too."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / PACKAGE).rglob("*.py")
    }
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        graph[name] = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE):
                for alias in node.names:
                    member = f"{node.module}.{alias.name}"
                    graph[name].add(member if member in modules else node.module or "")
    return graph


def place_of(module: str) -> str:
    """Return the folder of a module; for a module at the package's top, the module."""
    return module.removeprefix(PACKAGE).removeprefix(".").partition(".")[0]


def test_modules_do_not_import_each_other_in_cycles() -> None:
    TopologicalSorter(imports()).prepare()


def test_imports_between_folders_run_one_way() -> None:
    places = {place_of(module) for module in imports()} - {""}
    assert places == set(ORDER), "ORDER has to name every folder and top module, and nothing else"
    rank = {place: number for number, place in enumerate(ORDER)} | {"": -1}
    upward = [
        f"{module} imports {used}"
        for module, modules in imports().items()
        for used in modules
        if rank[place_of(used)] > rank[place_of(module)]
    ]
    assert not upward, "\n".join(upward)


def first_line(place: str) -> str:
    """Return the first paragraph of the docstring of a folder or module."""
    path = ROOT / PACKAGE / place
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
    return docstring.partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def shown(place: str) -> str:
    return f"{place}/" if (ROOT / PACKAGE / place).is_dir() else f"{place}.py"


def test_the_docs_show_the_same_order() -> None:
    rows = [f"| `{shown(place)}` | {first_line(place)} |" for place in ORDER]
    text = (ROOT / "docs" / "internals.md").read_text("utf-8")
    table = "\n".join(rows)
    assert table in text, f"docs/internals.md should have:\n{table}"


def test_the_sandbox_imports_nothing_else_of_the_package() -> None:
    for name, used in imports().items():
        if name.startswith(f"{PACKAGE}.sandbox"):
            assert all(module.startswith(f"{PACKAGE}.sandbox") for module in used), name


@pytest.mark.parametrize("command", ["crawl", "tmapi"])
def test_commands_load_only_what_a_crawl_needs(command: str) -> None:
    """Scrapy loads both commands at every start, whatever the command line says."""
    code = f"import sys, {PACKAGE}.commands.{command}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"redis", "scrapy_redis", "aiohttp.web", "openpyxl", "spidermon"} & set(loaded)
