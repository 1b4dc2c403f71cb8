"""Evidence against an ending: in the outcome, the summary, job.json, stats and tables."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.doubtful_endings import COUNTS, ENDINGS, WORDS, endings_of, write_seeds
from tests.support import CannedApi, page_of
from tmapi_spiders.crawl.evidence import EVIDENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler
    from tests.ways import Way


def test_every_kind_of_evidence(way: Way, crawl: Crawler, tmp_path: Path) -> None:
    done = crawl("-s", "TMAPI_RETRY_TIMES=0", seeds=write_seeds(tmp_path), page_size=5)
    assert done.exit_status == 3
    assert endings_of(done.outcomes) == ENDINGS
    assert done.job["evidence"] == COUNTS
    assert f"\n  {WORDS}" in done.told
    if way.alone:
        assert f"{WORDS}; outcomes.jsonl says which\n" in done.log
        for code, count in COUNTS.items():
            assert (f"'tmapi/evidence/{code}': {count}" in done.log) == (code != "all")
    else:
        assert "9 of its queries have evidence against the ending: " in done.log
        assert f"\n  {WORDS}\n" in crawl.command("tmapi", "status", "j").stdout
        status = crawl.command("tmapi", "status", "j", "--json").stdout
        assert json.loads(status)["evidence"] == COUNTS
    assert {row["total_count"] for row in done.outcomes if "bigtotal" in row["seed_id"]} == {2000}
    table = tmp_path / "outcomes.csv"
    told = crawl.command("tmapi", "export", "j", "-o", str(table), "--table", "outcomes")
    assert told.exit_status == 0, told.log
    rows = csv.DictReader(io.StringIO(table.read_text("utf-8"), newline=""))
    assert {row["seed_id"]: row["evidence"] for row in rows} == {
        seed: "; ".join(evidence) for seed, (_, evidence) in ENDINGS.items()
    }
    shown = crawl.command("tmapi", "gallery", "j", "--thumbnails", "0")
    assert shown.exit_status == 0, shown.log
    html = (done.folder / "gallery.html").read_text("utf-8")
    for meaning in EVIDENCE.values():
        assert json.dumps(meaning) in html
    # When the job runs again, all of it is replayed, and ends as before.
    again = crawl("-s", "TMAPI_RETRY_TIMES=0", seeds=write_seeds(tmp_path), page_size=5)
    assert endings_of(again.outcomes) == ENDINGS


@pytest.mark.both_ways
def test_a_page_of_elements_without_an_id_found_nothing_and_says_so(way: Way) -> None:
    with CannedApi(page_of('{"item_id": ""}', "null", has_next_page=False)) as api:
        done = way(api.url)(seeds="/search/a/lamp.jpg")
    outcome = done.outcome
    assert (outcome["status"], outcome["items"], outcome["rejected_items"]) == ("complete", 0, 2)
    assert outcome["evidence"] == ["unreadable_ids"]


@pytest.mark.both_ways
def test_what_a_pipeline_rejects_is_no_evidence(way: Way, tmp_path: Path) -> None:
    module = (
        'ITEM_PIPELINES = {"own.Spoil": 1}\n'
        "class Spoil:\n"
        "    def process_item(self, item):\n"
        "        item.rank = -1\n"
        "        return item\n"
    )
    with CannedApi(page_of('{"item_id": 612345678901}')) as api:
        done = way.in_project(tmp_path / "p", api.url, module)(seeds="/search/a/lamp.jpg")
    outcome = done.outcome
    assert (outcome["rejected_items"], outcome["evidence"]) == (1, []), done.log


class PagesApi(CannedApi):
    """A server with separate content for each page of a search."""

    def __init__(self, *pages: bytes) -> None:
        super().__init__(b"")
        handler = self._server.RequestHandlerClass

        def do_GET(request: Any) -> None:  # noqa: N802 - the base class asks for that name
            page = parse_qs(urlsplit(request.path).query)["page"][0]
            body = pages[int(page) - 1]
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)

        handler.do_GET = do_GET  # type: ignore[attr-defined]


def page(total: int | None, *ids: int, has_next_page: bool) -> bytes:
    items = [f'{{"item_id": {number}}}' for number in ids]
    body = page_of(*items, has_next_page=has_next_page)
    count = "null" if total is None else str(total)
    return body.replace(b'"data": {', f'"data": {{"total_count": {count}, '.encode())


@pytest.mark.parametrize("last", [0, None])
def test_an_empty_last_page_does_not_take_back_the_count(way: Way, last: int | None) -> None:
    first = page(688, *range(1, 8), has_next_page=True)
    with PagesApi(first, page(last, has_next_page=False)) as api:
        outcome = way(api.url)(seeds="/search/a/lamp.jpg").outcome
    assert (outcome["reason"], outcome["pages"], outcome["total_count"]) == ("empty_page", 2, 688)
    assert outcome["evidence"] == ["short_of_count"]


@pytest.mark.long
def test_a_collapse_is_reported_a_day_late(way: Way, tmp_path: Path) -> None:
    """Crawls of four days: complete; cut short by an empty next page; the same again; complete."""
    all_of_it = (page(688, *range(1, 9), has_next_page=False),)
    cut = (page(688, 1, 2, 3, has_next_page=True), page(0, has_next_page=True))
    told = []
    for day, pages in enumerate((all_of_it, cut, cut, all_of_it), 1):
        job = f"watch-2026110{day}T180000Z"
        with PagesApi(*pages) as api:
            crawl = way(api.url)
            done = crawl(job=job, seeds="/search/a/lamp.jpg")
        assert done.exit_status == 0, done.log
        path = done.folder / "job.json"  # each day's server has a port of its own
        path.write_text(re.sub(r'"127\.0\.0\.1:\d+"', '"api.tmapi.io"', path.read_text()))
        if day > 1:
            crawl.command("tmapi", "compare", "watch", "-o", str(tmp_path / "changes.jsonl"))
            lines = (tmp_path / "changes.jsonl").read_text("utf-8").splitlines()
            changes = [json.loads(line) for line in lines]
            told.append({(change["change"], change["item_id"]) for change in changes})
    lost = range(4, 9)
    assert told == [
        {("unknown", item) for item in lost},
        {("gone", item) for item in lost},
        {("first_seen", item) for item in lost},  # there was evidence against the old reading
    ]
