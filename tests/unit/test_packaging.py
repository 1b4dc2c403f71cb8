"""The wheel, the sdist and scrapyd's egg hold what they should, and work."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT, Crawler

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import SandboxThread

pytestmark = pytest.mark.long  # each test builds something


def run(*words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and the sdist in a folder, and unpack the sdist there."""
    folder = tmp_path_factory.mktemp("built")
    run("-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        sdist.extractall(folder, filter="data")
    return folder


def unpacked(built: Path) -> Path:
    return next(path for path in built.iterdir() if path.is_dir())


def test_the_sdist_has_what_its_tests_need(built: Path) -> None:
    sdist = unpacked(built)
    for folder in ("tests", "docs", "fixtures", "settings", "benchmarks", "tmapi_spiders"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert (sdist / path.relative_to(ROOT)).is_file(), path
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert " passed" in run(*words, "tests/unit/test_docs.py", cwd=sdist)


def test_the_wheel_runs_outside_the_repository(
    built: Path, tmp_path: Path, sandbox: SandboxThread
) -> None:
    (wheel,) = built.glob("*.whl")
    site, here = tmp_path / "site", tmp_path / "here"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site))
    here.mkdir()
    run(*pip, str(wheel), cwd=here)
    crawl = Crawler(tmp_path / "output", sandbox.url, here)
    environment = crawl.environment(PYTHONPATH=str(site))
    where = run("-c", "import tmapi_spiders as t; print(t.__file__)", cwd=here, env=environment)
    assert where.startswith(str(site))
    addon = 'ADDONS={"tmapi_spiders.addon.TmapiAddon": 500}'
    words = ("-m", "scrapy", "crawl", "image_search", "-s", addon, "-a", "job=j")
    told = run(*words, "-a", "seeds=/search/a/onepage.jpg", cwd=here, env=environment)
    assert "j: 1 query: 1 complete" in told
    run("-m", "scrapy", "tmapi", "gallery", "j", "--thumbnails", "0", cwd=here, env=environment)


def test_the_egg_of_scrapyd_deploy_names_its_settings(built: Path, tmp_path: Path) -> None:
    words = ("setup.py", "bdist_egg", "-d", str(tmp_path))  # what scrapyd-deploy runs
    quiet = {"PYTHONWARNINGS": "ignore"}  # setuptools warns of what scrapyd still uses
    run(*words, cwd=unpacked(built), env={**os.environ, **quiet})
    with zipfile.ZipFile(next(tmp_path.glob("*.egg"))) as egg:
        names = egg.namelist()
        points = egg.read("EGG-INFO/entry_points.txt").decode()
    assert "[scrapy]\nsettings = settings.local\n" in points
    assert "tmapi = tmapi_spiders.commands.tmapi:Command" in points
    assert {"settings/local.py", "tmapi_spiders/gallery/assets/gallery.html"} < set(names)
    assert any(name.endswith("/common.lua") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "docs/", "benchmarks/"))]
