"""Conversions: of which images, how often, what is sent, and what an empty first page causes."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.crawl.test_stopping import wait_for
from tests.support import CannedApi

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import Crawler, SandboxThread
    from tests.ways import Way

FOREIGN = "https://shop.example/onepage-lamp.jpg"
ALIBABA = "https://cbu01.alicdn.com/onepage-lamp.jpg"


def make_stale(way: Way, crawl: Crawler) -> None:
    """Make all conversions that jobs share lead to an image that no longer exists."""
    stale = json.dumps({"code": 200, "data": {"image_url": "/search/x/nothing.jpg"}})
    if way.server is not None:
        for key in way.server.client.keys("image_search:@conversion:*"):
            way.server.client.set(key, stale)
        return
    connection = sqlite3.connect(crawl.output / "conversions.sqlite")
    connection.execute("UPDATE conversions SET body = ?", (stale.encode(),))
    connection.commit()
    connection.close()


def endpoints(sandbox: SandboxThread) -> list[str]:
    return [call["endpoint"] for call in sandbox.calls]


@pytest.mark.parametrize(
    ("convert", "seed", "conversions"),
    [
        ("auto", FOREIGN, 1),
        ("auto", ALIBABA, 0),
        ("auto", "/search/a/onepage.jpg", 0),
        ("always", FOREIGN, 1),
        ("always", ALIBABA, 1),
        ("always", "/search/a/onepage.jpg", 0),
        ("never", FOREIGN, 0),
        ("never", ALIBABA, 0),
    ],
)
def test_which_images_are_converted(
    crawl: Crawler, sandbox: SandboxThread, convert: str, seed: str, conversions: int
) -> None:
    done = crawl(seeds=seed, convert=convert)
    assert endpoints(sandbox) == ["convert_url"] * conversions + ["search"]
    assert done.outcome["calls"] == conversions + 1
    sent = sandbox.calls[-1]["params"]["img_url"]
    assert done.outcome["seed_img_url"] == sent
    assert (sent != seed) == bool(conversions)
    if seed == FOREIGN and convert == "never":
        assert (done.outcome["status"], done.outcome["code"]) == ("failed", 422)
        assert "convert=never forbids that. Leave it out" in done.outcome["message"]
        assert "the search may be unable to read the image" in done.log
    else:
        assert done.outcome["status"] == "complete"
        assert {row["seed_img_url"] for row in done.products} == {sent}
        assert {row["seed"] for row in done.products} == {seed}


@pytest.mark.both_ways
def test_once_per_image_however_many_queries(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(
        seeds=f"{FOREIGN},https://shop.example/onepage-b.jpg",
        sort="default,sales",
        language="en,ru,zh",
    )
    assert done.exit_status == 0
    assert len(done.outcomes) == 12
    assert endpoints(sandbox).count("convert_url") == 2
    assert sandbox.stats["calls"] == 14 == sum(row["calls"] for row in done.outcomes)
    bodies = [call["params"] for call in sandbox.calls if call["endpoint"] == "convert_url"]
    assert {body["search_api_endpoint"] for body in bodies} == {"/global/search/image/v2"}
    assert {body["url"] for body in bodies} == {FOREIGN, "https://shop.example/onepage-b.jpg"}


def test_what_a_conversion_gives_is_sent_unchanged(way: Way) -> None:
    path = "/search/img extra/å%20b+c&d.jpg"
    body = json.dumps({"code": 200, "data": {"image_url": path}}).encode()
    with CannedApi(body) as api:
        way(api.url)("-s", "TMAPI_RETRY_TIMES=0", seeds=FOREIGN)
    assert api.seen[0].startswith("/1688/tools/image/convert_url?apiToken=")
    assert "img_url=%2Fsearch%2Fimg+extra%2F%C3%A5%2520b%2Bc%26d.jpg" in api.seen[1]


def test_it_is_retried_by_the_same_rules(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(
        seeds="https://shop.example/onepage-convert-html-x2.jpg,"
        "https://shop.example/onepage-convert-status-503-x2.jpg"
    )
    assert done.exit_status == 0
    by_seed = {row["seed"]: row for row in done.outcomes}
    html, full = sorted(by_seed.values(), key=lambda row: row["seed"])
    assert (html["calls"], html["retries"]) == (4, 2)
    assert (full["calls"], full["retries"]) == (2, 0)


@pytest.mark.parametrize(
    ("image", "calls", "code"),
    [("unconvertible", 1, 422), ("convert-code-500", 4, 500), ("convert-null-data", 4, 200)],
)
def test_one_that_fails_fails_its_seeds_queries_only(
    crawl: Crawler, sandbox: SandboxThread, image: str, calls: int, code: int
) -> None:
    seed = f"https://shop.example/{image}.jpg"
    done = crawl(seeds=f"{seed},{FOREIGN}", sort="default,sales,price_up")
    assert done.exit_status == 3
    bad = [row for row in done.outcomes if row["seed"] == seed]
    good = [row for row in done.outcomes if row["seed"] == FOREIGN]
    assert {row["status"] for row in good} == {"complete"}
    assert {(row["status"], row["reason"], row["code"]) for row in bad} == {
        ("failed", "error", code)
    }
    assert all("the image could not be converted" in row["message"] for row in bad)
    asked = [call for call in sandbox.calls if call["params"].get("url") == seed]
    assert len(asked) == sum(row["calls"] for row in bad) == calls, "not once for each query"
    assert "search" not in {c["endpoint"] for c in sandbox.calls if image in str(c["params"])}


def test_a_refused_token_stops_a_conversion_too(crawl: Crawler, sandbox: SandboxThread) -> None:
    done = crawl(seeds="https://shop.example/convert-code-401.jpg", sort="default,sales")
    assert (done.exit_status, done.job["stop_reason"]) == (4, "auth")
    assert {(row["status"], row["reason"]) for row in done.outcomes} == {("not_started", "auth")}


class TestAnEmptyFirstPage:
    """It is believed once its path has shown items, or after a conversion."""

    def test_of_an_image_the_search_could_not_read(
        self, crawl: Crawler, sandbox: SandboxThread
    ) -> None:
        done = crawl(seeds="https://cbu01.alicdn.com/onepage-unreadable.jpg")
        assert endpoints(sandbox) == ["search", "convert_url", "search"]
        assert (done.outcome["status"], done.outcome["calls"]) == ("complete", 3)
        assert done.outcome["seed_img_url"].startswith("/search/")

    @pytest.mark.both_ways
    def test_of_a_conversion_gone_stale(self, crawl: Crawler, sandbox: SandboxThread) -> None:
        done = crawl(seeds="https://shop.example/onepage-fail-empty-x1.jpg")
        assert endpoints(sandbox) == ["convert_url", "search", "convert_url", "search"]
        assert (done.outcome["status"], done.outcome["items"]) == ("complete", 7)

    @pytest.mark.parametrize(
        ("seed", "calls"),
        [("https://cbu01.alicdn.com/nothing.jpg", 3), ("https://shop.example/nothing.jpg", 4)],
    )
    def test_that_is_true(
        self, crawl: Crawler, sandbox: SandboxThread, seed: str, calls: int
    ) -> None:
        done = crawl(seeds=seed)
        assert (done.outcome["status"], done.outcome["reason"]) == ("empty", "empty_page")
        assert (done.outcome["pages"], done.outcome["items"]) == (1, 0)
        assert sandbox.stats["calls"] == calls
        assert done.exit_status == 0

    def test_at_most_two_conversions_an_image(self, crawl: Crawler, sandbox: SandboxThread) -> None:
        done = crawl(
            seeds="https://shop.example/nothing.jpg", sort="default,sales", language="en,ru,zh"
        )
        assert {row["status"] for row in done.outcomes} == {"empty"}
        assert endpoints(sandbox).count("convert_url") == 2
        assert sandbox.stats["calls"] <= 2 + 2 * 6

    @pytest.mark.parametrize("host", ["https://cbu01.alicdn.com", "https://shop.example"])
    def test_with_items_of_the_same_image_is_believed(
        self, crawl: Crawler, sandbox: SandboxThread, host: str
    ) -> None:
        done = crawl(
            *("-s", "TMAPI_MAX_CONCURRENCY=1"),
            seeds=f"{host}/onepage.jpg",
            price="none,0-0.001",
        )
        assert sorted(row["status"] for row in done.outcomes) == ["complete", "empty"]
        assert endpoints(sandbox).count("convert_url") == (host == "https://shop.example")

    @pytest.mark.parametrize("price", ["0.0001-0.0002,none,5-20,1-30", "none,0.0001-0.0002"])
    def test_is_no_reason_to_convert_an_image_that_other_queries_could_read(
        self, crawl: Crawler, sandbox: SandboxThread, price: str
    ) -> None:
        """Whichever query comes first, and however many run concurrently."""
        seeds = ",".join(
            f"https://cbu01.alicdn.com/{image}.jpg"
            for image in ("onepage-unconvertible", "onepage-convert-html")
        )
        for permits in (1, 16):
            done = crawl(
                *("-s", f"TMAPI_MAX_CONCURRENCY={permits}"),
                seeds=seeds,
                price=price,
                job=f"j{permits}",
            )
            assert done.exit_status == 0
            for row in done.outcomes:
                narrow = row["price_start"] == "0.0001"
                assert row["status"] == ("empty" if narrow else "complete")
        assert sandbox.stats["conversions"] == 0

    @pytest.mark.long
    def test_leads_to_the_same_end_however_many_calls_are_in_flight(
        self, crawl: Crawler, sandbox: SandboxThread
    ) -> None:
        seeds = (
            "https://shop.example/onepage-fail-empty-x1.jpg,"
            "https://cbu01.alicdn.com/onepage-two-fail-empty-x1.jpg,"
            "https://cbu01.alicdn.com/onepage-unreadable.jpg,"
            "https://shop.example/nothing.jpg"
        )
        ends = []
        for permits in (1, 3, 16):
            sandbox.reset()
            done = crawl(
                *("-s", f"TMAPI_MAX_CONCURRENCY={permits}", "-s", "TMAPI_CONVERSION_DAYS=0"),
                seeds=seeds,
                price="none,0.0001-0.0002,5-20",
                sort="default,sales",
                job=f"j{permits}",
            )
            assert done.exit_status == 0
            ends.append(
                {(r["query_id"], r["status"], r["pages"], r["items"]) for r in done.outcomes}
            )
            assert sandbox.stats["conversions"] == 2 + 1 + 1 + 2
        assert ends[0] == ends[1] == ends[2]

    def test_is_replayed_to_its_end_when_another_query_is_no_longer_called(
        self, alone: Crawler, sandbox: SandboxThread
    ) -> None:
        """A stop ends calls but not replays, even of pages that wait for other queries' pages."""
        seed = "https://cbu01.alicdn.com/onepage-unreadable.jpg"
        first = alone(seeds=seed)
        assert (first.job["calls"], len(first.products)) == (3, 7)
        for sort in ("default,sales", "sales,default"):
            stopped = alone("-s", "TMAPI_BUDGET=3", seeds=seed, sort=sort)
            assert stopped.exit_status == 4
            assert len(stopped.products) == 7
            ends = {row["sort"]: (row["status"], row["reason"]) for row in stopped.outcomes}
            assert ends["default"] == ("complete", "last_page")
            assert ends["sales"] == ("not_started", "budget")
        assert sandbox.stats["calls"] == 3

    @pytest.mark.both_ways
    def test_in_doubt_when_the_job_stops_is_no_page_yet(
        self, crawl: Crawler, sandbox: SandboxThread
    ) -> None:
        arguments = {"seeds": "https://cbu01.alicdn.com/nothing.jpg", "sort": "default,sales"}
        one_at_a_time = ("-s", "TMAPI_MAX_CONCURRENCY=1")
        stopped = crawl(*one_at_a_time, "-s", "TMAPI_BUDGET=1", **arguments)
        in_doubt, not_begun = sorted(stopped.outcomes, key=lambda row: row["sort"])
        assert (in_doubt["status"], in_doubt["reason"]) == ("failed", "budget")
        assert (in_doubt["calls"], in_doubt["pages"]) == (1, 0)
        assert in_doubt["total_count"] is in_doubt["finished_at"] is None
        assert not_begun["status"] == "not_started"
        done = crawl(*one_at_a_time, "-s", "TMAPI_BUDGET=0")
        assert {(row["status"], row["pages"]) for row in done.outcomes} == {("empty", 1)}
        assert {row["total_count"] for row in done.outcomes} == {0}

    def test_counts_once_and_is_dated_when_it_was_paid_for(
        self, crawl: Crawler, sandbox: SandboxThread
    ) -> None:
        done = crawl(
            *("-s", "TMAPI_MAX_CONCURRENCY=1"),
            seeds="https://cbu01.alicdn.com/onepage.jpg",
            price="0-0.001,none",
        )
        empty, whole = sorted(done.outcomes, key=lambda row: row["status"], reverse=True)
        assert (empty["status"], empty["pages"], empty["total_count"]) == ("empty", 1, 0)
        assert empty["started_at"] <= empty["finished_at"] <= whole["finished_at"]
        again = crawl()
        assert [row["finished_at"] for row in again.outcomes if row["status"] == "empty"] == [
            empty["finished_at"]
        ]

    def test_is_believed_with_items_that_a_loader_fails_on(
        self, way: Way, sandbox: SandboxThread, tmp_path: Path
    ) -> None:
        module = (
            'SPIDER_MODULES = ["own"]\n'
            "from tmapi_spiders.loaders import ProductLoader\n"
            "from tmapi_spiders.spiders.image_search import ImageSearchSpider\n"
            "class Loader(ProductLoader):\n"
            "    @classmethod\n"
            "    def load_rows(cls, rows, **fields):\n"
            '        if rows: raise ValueError("a bug")\n'
            "        return []\n"
            "class Own(ImageSearchSpider):\n"
            '    name = "own"\n'
            "    loader = Loader\n"
        )
        done = way.in_project(tmp_path / "p", sandbox.url, module)(
            *("-s", "TMAPI_MAX_CONCURRENCY=1"),
            spider="own",
            seeds="https://cbu01.alicdn.com/onepage.jpg",
            price="0-0.001,none",
        )
        assert sorted(row["status"] for row in done.outcomes) == ["empty", "failed"]

    def test_later_on_is_the_end(self, crawl: Crawler, sandbox: SandboxThread) -> None:
        done = crawl(seeds="https://shop.example/gap-p2.jpg", page_size=5)
        assert (done.outcome["status"], done.outcome["reason"]) == ("complete", "empty_page")
        assert endpoints(sandbox) == ["convert_url", "search", "search"]

    def test_of_an_image_that_can_not_be_converted_is_not_believed(
        self, crawl: Crawler, sandbox: SandboxThread
    ) -> None:
        done = crawl(seeds="https://cbu01.alicdn.com/nothing-unconvertible.jpg")
        assert (done.outcome["status"], done.outcome["code"]) == ("failed", 422)
        assert endpoints(sandbox) == ["search", "convert_url"]

    @pytest.mark.parametrize("host", ["https://cbu01.alicdn.com", "https://shop.example"])
    def test_is_replayed_the_same_at_no_call(
        self, crawl: Crawler, sandbox: SandboxThread, host: str
    ) -> None:
        names = ("query_id", "status", "reason", "pages", "items", "calls", "seed_img_url")

        def outcomes(**arguments: str) -> set[tuple[object, ...]]:
            rows = crawl(**arguments).outcomes
            return {tuple(row[name] for name in names) for row in rows}

        images = ("onepage-fail-empty-x1", "nothing", "onepage-unreadable", "onepage")
        first = outcomes(
            seeds=",".join(f"{host}/{image}.jpg" for image in images),
            sort="default,sales,price_up",
            price="none,0-0.001",
        )
        calls = sandbox.stats["calls"]
        assert outcomes(job="j") == first
        assert sandbox.stats["calls"] == calls


