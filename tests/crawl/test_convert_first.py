"""What the API may say about an unconverted image, in every combination, both ways.

Against the second server, which was written from what users of the API have seen. For each image
three searches of one page are made, and every call is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.observed.server import ObservedApi
from tests.support import SandboxThread

if TYPE_CHECKING:
    from tests.support import Crawl
    from tests.ways import Way

ALIBABA = "https://cbu01.alicdn.com/img/shirt.jpg"
FOREIGN = "https://shop.example/lamp.jpg"
PATH = "/search/imgextra5/1589508648580602236.jpg"
UNKNOWN = "/search/imgextra5/1692942898123_gone.jpg"
SEEDS = {ALIBABA: "shirt", FOREIGN: "lamp", PATH: "mug", UNKNOWN: "1692942898123_gone"}
SORTS = "default,sales,price_up"

CONVERTED, AS_IT_IS, REFUSED = (1, 3), (0, 3), (0, 1)
AFTER_REFUSAL = (1, 4)


def status_of(crawl: Crawl, seed: str) -> str:
    """Return how all queries of a seed ended."""
    (status,) = {row["status"] for row in crawl.outcomes if row["seed"] == seed}
    return str(status)


def calls_about(api: ObservedApi, image: str) -> tuple[int, int]:
    return api.conversions(image), api.searches(image)


@pytest.mark.parametrize(
    ("accepts", "convert", "shirt", "lamp"),
    [
        ("none", "auto", AFTER_REFUSAL, CONVERTED),
        ("none", "always", CONVERTED, CONVERTED),
        ("none", "never", REFUSED, REFUSED),
        ("alibaba", "auto", AS_IT_IS, CONVERTED),
        ("alibaba", "never", AS_IT_IS, REFUSED),
        ("alibaba-foreign-empty", "auto", AS_IT_IS, CONVERTED),
        ("alibaba-foreign-empty", "never", AS_IT_IS, AS_IT_IS),
    ],
)
def test_whatever_the_api_accepts(
    way: Way,
    accepts: str,
    convert: str,
    shirt: tuple[int, int],
    lamp: tuple[int, int],
) -> None:
    with ObservedApi(accepts=accepts, products=7) as api:
        api.register(PATH, "mug")
        crawl = way(api.url)
        done = crawl(seeds=",".join(SEEDS), sort=SORTS, convert=convert)
        expected = {ALIBABA: shirt, FOREIGN: lamp, PATH: AS_IT_IS, UNKNOWN: REFUSED}
        for seed, image in SEEDS.items():
            assert calls_about(api, image) == expected[seed], image
            status = "failed" if expected[seed] == REFUSED else "complete"
            if seed == FOREIGN and accepts == "alibaba-foreign-empty" and convert == "never":
                status = "empty"
            assert status_of(done, seed) == status, image
    assert done.exit_status == 3
    assert len(done.outcomes) == 12
    assert sum(row["calls"] for row in done.outcomes) == len(api.log)
    for row in done.outcomes:
        message = str(row["message"])
        if row["status"] == "failed":
            assert row["code"] == 422
            assert message.startswith("Invalid image url. Please first use the convert endpoint: ")
            path = row["seed"] == UNKNOWN
            assert ("Give the picture's own URL" if path else "convert=never forbids") in message
        else:
            assert (row["code"], row["message"]) == (None, None)
    refused = sum(calls in (REFUSED, AFTER_REFUSAL) for calls in expected.values())
    assert api.refused == refused, "no more than one per image"


def test_the_next_job_converts_first_what_was_refused(way: Way) -> None:
    """Kept forever, although conversions are kept for some days, or not at all."""
    with ObservedApi(accepts="none", products=7) as api:
        crawl = way(api.url)
        for job, days, calls in (
            ("first", "0", AFTER_REFUSAL),
            ("second", "0", CONVERTED),
            ("third", "1", CONVERTED),
            ("fourth", "1", AS_IT_IS),
        ):
            api.reset()
            done = crawl(
                *("-s", f"TMAPI_CONVERSION_DAYS={days}"), seeds=ALIBABA, sort=SORTS, job=job
            )
            assert done.exit_status == 0, done.log
            assert calls_about(api, "shirt") == calls, job
        # And a kept conversion goes stale, however the API says so.
        for stale, calls in (("422", (1, 4)), ("empty", (1, 6))):
            object.__setattr__(api.options, "stale", stale)
            api.expire("shirt")
            api.reset()
            done = crawl(seeds=ALIBABA, sort=SORTS, job=f"stale-{stale}")
            assert status_of(done, ALIBABA) == "complete"
            assert calls_about(api, "shirt") == calls, stale


def test_a_path_that_goes_stale_on_the_way(way: Way) -> None:
    """A path is good for some searches; later ones ask by another path."""
    with ObservedApi(accepts="none", products=60, uses=5) as api:
        crawl = way(api.url)
        done = crawl(seeds=FOREIGN, sort=SORTS)
        assert {(row["status"], row["pages"], row["items"]) for row in done.outcomes} == {
            ("complete", 3, 60)
        }, done.log
        assert api.conversions() == 2
        assert api.searches() - 9 == api.refused
        assert 1 <= api.refused <= 3, "of each query that was on its way"
        asked = [(row["query_id"], row["page"], row["rank"]) for row in done.sightings]
        assert len(asked) == len(set(asked)) == 180
        if way.name == "alone":
            calls = len(api.log)
            again = crawl(job="j")
            assert len(api.log) == calls, "paid answers are replayed"
            assert [row["items"] for row in again.outcomes] == [60] * 3
    with ObservedApi(accepts="none", products=60, uses=3) as api:
        crawl = way(api.url)
        done = crawl(seeds=FOREIGN, sort=SORTS, job="short")
        assert api.conversions() == 2, "and no more"
        assert sum(row["pages"] for row in done.outcomes) == 6
        for row in done.outcomes:
            if row["status"] != "complete":
                assert row["code"] == 422
                assert "it was converted 2 times in this job" in row["message"]


@pytest.mark.parametrize(
    ("script", "conversions", "code"),
    [
        (["parameter"], 2, None),
        (["convert first"], 2, None),
        (["status 500", "parameter"], 3, None),
        (["parameter", "parameter"], 2, 422),
        (["denied"], 1, 422),
        (["timed out", "html 200", "reset"], 4, None),
        (["status 500"] * 4, 4, 500),
    ],
)
def test_a_conversion_that_fails(
    way: Way, script: list[str], conversions: int, code: int | None
) -> None:
    with ObservedApi(accepts="none", products=7) as api:
        api.script_conversions("shirt", script)
        done = way(api.url)(seeds=f"{ALIBABA},{FOREIGN}", sort=SORTS)
        assert api.conversions("shirt") == conversions
        assert status_of(done, FOREIGN) == "complete"
        assert status_of(done, ALIBABA) == ("failed" if code else "complete")
        assert {row["code"] for row in done.outcomes if row["seed"] == ALIBABA} == {code}
        assert api.searches("shirt") == (1 if code else 4)


@pytest.mark.parametrize(
    ("way", "refused"),
    [
        ("alone", "foreign"),
        ("alone", "all"),
        ("alone", "none"),
        ("worker", "all"),
    ],
    indirect=["way"],
)
def test_the_sandbox_says_the_same(way: Way, refused: str) -> None:
    """The sandbox's options for it, and a path that is good for two searches."""
    sandbox = SandboxThread(products=500, refused=refused, path_searches=2)
    try:
        crawl = way(sandbox.url)
        seeds = [ALIBABA.replace("shirt", "onepage"), FOREIGN.replace("lamp", "onepage-b")]
        done = crawl(seeds=",".join(seeds), sort="default,sales")
        assert {row["status"] for row in done.outcomes} == {"complete"}, done.outcomes
        first = refused == "all"
        assert sandbox.stats["conversions"] == 1 + first
        assert sandbox.stats["calls"] == 4 + 1 + 2 * first
        never = crawl(seeds=",".join(seeds), sort="default,sales", convert="never", job="never")
        ends = {row["seed"]: row["status"] for row in never.outcomes}
        foreign = "empty" if refused == "none" else "failed"
        assert ends == {seeds[0]: "failed" if first else "complete", seeds[1]: foreign}
        third: dict[str, Any] = {"seeds": seeds[1], "sort": SORTS, "job": "third"}
        before = sandbox.stats["calls"]
        done = crawl(*("-s", "TMAPI_CONVERSION_DAYS=0"), **third)
        assert {row["status"] for row in done.outcomes} == {"complete"}, done.outcomes
        assert sandbox.stats["calls"] - before == 2 + 3 + 1, "the third search by a new path"
    finally:
        sandbox.stop()
