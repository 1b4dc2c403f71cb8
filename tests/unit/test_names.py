"""Modules and classes have nouns for names, and no two have the same."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.support import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = ROOT / "tmapi_spiders"

#: Nouns of the field that end in -ing.
NOUNS = {"monitoring", "paging", "wording"}

#: Names that say nothing.
SAY_NOTHING = {"common", "helpers", "manager", "misc", "parts", "utils", "ways"}


def modules() -> Iterator[Path]:
    """Yield the package's modules and folders."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.parent if path.name == "__init__.py" else path


def test_modules_are_nouns() -> None:
    names = {path.stem for path in modules()}
    assert not {name for name in names if name.endswith("ing")} - NOUNS
    assert not names & SAY_NOTHING


def test_no_two_modules_have_one_name() -> None:
    """Except in the sandbox, which is separate, and subcommands, which are named by users."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        if path.parent.name not in {"commands", "sandbox"}:
            found[path.stem].append(str(path.relative_to(PACKAGE.parent)))
    assert not {name: places for name, places in found.items() if len(places) > 1}


def test_no_two_public_classes_have_one_name() -> None:
    """Except ``Command``, the name that Scrapy gives its own."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(PACKAGE)))
    del found["Command"]
    assert not {name: places for name, places in found.items() if len(places) > 1}
