"""Workers on a user's own table: its columns, ids and arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.distributed.shared import Shared, result_of, result_of_crawl
from tests.support import Crawler, SandboxThread

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer

ROWS = [
    "sku;image;id;search_sort;search_max_pages;search_language",
    "00123;https://cbu01.alicdn.com/lamp.jpg;AB 12/4 é;sales,default;1;en,ru",
    "=1+1;https://shop.example/b.jpg;;;;",
    "7;https://shop.example/c.jpg;C {1};;2;ja",
    "8;https://cbu01.alicdn.com/lamp-unreadable.jpg;D;price_up;;",
    "9;https://shop.example/unconvertible.jpg;E;;;",
    "10;https://shop.example/d-fail-422-denied.jpg;F;sales,price_up;;",
]


def table(folder: Path, rows: list[str]) -> str:
    path = folder / "articles.csv"
    path.write_text("\n".join(rows), "utf-8")
    return str(path)


def keys_of(rows: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    return {(row["query_id"], row["seed_id"], row["seed_data"]["sku"]) for row in rows}


def test_the_result_is_that_of_a_local_crawl(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    seeds = table(tmp_path, ROWS)
    local = Crawler(tmp_path / "local", sandbox.url)(seeds=seeds, convert="auto")
    calls = sandbox.stats["calls"]
    sandbox.reset()
    start = redis_server.crawler(tmp_path / "shared", sandbox.url)
    processes = [start.start(seeds=seeds, job="j") for _ in range(2)]
    done = [start.finish(process) for process in processes]
    assert {crawl.exit_status for crawl in done} == {local.exit_status} == {3}, done[0].log
    assert all("Traceback" not in crawl.log for crawl in done)
    shared = Shared(redis_server.client)
    shared.check()
    assert result_of(shared) == result_of_crawl(local)
    assert sandbox.stats["calls"] == calls
    assert keys_of(shared.sightings) == keys_of(local.sightings)
    exported = start.command("tmapi", "export", "j")
    assert exported.exit_status == 0, exported.log
    assert keys_of(exported.outcomes) == keys_of(local.outcomes)
    assert len(exported.outcomes) == len(local.outcomes) == 4 + 1 + 1 + 1 + 1 + 2
    assert {row["seed_data"]["sku"] for row in exported.products} == {"00123", "=1+1", "7", "8"}
    # Conversions are kept by image, whatever the id; what failed is requested again.
    again = start.command("tmapi", "replay", "j", "--failed")
    assert "3 others that ended by an error are in the queue again" in again.stdout
    other = [ROWS[0], ROWS[2].replace(";;;;", ";G;;;"), ROWS[3]]
    before = sandbox.stats["calls"]
    kept = start(seeds=table(tmp_path, other), job="other")
    assert kept.exit_status == 0, kept.log
    pages = sum(int(row["pages"]) for row in Shared(redis_server.client, "other").outcomes.values())
    assert sandbox.stats["calls"] - before == pages


def test_rows_that_are_there_already_stay_as_they_were(
    tmp_path: Path, sandbox: SandboxThread, redis_server: RedisServer
) -> None:
    start = redis_server.crawler(tmp_path, sandbox.url)
    first = start.command("tmapi", "enqueue", "j", seeds=table(tmp_path, ROWS))
    assert "10 queries added (6 new seeds of 6)" in first.stdout, first.log
    rows = [*ROWS[:-1], ROWS[-1].replace("10;", "11;"), ROWS[2].replace(";;;;", ";G;;;")]
    again = start.command("tmapi", "enqueue", "j", seeds=table(tmp_path, rows))
    assert "1 query added (1 new seed of 7)" in again.stdout
    assert "1 seed is in the job already, with another row" in again.stdout
    assert "2 seeds share their image with another seed" in again.stdout
    wrong = start.command("tmapi", "enqueue", "j", seeds=table(tmp_path, [*ROWS, "12;lamp.jpg"]))
    assert wrong.exit_status == 2
    assert "line 8: 'lamp.jpg': it is not a URL" in wrong.log
    assert Shared(redis_server.client).facts["queries"] == "11"
