"""An outage: the API is probed, then the job stops; and it costs as few calls as possible."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tmapi_spiders.config.settings import Config
from tmapi_spiders.crawl.outage import DIFFERENT, MOST_PROBES

if TYPE_CHECKING:
    from tests.support import Crawl, Crawler, SandboxThread
    from tests.ways import Way


CALLS = Config.model_fields["outage_calls"].default


def seeds_of(count: int, name: str = "onepage") -> str:
    """Return images, every other one of which has to be converted first."""
    return ",".join(
        f"/search/a/{name}-{n}.jpg" if n % 2 else f"https://shop.example/{name}-{n}.jpg"
        for n in range(count)
    )


def endings(done: Crawl) -> Counter[tuple[str, str, int]]:
    """Count the queries that have ended, by status, reason and calls."""
    return Counter((row["status"], row["reason"], row["calls"]) for row in done.outcomes)


@pytest.mark.both_ways
@pytest.mark.parametrize(
    ("kind", "reason", "said"),
    [
        ("status-403", "refused", "403: the gateway refuses this machine or token (HTTP 403, and"),
        pytest.param("status-500", "outage", "500: Internal Server", marks=pytest.mark.long),
        pytest.param("reset", "outage", "DownloadFailedError: ", marks=pytest.mark.long),
        pytest.param("html", "outage", "200: HTTP 200, and the body", marks=pytest.mark.long),
    ],
)
def test_it_stops_the_job_and_costs_some_calls(
    crawl: Crawler, sandbox: SandboxThread, kind: str, reason: str, said: str
) -> None:
    """Whatever is asked fails, pages and conversions of forty queries. Then the job continues."""
    sandbox.fail_all(kind)
    done = crawl(seeds=seeds_of(40))
    assert done.exit_status == 4
    made = sandbox.stats["calls"]
    assert CALLS + MOST_PROBES <= made <= CALLS + MOST_PROBES + DIFFERENT
    assert done.job["calls"] == made
    assert f"STOPPED EARLY: {reason} (the last {made} calls, of " in done.log
    assert f"failed; the last one: {said}" in done.log
    assert "To resume" in done.log
    assert "    scrapy crawl image_search -a job=j" in done.log.replace(
        "SCRAPY_PROJECT=distributed ", ""
    )
    assert "Traceback" not in done.log
    assert {row["reason"] for row in done.outcomes} == {reason}, "none has failed by itself"
    assert {row["status"] for row in done.outcomes} == {"failed", "not_started"}
    sandbox.fail_all("", -1)
    again = crawl()
    assert again.exit_status == 0, again.log
    assert {ending[:2] for ending in endings(again)} == {("complete", "last_page")}
    assert sandbox.stats["ok"] == 60
    assert again.job["calls"] == made + 60


def test_one_that_comes_back_while_it_is_probed_costs_no_query(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    """Except queries that had no retry left before it was known: fewer than it takes to know."""
    sandbox.fail_all("status-502", CALLS + 2)
    done = crawl("-s", "TMAPI_RETRY_TIMES=0", seeds=seeds_of(40))
    ended = endings(done)
    early = sum(count for ending, count in ended.items() if ending[:2] == ("failed", "error"))
    assert early < DIFFERENT, "none, if workers reported that many at once"
    assert {ending[:2] for ending in ended} <= {("failed", "error"), ("complete", "last_page")}
    assert sum(ended.values()) == 40
    assert "The API fails everything: the last 20 calls, of " in done.log
    assert "The API works again" in done.log
    assert sandbox.stats["max_in_flight"] > 1
    assert done.job["calls"] == sandbox.stats["calls"]


def test_few_bad_queries_are_not_taken_for_it(crawl: Crawler, sandbox: SandboxThread) -> None:
    """Although nothing else is left, and they fail more often than it takes."""
    bad = seeds_of(DIFFERENT - 1, "fail-status-500-convert-html")
    done = crawl(seeds=bad)
    assert done.exit_status == 3
    assert endings(done) == {("failed", "error", 4): DIFFERENT - 1}
    assert sandbox.stats["calls"] == 4 * (DIFFERENT - 1) > CALLS


def test_it_can_be_switched_off(way: Way, crawl: Crawler, sandbox: SandboxThread) -> None:
    sandbox.fail_all("status-403")
    options = ("-s", "TMAPI_OUTAGE_CALLS=0", "-s", "TMAPI_RETRY_TIMES=1")
    done = crawl(*options, seeds=seeds_of(40))
    assert (done.exit_status, sandbox.stats["calls"]) == (3, 80)
    assert {row["reason"] for row in done.outcomes} == {"error"}
    assert not way.alone or "20 queries: 403: the gateway refuses this machine or token" in done.log


def test_a_bad_query_among_good_ones_is_not_affected(
    crawl: Crawler, sandbox: SandboxThread
) -> None:
    bad = ",".join(f"/search/a/fail-status-500-{n}.jpg" for n in range(6))
    good = ",".join(f"/search/a/onepage-{n}.jpg" for n in range(60))
    done = crawl("-s", "TMAPI_MAX_CONCURRENCY=3", seeds=f"{bad},{good}")
    assert done.exit_status == 3
    statuses = Counter((row["status"], row["calls"]) for row in done.outcomes)
    assert statuses == {("failed", 4): 6, ("complete", 1): 60}
    assert "The API fails" not in done.log
