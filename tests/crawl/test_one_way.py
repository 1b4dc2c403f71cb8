"""Every test of a crawl runs both ways, or is on the list of those that can't."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crawl.one_way import ONE_WAY

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent


def functions(path: Path) -> Iterator[tuple[str, set[str]]]:
    """Yield the functions of a module and of its classes, with their parameters."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node.name, {argument.arg for argument in node.args.args}


def is_both_ways(takes: set[str], fixtures: dict[str, set[str]]) -> bool:
    """Return whether a test takes ``way``, or a fixture that does."""
    return "way" in takes or any(
        is_both_ways(fixtures[name] - {name}, fixtures) for name in takes & fixtures.keys()
    )


def one_way(path: Path) -> set[str]:
    """Return the tests of a module that run one way."""
    fixtures: dict[str, set[str]] = {}
    for file in (HERE.parent / "conftest.py", HERE / "conftest.py", path):
        fixtures |= dict(functions(file))
    return {
        name
        for name, takes in functions(path)
        if name.startswith("test_") and not is_both_ways(takes, fixtures)
    }


def test_the_list_of_what_runs_one_way_is_whole_and_has_no_more() -> None:
    modules = {path.stem: one_way(path) for path in HERE.glob("test_*.py")}
    del modules[Path(__file__).stem]
    alone = {f"{module}::{name}" for module, names in modules.items() for name in names}
    named = {test for test in alone if {test, test.partition("::")[0]} & ONE_WAY.keys()}
    assert alone == named, "let them take `crawl` or `way`, or say in one_way.py why not"
    needed = alone | {test.partition("::")[0] for test in alone}
    assert needed >= ONE_WAY.keys(), "these run both ways, or are gone"
    both = {test for test in ONE_WAY if test not in modules and test.partition("::")[0] in ONE_WAY}
    assert not both, "their modules are there as a whole"
