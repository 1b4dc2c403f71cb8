"""No output is written through a link: the link's target stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.compare.days import Series, item
from tests.gallery.gallery_jobs import JobFolder, product

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler

pytestmark = pytest.mark.long  # make long

SEEDS = "/search/a/onepage.jpg"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file of the user's, which links lead to."""
    path = tmp_path / "precious.txt"
    path.write_text("precious")
    return path


def plant(path: Path, target: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def test_a_crawl_writes_through_no_link(crawl: Crawler, precious: Path) -> None:
    names = ("products.jsonl", "sightings.jsonl", "outcomes.jsonl", "job.json")
    for name in names[:3]:
        plant(crawl.output / "j" / name, precious)
    for name in names:
        plant(crawl.output / "j" / f"{name}.part", precious)
    done = crawl(seeds=SEEDS)
    assert done.exit_status == 0, done.log
    assert precious.read_text() == "precious"
    assert done.products
    assert not [path for path in done.folder.iterdir() if path.is_symlink()]


def test_a_gallery_and_a_table_write_through_no_link(
    offline: Crawler, precious: Path, tmp_path: Path
) -> None:
    job = JobFolder(offline.output / "j")
    job.seed("A", product(1))
    folder = job.write()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    page = plant(folder / "gallery.html", precious)
    plant(folder / "gallery.html.part", precious)
    done = offline.command("tmapi", "gallery", "j", "--thumbnails", "0")
    assert done.exit_status == 0, done.log
    assert f"gallery: {page} is a link to {precious}: the link is replaced" in done.log
    assert "<!doctype html>" in page.read_text()
    for suffix in ("xlsx", "csv", "parquet"):
        table = plant(tmp_path / f"table.{suffix}", precious)
        plant(tmp_path / f"table.{suffix}.part", precious)
        plant(tmp_path / f"table.{suffix}.part.d", elsewhere)
        done = offline.command("tmapi", "export", "j", "-o", str(table))
        assert done.exit_status == 0, done.log
        assert f"export: {table} is a link to {precious}" in done.log
        assert table.stat().st_size > 20
    assert precious.read_text() == "precious"
    assert (elsewhere / "kept").exists()
    assert not [path for path in (*tmp_path.iterdir(), *folder.iterdir()) if ".part" in path.name]


def test_a_comparison_writes_through_no_link(
    offline: Crawler, precious: Path, tmp_path: Path
) -> None:
    series = Series(offline.output)
    series.day(1).query("A", item(1)).write()
    series.day(2).query("A", item(1, "9.00")).write()
    for name in ("changes.jsonl", "page.html"):
        plant(tmp_path / name, precious)
        plant(tmp_path / f"{name}.part", precious)
    words = ("-o", str(tmp_path / "changes.jsonl"), "--html", str(tmp_path / "page.html"))
    done = offline.command("tmapi", "compare", "watch", *words, "--thumbnails", "0")
    assert done.exit_status == 5, done.log
    assert done.log.count("the link is replaced, and what it leads to stays as it was") == 2
    assert precious.read_text() == "precious"
    assert '"change":"price"' in (tmp_path / "changes.jsonl").read_text()


def test_the_users_own_link_to_another_disk_is_followed_and_mentioned(
    crawl: Crawler, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    crawl.output.symlink_to(disk)
    done = crawl(seeds=SEEDS)
    assert done.exit_status == 0, done.log
    assert f"into {crawl.output / 'j'} (a link leads to {disk / 'j'})" in done.log
    assert (disk / "j" / "products.jsonl").is_file()
