"""The archive replays paid answers without a call; what can't be kept stops the job."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.crawl.test_storage import crawl_on_full_disk
from tests.support import TOKEN, Crawl, Crawler, in_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support import SandboxThread
    from tests.ways import Way

SEEDS = ",".join(f"/search/a/{number}.jpg" for number in range(8))


def rows_of(folder: Path) -> list[tuple[str, bytes, int]]:
    connection = sqlite3.connect(folder / "archive.sqlite")
    rows = connection.execute("SELECT request, body, repeat FROM answers").fetchall()
    connection.close()
    return rows


def content(done: Crawl) -> tuple[Any, ...]:
    """Return everything that a replay must reproduce."""

    def key(row: dict[str, Any]) -> tuple[str, ...]:
        return (row["query_id"], str(row.get("page")), str(row.get("rank")))

    outcomes = [
        {name: value for name, value in row.items() if name != "new_items"} for row in done.outcomes
    ]
    ids = sorted((row["language"], row["item_id"]) for row in done.products)
    return ids, sorted(done.sightings, key=key), sorted(outcomes, key=key)


def test_a_finished_job_run_again_makes_no_call(alone: Crawler, sandbox: SandboxThread) -> None:
    first = content(alone(seeds=SEEDS, sort="default,sales", page_size=10))
    calls = sandbox.stats["calls"]
    for arguments in ({"seeds": SEEDS, "sort": "default,sales", "page_size": 10}, {}):
        again = alone(**arguments)
        assert again.exit_status == 0
        assert sandbox.stats["calls"] == calls
        assert content(again) == first, "when it was paid for included"
        day = again.products[0]["fetched_at"][:10]
        assert f"  no call: replayed {calls} pages, paid on {day}" in again.log
        first_line = next(line for line in again.log.splitlines() if line.startswith("j: "))
        assert first_line.startswith(
            f"j: replays the answers paid for on {day}, and requests nothing new"
        )
        assert "To search again: -a series=j instead of -a job=j" in first_line
        assert (again.job["calls"], again.job["calls_of_last_run"]) == (calls, 0)
    assert again.job["arguments"]["sort"] == "default,sales"


def test_the_archive_holds_each_page_once_and_never_the_token(
    alone: Crawler, sandbox: SandboxThread
) -> None:
    done = alone(seeds=f"{SEEDS},/search/a/echo.jpg", page_size=10)
    rows = rows_of(done.folder)
    assert len(rows) == sum(row["pages"] for row in done.outcomes) == sandbox.stats["ok"]
    assert len({request for request, _, _ in rows}) == len(rows)
    for request, body, _ in rows:
        assert request.startswith("GET /1688/global/search/image/v2?language=en&img_url=")
        assert json.loads(zlib.decompress(body))["code"] == 200
    for path in done.folder.iterdir():
        assert TOKEN.encode() not in path.read_bytes(), path


def test_a_sandboxs_new_port_is_the_same_job(offline: Crawler) -> None:
    first = content(offline("-s", "TMAPI_SANDBOX=1", seeds=SEEDS))
    again = offline("-s", "TMAPI_SANDBOX=1", job="j")
    assert "no call: replayed" in again.log
    assert content(again) == first


def test_a_lost_job_json_does_not_mix_sources(alone: Crawler, sandbox: SandboxThread) -> None:
    made_up = alone("-s", "TMAPI_SANDBOX=1", seeds=SEEDS)
    (made_up.folder / "job.json").unlink()
    mixed = alone(seeds=SEEDS)
    assert mixed.exit_status == 2
    assert "its answers come from sandbox" in mixed.log
    assert sandbox.stats["calls"] == 0


def test_a_middleware_that_bypasses_the_archive_pays_for_nothing(
    way: Way, sandbox: SandboxThread, tmp_path: Path
) -> None:
    module = (
        'DOWNLOADER_MIDDLEWARES = {"own.Fresh": 100}\n'
        "class Fresh:\n"
        "    def process_request(self, request):\n"
        '        request.meta["dont_cache"] = True\n'
    )
    done = way.in_project(tmp_path / "p", sandbox.url, module)(seeds=SEEDS)
    assert done.exit_status == 3
    assert "dont_cache would bypass the job's archive" in done.outcomes[0]["message"]
    assert sandbox.stats["calls"] == 0


def test_the_command_to_go_on_has_the_arguments_until_job_json_has_them(
    alone: Crawler, sandbox: SandboxThread
) -> None:
    alone(seeds="/search/a/old.jpg", max_pages=1)
    (alone.output / "j" / "job.json.part").mkdir()
    done = alone(seeds="/search/a/new.jpg", max_pages=1)
    assert done.exit_status == 4
    command = "    scrapy crawl image_search -a seeds=/search/a/new.jpg -a max_pages=1 -a job=j\n"
    assert command in done.log


def test_changed_arguments_pay_for_what_is_new_only(alone: Crawler, sandbox: SandboxThread) -> None:
    alone(seeds="/search/a/1.jpg,/search/a/2.jpg", max_pages=1)
    assert sandbox.stats["calls"] == 2
    more = alone(seeds="/search/a/2.jpg,/search/a/3.jpg", sort="default,sales", max_pages=1)
    assert sandbox.stats["calls"] == 2 + 3
    assert len(more.outcomes) == 4
    assert sum(row["calls"] for row in more.outcomes) == 4
    assert more.job["calls"] == 5
    assert {row["seed"] for row in more.products} <= {"/search/a/2.jpg", "/search/a/3.jpg"}
    deeper = alone(job="j", max_pages=2)
    assert sandbox.stats["calls"] == 5 + 4
    assert {row["pages"] for row in deeper.outcomes} == {2}


def test_arguments_need_not_be_repeated_even_from_elsewhere(
    sandbox: SandboxThread, tmp_path: Path
) -> None:
    project = tmp_path / "p"
    crawl = in_project(project, sandbox.url, "")
    (project / "seeds.txt").write_text("/search/a/1.jpg\n/search/a/2.jpg\n")
    first = crawl(seeds="seeds.txt", max_pages=1, series="watch")
    assert first.exit_status == 0
    (name,) = [path.name for path in crawl.output.glob("watch-*")]
    (project / "below").mkdir()
    elsewhere = attrs.evolve(crawl, project=project / "below")
    again = elsewhere(job=name)
    assert again.exit_status == 0
    assert "no call: replayed 2 pages" in again.log
    assert len(again.outcomes) == 2
    (project / "seeds.txt").unlink()
    gone = elsewhere(job=name)
    assert gone.exit_status == 2
    assert f"seeds={project / 'seeds.txt'}: no such file" in gone.log


def test_a_parsers_bug_costs_no_second_call(sandbox: SandboxThread, tmp_path: Path) -> None:
    module = (
        "import os\n"
        'SPIDER_MODULES = ["own"]\n'
        "from tmapi_spiders.spiders.image_search import ImageSearchSpider\n"
        "class Own(ImageSearchSpider):\n"
        '    name = "own"\n'
        "    def parse(self, response, **kwargs):\n"
        '        if os.environ.get("BUG"): raise ValueError("a bug")\n'
        "        yield from super().parse(response, **kwargs)\n"
    )
    crawl = in_project(tmp_path / "p", sandbox.url, module)
    process = crawl.start(spider="own", seeds="/search/a/teapot.jpg", job="j", env={"BUG": "1"})
    broken = crawl.finish(process)
    assert (broken.exit_status, broken.outcome["status"]) == (3, "failed")
    assert sandbox.stats["calls"] == 1
    mended = crawl.finish(crawl.start(spider="own", job="j"))
    assert (mended.exit_status, mended.outcome["status"]) == (0, "complete")
    assert sandbox.stats["calls"] == mended.outcome["calls"] == mended.outcome["pages"]


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 5000)


def scratch(path: Path) -> None:
    """Change a few bytes in the middle of a stored answer, which SQLite does not notice."""
    connection = sqlite3.connect(path)
    (body,) = connection.execute("SELECT body FROM answers ORDER BY length(body) DESC").fetchone()
    connection.close()
    content = path.read_bytes()
    # SQLite splits a large body into several of its pages.
    place = content.index(body[200:216])
    path.write_bytes(content[:place] + b"0123456789abcdef" + content[place + 16 :])


def remove(path: Path) -> None:
    path.unlink()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "it is damaged"),
        (empty, "it is damaged (it is empty)"),
        (garbage, "it is damaged (file is not a database)"),
        (scratch, "it is damaged (the answer to GET /1688"),
        (remove, "it is missing"),
        (newer, "it is of a newer version of tmapi_spiders"),
    ],
)
def test_a_damaged_archive_stops_before_more_is_paid(
    alone: Crawler, sandbox: SandboxThread, damage: Callable[[Path], None], message: str
) -> None:
    first = alone(seeds=SEEDS)
    before = (first.folder / "products.jsonl").read_bytes()
    calls = sandbox.stats["calls"]
    damage(first.folder / "archive.sqlite")
    again = alone(seeds=f"/search/a/new.jpg,{SEEDS}")
    assert again.exit_status == 4
    assert f"archive.sqlite: {message}" in again.log
    assert "nothing was sent" in again.log
    assert "Traceback" not in again.log
    assert sandbox.stats["calls"] == calls
    assert (first.folder / "products.jsonl").read_bytes() == before


@pytest.mark.parametrize("size", [30_000, pytest.param(150_000, marks=pytest.mark.long)])
def test_a_full_disk_under_the_archive(alone: Crawler, sandbox: SandboxThread, size: int) -> None:
    seeds = ",".join(f"/search/a/{number}.jpg" for number in range(30))
    full = crawl_on_full_disk(alone, size, seeds)
    assert full.exit_status == 4
    assert "archive.sqlite: it can't be used (" in full.log
    assert "Traceback" not in full.log
    calls = sandbox.stats["calls"]
    assert calls < 60
    if full.folder.joinpath("outcomes.jsonl").exists():
        outcomes = full.outcomes
        assert len({row["query_id"] for row in outcomes}) == len(outcomes) == 30
        assert {row["reason"] for row in outcomes} <= {"last_page", "storage"}
    stored = len(rows_of(full.folder)) if calls else 0
    if lost := calls - stored:
        told = f"  {lost} call{'s' * (lost > 1)} answered while the archive could not be written"
        assert told in full.log
        assert lost <= 16, "no more than may be in flight"
    resumed = alone(seeds=seeds)
    assert resumed.exit_status == 0
    fresh = alone(seeds=seeds, job="fresh")
    pages = sum(row["pages"] for row in fresh.outcomes)
    assert sandbox.stats["calls"] == calls + (pages - stored) + pages, "what is stored is replayed"
    assert content(resumed)[0] == content(fresh)[0]


def test_a_replayed_answer_keeps_its_time(alone: Crawler) -> None:
    first = alone(seeds="/search/a/teapot.jpg", page_size=10, max_pages=2)
    old = {row["item_id"]: row["fetched_at"] for row in first.products}
    outcome = first.outcome
    more = alone(seeds="/search/a/teapot.jpg", page_size=10, max_pages=3)
    assert {row["fetched_at"] for row in more.products if row["item_id"] in old} == set(
        old.values()
    )
    assert len({row["fetched_at"] for row in more.products}) == 3
    assert more.outcome["started_at"] == outcome["started_at"]
    assert more.outcome["finished_at"] > outcome["finished_at"]
    assert "1 call, " in more.log
    assert "j: resumes this job, replaying 2 pages paid for on " in more.log
    assert "(2 calls so far); what its arguments add is requested now." in more.log
    assert "2 pages replayed, paid on " in more.log


def test_two_processes_on_one_output_folder_share_conversions(
    alone: Crawler, sandbox: SandboxThread
) -> None:
    seeds = ",".join(f"https://shop.example/onepage-{number}.jpg" for number in range(20))
    processes = [alone.start(seeds=seeds, job=name) for name in ("a", "b")]
    for process, name in zip(processes, ("a", "b"), strict=True):
        done = alone.finish(process, name)
        assert done.exit_status == 0
        assert {row["status"] for row in done.outcomes} == {"complete"}
    third = alone(seeds=seeds, job="c")
    assert third.exit_status == 0
    assert third.job["calls"] == 20
