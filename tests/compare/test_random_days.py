"""Compare against a plain rule of what came, went and moved, on days drawn at random."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.compare.days import Series, item

if TYPE_CHECKING:
    from pathlib import Path

#: How a search may end, and how much that says of what it did not bring.
ENDS = {
    "complete last_page": 0,
    "empty empty_page": 0,
    "complete max_pages": 1,
    "complete max_items": 1,
    "partial error": 2,
    "failed error": 2,
    "not_started budget": 2,
}
CAME = ("new", "into_view", "first_seen")
WENT = ("gone", "out_of_view", "unknown")
WITHOUT_ITEMS = {"empty", "failed", "not_started"}

Query = tuple[str, str]
Found = dict[int, dict[Query, int]]


def draw(series: Series, day: int, at_random: random.Random) -> tuple[Found, dict[Query, int]]:
    """Write a day; return the ranks by product and query, and what each query's end says."""
    job, found, says = series.day(day), Found(), dict[Query, int]()
    for seed in "ABC":
        for sort in ("default", "sales"):
            if at_random.random() < 0.2:
                continue
            usual = at_random.random() < 0.5
            ended = "complete last_page" if usual else at_random.choice(list(ENDS))
            count = 0 if ended.split()[0] in WITHOUT_ITEMS else at_random.randint(0, 5)
            items = at_random.sample(range(1, 7), count)
            job.search(seed, *map(item, items), sort=sort, ended=ended)
            says[seed, sort] = ENDS[ended]
            for rank, item_id in enumerate(items, 1):
                found.setdefault(item_id, {})[seed, sort] = rank
    job.write()
    return found, says


def expected(old: tuple[Found, dict[Query, int]], new: tuple[Found, dict[Query, int]]) -> set[Any]:
    (was, said), (is_now, says) = old, new

    def came(queries: set[Query]) -> str:
        known = [said[query] for query in queries if query in said]
        return CAME[max(known, default=2)]

    def went(queries: set[Query]) -> str:
        return WENT[max(says.get(query, 2) for query in queries)]

    lines: set[Any] = set()
    for item_id in was.keys() | is_now.keys():
        before, after = was.get(item_id, {}), is_now.get(item_id, {})
        for scope, seeds in (("product", "ABC"), *(("seed", seed) for seed in "ABC")):
            if scope == "seed" and not (before and after):
                continue
            left = {query for query in before if query[0] in seeds}
            there = {query for query in after if query[0] in seeds}
            if bool(left) != bool(there):
                change = came(there) if there else went(left)
                ids = sorted({seed for seed, _ in there or left})
                lines.add((change, scope, item_id, *ids))
        for query in before.keys() & after.keys():
            if before[query] != after[query]:
                lines.add(("rank", item_id, *query, before[query], after[query]))
    return lines


@pytest.mark.parametrize("seed", range(20))
def test_what_came_went_and_moved(tmp_path: Path, seed: int) -> None:
    at_random, series = random.Random(seed), Series(tmp_path)
    days = [draw(series, day, at_random) for day in (1, 2)]
    told: set[Any] = set()
    for line in series.changes():
        about = (line["change"], line["scope"], line["item_id"], *sorted(line["seed_ids"]))
        if line["change"] == "rank":
            searched, sort = line["seed_ids"][0], line["query_id"].split("/")[1]
            about = ("rank", line["item_id"], searched, sort, line["before"], line["after"])
        told.add(about)
    assert told == expected(*days)
