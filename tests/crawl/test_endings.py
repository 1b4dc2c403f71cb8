"""How queries end: every status and reason a user can read in outcomes.jsonl."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support import Crawler, SandboxThread


@pytest.mark.parametrize(
    ("image", "status", "reason"),
    [
        ("teapot", "complete", "last_page"),
        ("onepage", "complete", "last_page"),
        ("ragged", "complete", "last_page"),
        ("bigtotal", "complete", "last_page"),
        ("overlap", "complete", "last_page"),
        ("endless", "complete", "no_new_items"),
        pytest.param("gap-p2", "complete", "empty_page", marks=pytest.mark.both_ways),
    ],
)
def test_worlds_of_pages(
    crawl: Crawler, sandbox: SandboxThread, image: str, status: str, reason: str
) -> None:
    done = crawl(seeds=f"/search/a/{image}.jpg", page_size=5)
    outcome = done.outcome
    assert (outcome["status"], outcome["reason"]) == (status, reason)
    assert done.exit_status == 0
    calls = sandbox.calls
    assert outcome["pages"] == outcome["calls"] == len(calls)
    read = [item for call in calls for item in call["item_ids"]]
    assert outcome["items"] == len(read)
    assert [row["item_id"] for row in sorted(done.sightings, key=lambda s: s["rank"])] == read
    assert {row["item_id"] for row in done.products} == set(read)
    assert [call["params"]["page"] for call in calls] == [
        str(number) for number in range(1, len(calls) + 1)
    ]


def test_endless_results_stop_at_the_first_page_that_brings_nothing_new(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    outcome = crawl(seeds="/search/a/endless.jpg", page_size=5).outcome
    *good, last = [set(call["item_ids"]) for call in sandbox.calls]
    assert last <= set().union(*good)
    assert outcome["items"] > outcome["new_items"] == len(set().union(*good))


def test_a_path_that_can_not_be_converted_is_believed(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    assert crawl(seeds="/search/a/nothing.jpg").outcome["status"] == "empty"
    assert sandbox.stats["calls"] == 1


@pytest.mark.both_ways
def test_nothing_is_found_once_a_converted_image_finds_nothing_either(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    done = crawl(seeds="https://cbu01.alicdn.com/nothing.jpg")
    outcome = done.outcome
    assert (outcome["status"], outcome["reason"], done.exit_status) == ("empty", "empty_page", 0)
    assert [call["endpoint"] for call in sandbox.calls] == ["search", "convert_url", "search"]
    assert (outcome["pages"], outcome["calls"]) == (1, 3)


def test_max_pages(crawl: Crawler) -> None:
    outcome = crawl(seeds="/search/a/teapot.jpg", page_size=5, max_pages=2).outcome
    assert (outcome["reason"], outcome["pages"], outcome["items"]) == ("max_pages", 2, 10)


def test_max_items_cuts_the_page_it_ends_in(crawl: Crawler) -> None:
    done = crawl(seeds="/search/a/teapot.jpg", page_size=5, max_items=7)
    outcome = done.outcome
    assert (outcome["reason"], outcome["pages"], outcome["items"]) == ("max_items", 2, 7)
    assert len(done.products) == len(done.sightings) == 7


def test_max_items_at_the_end_of_a_page_asks_for_no_other(crawl: Crawler) -> None:
    outcome = crawl(seeds="/search/a/teapot.jpg", page_size=5, max_items=10).outcome
    assert (outcome["reason"], outcome["pages"], outcome["items"]) == ("max_items", 2, 10)


@pytest.mark.both_ways
def test_elements_that_are_no_items_are_counted_and_named_once(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    done = crawl(seeds="/search/a/mixed.jpg", page_size=8)
    outcome = done.outcome
    assert outcome["status"] == "complete"
    assert outcome["pages"] > 1
    assert outcome["rejected_items"] > outcome["pages"]
    assert outcome["items"] == len(done.products) == sum(len(c["item_ids"]) for c in sandbox.calls)
    assert [row["rank"] for row in done.products] == list(range(1, outcome["items"] + 1))
    assert done.log.count("data.items[") == 1
    assert f"{outcome['rejected_items']} rejected" in done.log


def test_convert_never_believes_an_empty_answer(crawl: Crawler) -> None:
    done = crawl(seeds="https://cbu01.alicdn.com/nothing.jpg", convert="never")
    assert (done.outcome["status"], done.outcome["calls"], done.exit_status) == ("empty", 1, 0)


@pytest.mark.both_ways
def test_an_error_after_the_first_page_is_partial(crawl: Crawler) -> None:
    done = crawl(seeds="/search/a/fail-status-502-p3.jpg", page_size=5)
    outcome = done.outcome
    assert (outcome["status"], outcome["reason"], outcome["code"]) == ("partial", "error", 502)
    assert (outcome["pages"], outcome["items"]) == (2, 10)
    assert len(done.products) == 10
    assert done.exit_status == 3


@pytest.mark.parametrize(("tolerance", "status"), [("0.5", 0), ("0.49", 3)])
def test_tolerance(crawl: Crawler, tolerance: str, status: int) -> None:
    seeds = "/search/a/fail-html.jpg,/search/a/teapot.jpg"
    done = crawl("-s", f"TMAPI_FAILED_OK={tolerance}", seeds=seeds, max_pages=1)
    assert done.exit_status == status
