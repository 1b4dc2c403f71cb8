"""The same answers give the same results in one process and with workers, whatever they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.scripted import ScriptedApi
from tests.ways import Way

if TYPE_CHECKING:
    from pathlib import Path

    from tests.distributed.servers import RedisServer
    from tests.support import Crawl

RETRIES = 2

#: What depends on when a query asks: which one pays for an image's conversion, which one is the
#: first to find a product, what the clock says.
_BY_TIMING = {"calls", "retries", "new_items", "started_at", "finished_at"}

#: The scope within which a product is written once.
SCOPES = {"job": ["language"], "seed": ["language", "seed_id"], "query": ["query_id"]}

ENDINGS = {
    *(("complete", how) for how in ("last_page", "empty_page", "no_new_items")),
    *(("complete", how) for how in ("max_items", "max_pages")),
    *(("empty", "empty_page"), ("partial", "error"), ("failed", "error")),
}


def outcomes(crawl: Crawl) -> dict[str, dict[str, Any]]:
    """Return the part of each query's outcome that must not depend on timing."""
    assert set(_BY_TIMING) < set(crawl.outcomes[0])
    return {
        row["query_id"]: {
            **{name: value for name, value in row.items() if name not in _BY_TIMING},
            "began": row["started_at"] is not None,
            "ended": row["finished_at"] is not None,
        }
        for row in crawl.outcomes
    }


def sums(crawl: Crawl) -> dict[str, tuple[int, int]]:
    """Return calls and retries of each image."""
    found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in crawl.outcomes:
        found[row["seed"]][0] += row["calls"]
        found[row["seed"]][1] += row["retries"]
    return {seed: (calls, retries) for seed, (calls, retries) in found.items()}


def written(crawl: Crawl, dedupe: str) -> Counter[tuple[Any, ...]]:
    names = [*SCOPES[dedupe], "item_id"]
    return Counter(tuple(row[name] for name in names) for row in crawl.products)


@pytest.mark.parametrize(
    ("seed", "dedupe", "limits"),
    [
        (1, "job", {"max_pages": 4, "max_items": 20}),
        *(
            pytest.param(seed, dedupe, limits, marks=pytest.mark.long)
            for seed, dedupe, limits in [
                (2, "seed", {"max_pages": 4, "max_items": 20}),
                (3, "query", {"max_pages": 3}),
                (4, "seed", {"max_items": 15}),
                (5, "job", {}),
                (6, "query", {"max_items": 8, "convert": "never"}),
                (7, "job", {"max_pages": 5, "convert": "always"}),
            ]
        ),
    ],
)
def test_both_ways(
    tmp_path: Path,
    redis_server: RedisServer,
    seed: int,
    dedupe: str,
    limits: dict[str, Any],
) -> None:
    with ScriptedApi(seed, RETRIES + 1) as api:
        found = []
        for way in (
            Way("alone", tmp_path / "alone", None),
            Way("worker", tmp_path / "shared", redis_server),
        ):
            api.reset()
            crawl = way(api.url)(
                *("-s", f"TMAPI_DEDUPE={dedupe}", "-s", f"TMAPI_RETRY_TIMES={RETRIES}"),
                *("-s", "TMAPI_OUTAGE_CALLS=0", "-s", "TMAPI_FAILED_OK=1"),
                *("-s", "TMAPI_RETRY_DELAY=0.01"),
                seeds=",".join(api.images(45)),
                sort="default,sales",
                **limits,
            )
            assert crawl.exit_status == 0, crawl.log
            found.append((crawl, api.calls))
    (alone, calls_alone), (shared, calls_shared) = found
    assert outcomes(shared) == outcomes(alone)
    assert sums(shared) == sums(alone)
    assert calls_shared == calls_alone
    names = ("query_id", "page", "rank", "item_id", "price")
    assert {tuple(row[name] for name in names) for row in shared.sightings} == {
        tuple(row[name] for name in names) for row in alone.sightings
    }
    assert written(shared, dedupe) == written(alone, dedupe)
    assert max(written(alone, dedupe).values()) == 1
    for crawl in (alone, shared):
        assert sum(row["new_items"] for row in crawl.outcomes) == len(crawl.products)
    if len(limits) == 2 and "convert" not in limits:
        assert {(row["status"], row["reason"]) for row in alone.outcomes} == ENDINGS
