"""CONTRIBUTING.md is true: its map, its commands, and its worked examples."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLES = dict(
    re.findall(
        r"(?ms)^### (.+?)\n(.+?)(?=^### |\Z)",
        GUIDE.partition("\n## Worked examples\n")[2],
    )
)
BLOCK = re.compile(r"^```(diff|sh)\n(.+?)^```$", re.MULTILINE | re.DOTALL)

#: Not part of the repository.
MADE = {"__pycache__", "output", "dist", "build"}


def test_the_map_has_every_folder() -> None:
    section = GUIDE.partition("\n## The folders\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| \[?`([\w.]+)/`", section, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    folders = {name for name in included if (ROOT / name).is_dir()}
    assert listed == {*folders, ".ci"}


def test_each_folder_of_tests_is_named_like_one_of_the_package_or_is_listed() -> None:
    section = GUIDE.partition("\n## The tests\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([\w.]+)/`", section, re.MULTILINE))
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/__init__.py")}
    package = {path.parent.name for path in (ROOT / "tmapi_spiders").glob("*/__init__.py")}
    assert listed <= folders
    assert folders - package <= listed


def test_every_make_target_is_listed() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    section = GUIDE.partition("\n## Running things\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `make ([\w-]+)` \|", section, re.MULTILINE))
    assert listed == {*phony.split()} - {"clean"}


def apply(diff: str, root: Path) -> Path:
    """Apply a diff without line numbers; return the file.

    A diff without context is added at the end of the file, which need not exist.
    """
    header, _, body = diff.partition("\n")
    path = root / header.removeprefix("+++ ")
    lines = body.splitlines()
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    text = path.read_text("utf-8") if path.exists() else ""
    if old:
        assert text.count(old) == 1, f"{path.name} has not, or more than once:\n{old}"
        text = text.replace(old, new)
    else:
        text += new
    path.write_text(text, "utf-8")
    return path


def copy_of_root(tmp_path: Path) -> Path:
    """Return a copy of the repository."""
    ignored = shutil.ignore_patterns(*MADE, ".*")
    return shutil.copytree(ROOT, tmp_path / "copy", ignore=ignored)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_worked_example_fits_the_code(name: str, tmp_path: Path) -> None:
    copy = copy_of_root(tmp_path)
    for language, block in BLOCK.findall(EXAMPLES[name]):
        if language == "diff":
            path = apply(block, copy)
            if path.suffix == ".py":
                compile(path.read_text("utf-8"), path, "exec")
        else:
            named = re.findall(r"(?:fixtures|tests|tmapi_spiders)/[\w/.]+", block)
            assert [path for path in named if not (copy / path).exists()] == []


@pytest.mark.long
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_worked_example_works(name: str, tmp_path: Path) -> None:
    copy = copy_of_root(tmp_path)
    for language, block in BLOCK.findall(EXAMPLES[name]):
        if language == "diff":
            apply(block, copy)
            continue
        commands = block.replace(".venv/bin/python", shlex.quote(sys.executable))
        done = subprocess.run(
            ["/bin/sh", "-euc", commands],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
