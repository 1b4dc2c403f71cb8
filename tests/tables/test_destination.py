"""Files are never written over the user's own, or over paid answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gallery.gallery_jobs import make_gallery
from tests.tables.export_jobs import outcome, product

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tables.export_jobs import Exporter


@pytest.mark.parametrize("seeds", ["list.csv", "elsewhere/list.csv"])
def test_the_users_own_list_is_not_replaced(
    export: Exporter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: str
) -> None:
    path = tmp_path / seeds
    path.parent.mkdir(exist_ok=True)
    path.write_text("image\n")
    export.write(product(), arguments={"seeds": seeds}, directory=str(tmp_path))
    monkeypatch.chdir(path.parent)
    for given in (str(path), path.name, f"./{path.name}"):
        done = export("", output=given)
        assert done.status == 2
        assert "it is the list that the job j was crawled from" in done.complained
    path.rename(tmp_path / "list.html")
    export.write(product(), arguments={"seeds": "list.html"}, directory=str(tmp_path))
    page = make_gallery(export.output, "j", "-o", str(tmp_path / "list.html"))
    assert (page.exit_status, (tmp_path / "list.html").read_text()) == (2, "image\n")
    assert export("table.csv").status == 0


def test_the_jobs_own_files_are_not_replaced(export: Exporter) -> None:
    export.write(product())
    for name in ("products.jsonl", "job.json", "archive.sqlite"):
        (export.folder / name).touch()
        before = (export.folder / name).read_bytes()
        page = make_gallery(export.output, "j", "-o", str(export.folder / name))
        table = export("", output=str(export.folder / name))
        assert (page.exit_status, table.status) == (2, 2)
        assert (export.folder / name).read_bytes() == before


def test_an_export_without_a_file_of_a_job_that_is_not_on_redis(export: Exporter) -> None:
    export.write(product())
    done = export("", output=None)
    assert done.status == 2
    assert f"its files are in {export.folder}." in done.complained
    assert "scrapy tmapi export j -o j.xlsx" in done.complained


def test_failed_queries_are_reported(export: Exporter) -> None:
    queries = {"all": 12, "complete": 9, "failed": 2, "partial": 1}
    export.write(product(), outcomes=(outcome(status="failed"),), queries=queries)
    told = "3 of 12 queries failed or are incomplete"
    assert told in export("table.csv").complained
    assert told in make_gallery(export.output, "j", "--thumbnails", "0").stdout
