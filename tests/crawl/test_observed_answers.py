"""Answers other than pages that the API was seen to give, by the second server, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.observed.server import ObservedApi

if TYPE_CHECKING:
    from tests.observed.server import Scripted
    from tests.support import Crawl
    from tests.ways import Way

#: Final: nothing is asked twice.
READ = ["code text", "encoding gzip", "encoding br"]
#: Passing failures, which are retried.
PASSING: list[Scripted] = [
    *("status 408", "html 520", "status 529", "both 417", "code 499", "html 502", "both 504"),
    *("timed out", "html 200", "cut json", "cut connection", "list", "data null"),
    *("items null", "items object", "reset", "hang up", "html 403", "status 403"),
    ("status 429", {"Retry-After": "1"}),
    ("code 503", {"Retry-After": "1"}),
]
#: The query's own fault: only it fails.
WRONG = ["parameter", "denied"]


def path_of(image: str) -> str:
    return f"/search/imgextra5/{image}.jpg"


def ends(crawl: Crawl) -> dict[str, str]:
    return {row["seed"]: row["status"] for row in crawl.outcomes}


@pytest.mark.both_ways
def test_each_is_what_it_was_seen_to_be(way: Way) -> None:
    with ObservedApi(accepts="none", products=5) as api:
        answers = [*READ, *PASSING, *WRONG]
        for number, answer in enumerate(answers):
            api.register(path_of(f"a{number}"))
            api.script(f"a{number}", None, [answer])
        # One call in flight, so that good answers come in between: this is not an outage.
        done = way(api.url)(
            *("-s", "TMAPI_MAX_CONCURRENCY=1"),
            seeds=",".join(path_of(f"a{number}") for number in range(len(answers))),
        )
        calls = [api.searches(f"a{number}") for number in range(len(answers))]
    assert done.exit_status == 3, done.log
    status = ends(done)
    for number, answer in enumerate(answers):
        passes, fails = answer in PASSING, answer in WRONG
        assert status[path_of(f"a{number}")] == ("failed" if fails else "complete"), answer
        assert calls[number] == 1 + passes, answer
    assert len(done.products) == 5 * (len(answers) - len(WRONG))


@pytest.mark.parametrize(
    ("way", "answer", "reason"),
    [
        ("alone", "html 403", "refused"),
        ("alone", "status 500", "outage"),
        ("worker", "html 403", "refused"),
        ("worker", "reset", "outage"),
    ],
    indirect=["way"],
)
def test_an_api_that_fails_everything(way: Way, answer: str, reason: str) -> None:
    seeds = [path_of(f"a{number}") for number in range(60)]
    with ObservedApi(accepts="none", products=5) as api:
        for seed in seeds:
            api.register(seed)
        api.everything(answer)
        crawl = way(api.url)
        done = crawl(seeds=",".join(seeds))
        assert done.exit_status == 4
        assert f"STOPPED EARLY: {reason} (" in done.log
        assert "To resume" in done.log
        assert len(api.log) <= 25, "where sixty queries of four tries are 240"
        assert "failed" not in {row["status"] for row in done.outcomes if not row["calls"]}
        api.everything(None)
        again = crawl(job="j")
        assert again.exit_status == 0, again.log
        assert set(ends(again).values()) == {"complete"}
        assert len(again.products) == 5 * 60


@pytest.mark.parametrize(
    ("options", "size", "evidence"),
    [
        ({}, 30, []),
        ({"next_page": "always"}, 30, ["empty_page"]),
        ({"next_page": "always", "after_end": "repeat"}, 30, ["repeated_page"]),
        ({"total": 688}, 30, ["short_of_count"]),
        ({"without_id": 2}, 30, ["unreadable_ids"]),
        ({"total": 688}, 0, ["empty_first_page", "counted_not_given"]),
    ],
)
def test_what_speaks_against_an_ending(
    way: Way, options: dict[str, str | int], size: int, evidence: list[str]
) -> None:
    with ObservedApi(accepts="none", **options) as api:
        api.register(path_of("lamp"))
        api.size("lamp", 30)
        if not size:
            api.script("lamp", 1, ["empty page"])
        done = way(api.url)(seeds=path_of("lamp"))
    assert done.outcome["status"] == ("complete" if size else "empty")
    assert (len(done.products), done.outcome["evidence"]) == (size, evidence)
    assert ("evidence against" in done.log) == bool(evidence)
