"""What a crawl does for every row of the table of answers, as a user sees it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support import CannedApi
from tmapi_spiders.sandbox.faults import FAULTS, FaultRow

if TYPE_CHECKING:
    from tests.support import Crawler, SandboxThread
    from tests.ways import Way


GOOD = "/search/a/onepage.jpg"
STOPS = {FaultRow.TOKEN: "auth", FaultRow.BALANCE: "balance", FaultRow.ROUTE: "base_url"}
PASSING = [
    kind
    for kind, fault in FAULTS.items()
    if fault.row in {FaultRow.TRANSIENT, FaultRow.FETCH_TIMEOUT, FaultRow.NOT_A_PAGE}
]


def seeds_of(kinds: list[str], tail: str = "") -> str:
    return ",".join(f"/search/a/onepage-fail-{kind}{tail}.jpg" for kind in kinds)


@pytest.mark.both_ways
def test_transient_failures_are_retried(crawl: Crawler, sandbox: SandboxThread) -> None:
    """Two failures of each kind, then a page: the query is complete, with the calls it took."""
    options = "-s", "DOWNLOAD_TIMEOUT=1", "-s", "TMAPI_OUTAGE_CALLS=0"
    done = crawl(*options, seeds=seeds_of(PASSING, "-x2"))
    assert done.exit_status == 0, done.log
    for row in done.outcomes:
        assert (row["status"], row["reason"]) == ("complete", "last_page"), row["seed"]
        assert (row["calls"], row["retries"], row["pages"]) == (3, 2, 1), row["seed"]
        assert (row["code"], row["message"]) == (None, None)
    assert sandbox.stats["calls"] == done.job["calls"] == 3 * len(PASSING)
    assert "Traceback" not in done.log


@pytest.mark.both_ways
def test_what_does_not_pass_fails_its_query_only(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(
        *("-s", "DOWNLOAD_TIMEOUT=1", "-s", "TMAPI_RETRY_TIMES=1", "-s", "TMAPI_OUTAGE_CALLS=0"),
        seeds=f"{seeds_of(PASSING)},{GOOD}",
    )
    assert done.exit_status == 3
    by_seed = {row["seed"]: row for row in done.outcomes}
    assert by_seed.pop(GOOD)["status"] == "complete"
    for kind in PASSING:
        row = by_seed.pop(seeds_of([kind]))
        assert (row["status"], row["reason"], row["pages"]) == ("failed", "error", 0), row["seed"]
        assert (row["calls"], row["retries"]) == (2, 1), row["seed"]
        assert row["message"], row["seed"]
        number = kind.rpartition("-")[2]
        if number.isdigit():
            assert row["code"] == int(number)
    assert not by_seed
    assert len(done.products) == 7
    assert sandbox.stats["calls"] == done.job["calls"] == 2 * len(PASSING) + 1
    assert re.search(rf"\b{len(PASSING)} (of its )?queries failed", done.log)
    assert "Traceback" not in done.log


def test_a_wrong_query_is_not_retried(crawl: Crawler, sandbox: SandboxThread) -> None:
    kinds = [kind for kind, fault in FAULTS.items() if fault.row is FaultRow.QUERY]
    done = crawl(seeds=f"{seeds_of(kinds)},{GOOD}")
    assert done.exit_status == 3
    assert sorted(row["status"] for row in done.outcomes) == ["complete"] + ["failed"] * len(kinds)
    assert sandbox.stats["calls"] == len(kinds) + 1
    failed = [row for row in done.outcomes if row["status"] == "failed"]
    assert {(row["calls"], row["code"]) for row in failed} == {(1, 422)}


@pytest.mark.both_ways
def test_over_the_limit_uses_up_no_retry(crawl: Crawler, sandbox: SandboxThread) -> None:
    """More refusals than retries, and yet the query loses nothing."""
    done = crawl(
        "-s",
        "TMAPI_RETRY_TIMES=0",
        seeds="/search/a/onepage-fail-status-503-x4.jpg,/search/a/onepage-fail-code-503-x4.jpg",
    )
    assert done.exit_status == 0
    for row in done.outcomes:
        assert (row["status"], row["calls"], row["retries"]) == ("complete", 1, 0)
    assert sandbox.stats["refused"] == 8
    assert done.job["calls"] == 2
    assert "8 refused over the account's limit (not counted)" in done.log


@pytest.mark.parametrize("kind", [kind for kind, fault in FAULTS.items() if fault.row in STOPS])
def test_what_stops_the_job(crawl: Crawler, sandbox: SandboxThread, kind: str) -> None:
    reason = STOPS[FAULTS[kind].row]
    more = ",".join(f"/search/a/onepage-{n}.jpg" for n in range(30))
    bad = f"/search/a/fail-{kind}.jpg"
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=1", seeds=f"{GOOD},{bad},{more}")
    assert done.exit_status == 4
    assert [call["params"]["img_url"] for call in sandbox.calls] == [GOOD, bad]
    by_seed = {row["seed"]: row for row in done.outcomes}
    assert by_seed.pop(GOOD)["status"] == "complete"
    stopper = by_seed.pop(bad)
    assert len(by_seed) == 30
    assert {(row["status"], row["reason"], row["calls"]) for row in by_seed.values()} == {
        ("not_started", reason, 0)
    }
    counts = reason == "base_url"
    assert (stopper["status"], stopper["reason"]) == ("failed" if counts else "not_started", reason)
    assert stopper["calls"] == counts
    assert stopper["message"]
    assert done.job["stop_reason"] == reason
    assert done.job["calls"] == 1 + counts
    assert f"STOPPED EARLY: {reason} (the API said: " in done.log
    assert len(done.products) == 7


def test_a_stopped_job_resumes(crawl: Crawler, sandbox: SandboxThread) -> None:
    options = ("-s", "TMAPI_MAX_CONCURRENCY=1")
    bad = "/search/a/onepage-fail-code-4011-x2.jpg"
    for calls, exit_status in ((2, 4), (3, 4), (5, 0)):
        done = crawl(*options, seeds=f"{GOOD},{bad},/search/a/onepage-b.jpg")
        assert (sandbox.stats["calls"], done.exit_status) == (calls, exit_status)
    assert {row["calls"] for row in done.outcomes} == {1}


def test_odd_forms_of_good_answers_cost_nothing(crawl: Crawler, sandbox: SandboxThread) -> None:
    """A code as text, and a wrong Content-Encoding: of pages and of conversions."""
    words = [f"textcode-labelled-{label}" for label in ("gzip", "deflate", "br", "zstd")]
    seeds = [f"https://shop.example/onepage-{word}.jpg" for word in words]
    done = crawl(seeds=",".join(seeds))
    assert done.exit_status == 0
    assert {(row["status"], row["calls"], row["items"]) for row in done.outcomes} == {
        ("complete", 2, 7)
    }
    assert sandbox.stats["calls"] == sandbox.stats["ok"] == 8


@pytest.mark.parametrize("status", [429, pytest.param(503, marks=pytest.mark.both_ways)])
def test_retry_after_is_waited_for(crawl: Crawler, sandbox: SandboxThread, status: int) -> None:
    """With one call in flight; without the request it would come again after the next call."""
    first = f"/search/a/onepage-fail-wait-{status}-x1.jpg"
    others = ",".join(f"/search/a/onepage-slow-0.4-{n}.jpg" for n in range(4))
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=1", seeds=f"{first},{others}")
    assert done.exit_status == 0
    images = [call["params"]["img_url"] for call in sandbox.calls]
    assert len(images) == 6
    assert images[0] == first
    assert images.index(first, 1) > 2, "after two of the others, which take a second"


def test_a_page_that_waits_for_its_retry_blocks_no_other(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    """With a single permit and a single download slot, all others are done meanwhile."""
    others = ",".join(f"/search/a/onepage-{number}.jpg" for number in range(20))
    done = crawl(
        *("-s", "TMAPI_MAX_CONCURRENCY=1", "-s", "TMAPI_RETRY_DELAY=2"),
        seeds=f"/search/a/onepage-fail-html-x1.jpg,{others}",
    )
    assert done.exit_status == 0
    images = [call["params"]["img_url"] for call in sandbox.calls]
    assert images[0] == images[-1] == "/search/a/onepage-fail-html-x1.jpg"
    assert len(images) == 22


def test_a_stop_does_not_wait_for_a_retry(way: Way, crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(
        *("-s", "TMAPI_RETRY_DELAY=100", "-s", "CLOSESPIDER_TIMEOUT=1"),
        seeds=f"/search/a/fail-html.jpg,{GOOD}",
    )
    assert done.exit_status == 4
    assert sandbox.stats["calls"] == 2
    if not way.alone:  # its job is not over: other workers may continue it
        return
    by_seed = {row["seed"]: row for row in done.outcomes}
    waiting = by_seed["/search/a/fail-html.jpg"]
    assert (waiting["status"], waiting["reason"], waiting["calls"]) == ("failed", "deadline", 1)
    assert "not JSON" in waiting["message"]
    assert by_seed[GOOD]["status"] == "complete"


def test_an_error_in_the_middle_keeps_what_was_read(
    way: Way, crawl: Crawler, sandbox: SandboxThread
) -> None:
    done = crawl(seeds="/search/a/teapot-fail-reset-p3.jpg", page_size=5)
    outcome = done.outcome
    assert (outcome["status"], outcome["reason"], outcome["pages"]) == ("partial", "error", 2)
    assert (outcome["calls"], outcome["retries"]) == (6, 3)
    assert len(done.products) == 10
    if not way.alone:
        assert crawl.command("tmapi", "replay", "j", "--failed").exit_status == 0
    healed = crawl(job="j")
    assert sandbox.stats["calls"] == 6 + 4, "the two pages are not paid for again"
    assert healed.outcome["calls"] == 10


def test_an_unreachable_host_costs_nothing(way: Way) -> None:
    with CannedApi(b"") as api:
        url = api.url
    done = way(url)(seeds=GOOD)
    assert (done.exit_status, done.outcome["status"], done.outcome["calls"]) == (3, "failed", 0)
    assert done.job["calls"] == 0
