"""docs/reference.md lists what may be imported, and the docs name nothing else."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT
from tmapi_spiders.config.channels import CHANNELS, SUITE

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = "tmapi_spiders"
REFERENCE = ROOT / "docs" / "reference.md"

#: The pages and programs that users read, and copy from.
SOURCES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "docs" / "examples").rglob("*.py"),
        *(ROOT / "settings").glob("*.py"),
    ]
    if path.name not in {"CHANGELOG.md", "CONTRIBUTING.md"}  # which are about the inside, too
)


def listed() -> set[str]:
    """Return the import paths that the reference lists."""
    section = REFERENCE.read_text("utf-8").partition("\n## Public API\n")[2].partition("\n## ")[0]
    rows = re.findall(rf"^\| `({PACKAGE}[\w.]*)` \| ([^|]+) \|", section, re.MULTILINE)
    return {f"{module}.{name}" for module, names in rows for name in re.findall(r"`(\w+)`", names)}


PUBLIC = listed()


@pytest.mark.parametrize("path", sorted(PUBLIC))
def test_what_is_listed_can_be_imported(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = import_module(module)
    assert hasattr(found, name)
    assert name in found.__all__


def named_in(text: str) -> set[str]:
    """Return the import paths of the package that a text has.

    >>> sorted(named_in("from tmapi_spiders.items import Product, extracted"))
    ['tmapi_spiders.items.Product', 'tmapi_spiders.items.extracted']
    >>> named_in("the class `tmapi_spiders.addon.TmapiAddon`.")
    {'tmapi_spiders.addon.TmapiAddon'}
    """
    imports = re.compile(rf"from ({PACKAGE}[\w.]*) import (\([^)]*\)|[^\n]*)")
    found = {
        f"{module}.{name}"
        for module, names in imports.findall(text)
        for name in re.findall(r"\w+", names.partition("#")[0])
    }
    return found | set(re.findall(rf"\b{PACKAGE}(?:\.\w+)+", imports.sub("", text)))


def is_public(path: str) -> bool:
    """Return whether a path is listed, or is a module of one that is."""
    return path in PUBLIC or any(public.startswith(f"{path}.") for public in PUBLIC)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_docs_name_only_what_is_listed(source: Path) -> None:
    named = named_in(source.read_text("utf-8"))
    assert not {path for path in named if not is_public(path)}


def test_what_the_settings_name_is_listed() -> None:
    named = {SUITE, *(channel.action for channel in CHANNELS)}
    for module in ("addon.py", "feeds.py"):
        source = (ROOT / PACKAGE / module).read_text("utf-8")
        named |= set(re.findall(rf"\"({PACKAGE}(?:\.\w+)+)\"", source))
    assert not {path for path in named if not is_public(path)}


def folders() -> list[str]:
    """Return the import paths of the package's folders."""
    return [
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in sorted((ROOT / PACKAGE).rglob("*/__init__.py"))
    ]


@pytest.mark.parametrize("folder", folders())
def test_a_folder_says_that_it_is_internal(folder: str) -> None:
    sentence = (
        "Internal, except what docs/reference.md lists." if is_public(folder) else "Internal."
    )
    paragraphs = (import_module(folder).__doc__ or "").split("\n\n")
    assert paragraphs[1].strip() == sentence