class TestKept:
    """Conversions are kept across jobs."""

    @pytest.mark.both_ways
    def test_the_next_job_pays_for_none(
        self, way: Way, crawl: Crawler, sandbox: SandboxThread
    ) -> None:
        seeds = ",".join(f"https://shop.example/onepage-{number}.jpg" for number in range(5))
        crawl(seeds=seeds, job="monday")
        assert endpoints(sandbox).count("convert_url") == 5
        tuesday = crawl(seeds=seeds, job="tuesday")
        assert endpoints(sandbox).count("convert_url") == 5
        assert tuesday.job["calls"] == 5
        assert {row["status"] for row in tuesday.outcomes} == {"complete"}
        if way.alone:
            (crawl.output / "conversions.sqlite").unlink()
            crawl(job="tuesday")
            assert sandbox.stats["calls"] == 15, "a job keeps what it has used"

    @pytest.mark.parametrize(("days", "conversions"), [("0", 2), ("0.000001", 2), ("1", 1)])
    def test_for_so_many_days(
        self, way: Way, crawl: Crawler, sandbox: SandboxThread, days: str, conversions: int
    ) -> None:
        for job in ("monday", "tuesday"):
            crawl("-s", f"TMAPI_CONVERSION_DAYS={days}", seeds=FOREIGN, job=job)
        assert endpoints(sandbox).count("convert_url") == conversions
        kept = (crawl.output / "conversions.sqlite").exists()
        if way.server is not None:
            kept = bool(way.server.client.keys("image_search:@conversion:*"))
        assert kept == (days != "0") or (not way.alone and days == "0.000001")

    @pytest.mark.both_ways
    def test_but_no_stale_one(self, way: Way, crawl: Crawler, sandbox: SandboxThread) -> None:
        crawl(seeds=FOREIGN, job="monday")
        make_stale(way, crawl)
        tuesday = crawl(seeds=FOREIGN, job="tuesday")
        assert (tuesday.outcome["status"], tuesday.outcome["calls"]) == ("complete", 3)
        wednesday = crawl(seeds=FOREIGN, job="wednesday")
        assert wednesday.outcome["calls"] == 1, "the stale one was replaced"

    def test_a_stale_one_is_not_believed_of_an_alibaba_image_either(
        self, way: Way, crawl: Crawler, sandbox: SandboxThread
    ) -> None:
        """Another job converted it, and this one has not checked it."""
        seed = "https://cbu01.alicdn.com/onepage-unreadable.jpg"
        crawl(seeds=seed, job="monday")
        make_stale(way, crawl)
        for job, calls in (("tuesday", 4), ("wednesday", 2)):
            done = crawl(seeds=seed, job=job)
            assert (done.outcome["status"], done.outcome["calls"]) == ("complete", calls)

    def test_not_of_another_source(self, crawl: Crawler, sandbox: SandboxThread) -> None:
        crawl("-s", "TMAPI_SANDBOX=1", seeds=FOREIGN, job="made-up")
        crawl(seeds=FOREIGN, job="real")
        assert endpoints(sandbox).count("convert_url") == 1

    def test_a_damaged_file_stops_before_more_is_paid(
        self, alone: Crawler, sandbox: SandboxThread
    ) -> None:
        alone.output.mkdir()
        (alone.output / "conversions.sqlite").write_bytes(b"garbage" * 999)
        done = alone(seeds=FOREIGN)
        assert done.exit_status == 4
        assert "conversions.sqlite: it is damaged (file is not a database)" in done.log
        assert "without it, everything in it is paid for again" in done.log
        assert sandbox.stats["calls"] == 0
        assert "nothing was sent" in done.log
        assert "Traceback" not in done.log


def test_a_kill_in_the_middle_pays_for_no_conversion_twice(
    alone: Crawler, sandbox: SandboxThread
) -> None:
    seeds = ",".join(f"https://shop.example/onepage-slow-1-{n}.jpg" for n in range(4))
    killer = attrs.evolve(alone, covered=False)
    process = killer.start(seeds=seeds, job="j")
    wait_for(lambda: sandbox.stats["conversions"] == 4 and sandbox.stats["ok"] >= 4, process)
    process.kill()
    killed = killer.finish(process)
    connection = sqlite3.connect(killed.folder / "archive.sqlite")
    (stored,) = connection.execute("SELECT count(*) FROM answers WHERE page = 0").fetchone()
    connection.close()
    done = alone(job="j")
    assert done.exit_status == 0
    assert sandbox.stats["conversions"] == 4 + (4 - stored)
