"""Imports flow one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

from tests.support import ROOT

PACKAGE = "tmapi_spiders"


def imports() -> dict[str, set[str]]:
    """Return the modules that each module of the package imports, for types included."""
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


def test_there_are_no_cycles() -> None:
    order = list(TopologicalSorter(imports()).static_order())
    assert order.index(f"{PACKAGE}.inputs.seeds") < order.index(f"{PACKAGE}.addon")


def test_the_sandbox_knows_nothing_of_the_crawl() -> None:
    for name, used in imports().items():
        if name.startswith(f"{PACKAGE}.sandbox"):
            assert all(module.startswith(f"{PACKAGE}.sandbox") for module in used), name


@pytest.mark.parametrize("command", ["crawl", "tmapi"])
def test_a_crawl_loads_what_it_needs_only(command: str) -> None:
    """Scrapy loads both commands at each start, whatever it is asked to do."""
    code = f"import sys, {PACKAGE}.commands.{command}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"redis", "scrapy_redis", "aiohttp.web", "openpyxl", "spidermon"} & set(loaded)
