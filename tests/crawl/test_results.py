"""What a crawl writes: everything the API served, once, and one outcome per query."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawl, Crawler, SandboxThread
    from tests.ways import Way

SEEDS = "/search/a/teapot.jpg,https://cbu01.alicdn.com/hat.jpg,//img.alicdn.com/lamp.jpg"

PRODUCT_KEYS = (
    "item_id product_url title title_origin img category_path price sale_price origin_price "
    "price_source currency moq sale_quantity_90days sale_quantity_90days_text area_from "
    "free_shipping ship_in_48h company_name is_powerful_seller is_super_factory shop_years "
    "composite_score item_repurchase_rate low_refund_rate one_piece_min_order is_ad job seed "
    "seed_id seed_data query_id seed_img_url language sort price_start price_end filters page rank "
    "total_count fetched_at"
)
OUTCOME_KEYS = (
    "job query_id seed_id seed_data seed seed_img_url language sort price_start price_end filters "
    "status reason code message pages items new_items rejected_items calls retries total_count "
    "started_at finished_at evidence"
)
SIGHTING_KEYS = "job query_id seed_id seed_data item_id page rank price fetched_at"


@pytest.mark.both_ways
def test_all_that_was_served_is_written_once(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(seeds=SEEDS, sort="default,sales", language="en,ru")
    served = sandbox.get("/_sandbox/served")
    assert done.exit_status == 0
    ids = [(row["language"], row["item_id"]) for row in done.products]
    assert len(ids) == len(set(ids))
    assert set(ids) == {(language, item) for language, items in served.items() for item in items}
    assert len(ids) > 50
    outcomes = done.outcomes
    assert len({row["query_id"] for row in outcomes}) == len(outcomes) == 12
    assert {(row["status"], row["reason"]) for row in outcomes} == {("complete", "last_page")}
    assert sum(row["new_items"] for row in outcomes) == len(ids)
    assert sum(row["items"] for row in outcomes) == len(done.sightings)
    assert sum(row["calls"] for row in outcomes) == sandbox.stats["calls"] == done.job["calls"]
    for row in outcomes:
        assert row["items"] == row["total_count"]
        ranks = sorted(s["rank"] for s in done.sightings if s["query_id"] == row["query_id"])
        assert ranks == list(range(1, row["items"] + 1))


def test_every_line_has_every_key_in_order(crawl: Crawler) -> None:
    done = crawl(seeds=SEEDS, price="0-50", filters="free_shipping+is_factory,none", max_pages=2)
    for name, keys in (
        ("products", PRODUCT_KEYS),
        ("outcomes", OUTCOME_KEYS),
        ("sightings", SIGHTING_KEYS),
    ):
        assert {" ".join(row) for row in done.rows(name)} == {keys}
    flags = {"is_factory": True, "free_shipping": True}
    assert {tuple(row["filters"]) for row in done.outcomes} == {(), tuple(flags)}
    assert {(row["price_start"], row["price_end"]) for row in done.products} == {("0", "50")}


def test_a_second_job_has_the_same_results(crawl: Crawler) -> None:
    def essence(done: Crawl) -> object:
        return (
            {(row["item_id"], row["language"]) for row in done.products},
            {
                (row["query_id"], row["status"], row["reason"], row["items"])
                for row in done.outcomes
            },
            {(row["query_id"], row["rank"], row["item_id"]) for row in done.sightings},
        )

    first = crawl(seeds=SEEDS, sort="default,price_up")
    second = crawl(seeds=SEEDS, sort="default,price_up", job="second")
    assert essence(first) == essence(second)
    assert {row["job"] for row in second.products + second.outcomes + second.sightings} == {
        "second"
    }


def test_every_combination_is_asked_for_with_its_parameters(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    crawl(
        seeds="/search/a/teapot.jpg",
        sort="default,price_up",
        language="en,ja",
        price="0-10,10-",
        filters="none,support_dropshipping+new_arrival",
        page_size=7,
        max_pages=1,
    )
    asked = [call["params"] for call in sandbox.calls]
    assert len(asked) == 16
    assert len({tuple(sorted(params.items())) for params in asked}) == 16
    assert {params["page_size"] for params in asked} == {"7"}
    assert {params.get("price_end") for params in asked} == {"10", None}
    assert {params.get("new_arrival") for params in asked} == {"true", None}
    assert [call["auth"] for call in sandbox.calls] == ["query"] * 16


@pytest.mark.both_ways
def test_job_json_says_what_the_files_hold(
    way: Way, crawl: Crawler, sandbox: SandboxThread
) -> None:
    done = crawl("-s", "TMAPI_CALL_PRICE=0.25", seeds=SEEDS, max_pages=1)
    job = done.job
    for name in ("products.jsonl", "sightings.jsonl", "outcomes.jsonl"):
        content = (done.folder / name).read_bytes()
        assert job["files"][name] == {
            "lines": content.count(b"\n"),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    assert job["source"] == sandbox.url.removeprefix("http://")
    seeds = {"seeds": SEEDS, "job": "j"} if way.alone else {}  # a worker's job may have others
    assert job["arguments"] == {**seeds, "max_pages": "1"}
    assert (job["running"], job["exit_status"], job["calls"], job["cost"]) == (False, 0, 3, 0.75)
    assert "cost 0.75" in done.told
    assert not list(done.folder.glob("*.part"))


@pytest.mark.parametrize(("scope", "rows"), [("job", 1), ("seed", 2), ("query", 4)])
def test_dedupe_scope(crawl: Crawler, scope: str, rows: int) -> None:
    # Two names of one picture, under two sorts: the same matches four times.
    first = crawl(seeds="/search/a/teapot.jpg", max_pages=1, job="look").products[0]["item_id"]
    seeds = f"/search/a/{first}.svg,https://cbu01.alicdn.com/{first}.svg"
    done = crawl("-s", f"TMAPI_DEDUPE={scope}", seeds=seeds, sort="default,sales")
    assert [row["item_id"] for row in done.products].count(first) == rows
    assert [row["item_id"] for row in done.sightings].count(first) == 4


def test_a_job_run_again_has_the_files_of_the_last_run(alone: Crawler) -> None:
    alone(seeds=SEEDS)
    done = alone(seeds="/search/a/teapot.jpg", max_pages=1)
    assert len(done.outcomes) == 1
    assert {row["seed"] for row in done.products} == {"/search/a/teapot.jpg"}


def test_a_long_image_url_does_not_vanish(crawl: Crawler, sandbox: SandboxThread) -> None:
    seed = f"https://cbu01.alicdn.com/{'x' * 3000}.jpg"
    done = crawl(seeds=seed, max_pages=1)
    assert done.outcome["status"] == "complete"
    assert sandbox.calls[0]["params"]["img_url"] == seed


def test_the_summary_is_last_and_nothing_is_printed_per_item(alone: Crawler) -> None:
    done = alone(seeds=SEEDS, sort="default,sales")
    last = done.log.strip().splitlines()[-4:]
    assert last[0] == "j: 6 queries: 6 complete"
    assert last[1].startswith(f"  {done.job['calls']} calls, ")
    assert f"{len(done.products)} products (" in last[2]
    assert str(done.folder) in last[3]
    assert done.log.count("\n") < 120
    assert "WARNING" not in done.log
    assert done.stdout == ""


def test_new_jobs_of_one_second_do_not_share_a_folder(alone: Crawler) -> None:
    processes = [alone.start(seeds="/search/a/onepage.jpg") for _ in range(3)]
    assert [alone.finish(process).exit_status for process in processes] == [0, 0, 0]
    folders = sorted(alone.output.iterdir())
    assert len(folders) == 3
    for folder in folders:
        assert len((folder / "products.jsonl").read_text().splitlines()) == 7


def test_queries_are_taken_up_one_by_one(alone: Crawler, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("".join(f"/search/a/onepage-{number}.jpg\n" for number in range(20_000)))
    done = alone("-s", "CLOSESPIDER_PAGECOUNT=1", seeds=str(seeds), max_pages=1)
    assert len(done.outcomes) == 20_000
    scheduled = int(done.log.partition("'scheduler/enqueued': ")[2].partition(",")[0])
    assert 0 < scheduled < 100, "the others wait where they take no memory"


def test_series_names_its_jobs(alone: Crawler) -> None:
    done = alone(series="watch", seeds="/search/a/teapot.jpg", max_pages=1)
    (folder,) = alone.output.glob("watch-*")
    assert done.exit_status == 0
    assert folder.name.startswith("watch-20")
    assert folder.name.endswith("Z")
    assert len(folder.name) == len("watch-20261123T180000Z")
