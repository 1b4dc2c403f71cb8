"""Checks compare on random days against a simple model of what came, went and moved."""

from __future__ import annotations

import random
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.compare.days import Series, item

if TYPE_CHECKING:
    from pathlib import Path

#: How a query may end, and what that says about products it did not find.
ENDS = {
    "complete last_page": 0,
    "empty empty_page": 0,
    "complete max_pages": 1,
    "complete max_items": 1,
    "partial error": 3,
    "failed error": 3,
    "not_started budget": 3,
}
DOUBTED, FAILED = 2, 3
CAME = ("new", "into_view", "first_seen", "first_seen")
WENT = ("gone", "out_of_view", "unknown", "unknown")
WITHOUT_ITEMS = {"empty", "failed", "not_started"}

Query = tuple[str, str]


class Read(NamedTuple):
    """What a query found: ranks by product, what its ending says, and the evidence against it."""

    ranks: dict[int, int]
    says: int
    evidence: set[str]


Day = dict[Query, Read]


def draw(series: Series, day: int, at_random: random.Random) -> Day:
    """Write a day; return what each query found."""
    job, made = series.day(day), Day()
    for seed in "ABC":
        for sort in ("default", "sales"):
            if at_random.random() < 0.15:
                continue
            usual = at_random.random() < 0.7
            ended = "complete last_page" if usual else at_random.choice(list(ENDS))
            count = 0 if ended.split()[0] in WITHOUT_ITEMS else at_random.randint(0, 6)
            items = at_random.sample(range(1, 8), count)
            evidence = {code for code in ("one", "two") if at_random.random() < 0.2}
            against = " ".join(evidence)
            job.query(seed, *map(item, items), sort=sort, ended=ended, evidence=against)
            ranks = {item_id: rank for rank, item_id in enumerate(items, 1)}
            made[seed, sort] = Read(ranks, ENDS[ended], evidence)
    job.write()
    return made


class QueryState:
    """One query up to one day: what is believed about it.

    :param since: before this day, one that was not made is the end of its history
    """

    def __init__(self, days: list[Day], day: int, query: Query, since: int) -> None:
        self.read = days[day].get(query, Read({}, FAILED, set()))
        self.made = query in days[day]
        self.carried: dict[int, int] = {}
        self.says, self.evidence = self.read.says, self.read.evidence
        self.day = day
        self.before = before = self._before(days, day, query, since)
        if self.says == FAILED or before is None:
            return
        last = before.read
        is_short = self.says == 0 and len(self.read.ranks) < len(last.ranks) / 2
        if is_short or not self.read.evidence <= last.evidence:
            self.carried = {
                one: rank
                for one, rank in (before.carried | last.ranks).items()
                if one not in self.read.ranks
            }
            self.says, self.evidence = before.says, before.evidence

    def _before(self, days: list[Day], day: int, query: Query, since: int) -> QueryState | None:
        for earlier in range(day - 1, -1, -1):
            if query not in days[earlier] and earlier <= since:
                return None
            if query in days[earlier] and days[earlier][query].says != FAILED:
                return QueryState(days, earlier, query, since)
        return None

    def found_on(self, item_id: int) -> int:
        """Return the last day on which it was found."""
        if item_id in self.read.ranks or self.before is None:
            return self.day
        return self.before.found_on(item_id)

    @property
    def believed(self) -> dict[int, int]:
        return self.carried | self.read.ranks


def expected(days: list[Day], old: int, new: int) -> set[Any]:
    queries = [(seed, sort) for seed in "ABC" for sort in ("default", "sales")]
    was = {query: QueryState(days, old, query, old) for query in queries}
    now = {query: QueryState(days, new, query, old) for query in queries}

    def came(item_id: int, there: list[Query]) -> str | None:
        known = [
            DOUBTED
            if was[query].says != FAILED and not was[query].evidence <= now[query].read.evidence
            else was[query].says
            for query in there
            if was[query].made
        ]
        # What is carried from before the old day was reported before it.
        found_since = [now[query].found_on(item_id) > old for query in there]
        return CAME[max(known, default=FAILED)] if any(found_since) else None

    def went(item_id: int, left: list[Query], *, is_carried: bool) -> str | None:
        says = FAILED if is_carried else max(now[query].says for query in left)
        change = WENT[says]
        found = any(item_id in was[query].read.ranks for query in left)
        return change if found or change != "unknown" else None

    lines: set[Any] = set()
    for item_id in range(1, 8):
        left = [query for query in queries if item_id in was[query].believed]
        there = [query for query in queries if item_id in now[query].read.ranks]
        carried = [query for query in queries if item_id in now[query].carried]
        stays = bool(left and there)
        for scope, seeds in (("product", "ABC"), *(("seed", seed) for seed in "ABC")):
            if (scope == "seed") != stays:
                continue
            left_here, there_here, carried_here = (
                [query for query in some if query[0] in seeds] for some in (left, there, carried)
            )
            change = None
            if left_here and not there_here:
                change = went(item_id, left_here, is_carried=bool(carried_here))
            elif not left_here and (there_here or carried_here):
                change = came(item_id, there_here + carried_here)
            if change:
                ids = sorted({seed for seed, _ in left_here or there_here or carried_here})
                lines.add((change, scope, item_id, *ids))
        for query in set(left) & {*there, *carried}:
            ranks = was[query].believed[item_id], now[query].believed[item_id]
            if ranks[0] != ranks[1]:
                lines.add(("rank", item_id, *query, *ranks))
    return lines


def told(series: Series, *jobs: str) -> set[Any]:
    found: set[Any] = set()
    for line in series.lines(*jobs):
        about = (line["change"], line["scope"], line["item_id"], *sorted(line["seed_ids"]))
        if line["change"] == "rank":
            searched, sort = line["seed_ids"][0], line["query_id"].split("/")[1]
            about = ("rank", line["item_id"], searched, sort, line["before"], line["after"])
        found.add(about)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_what_came_went_and_moved(tmp_path: Path, seed: int) -> None:
    at_random, series = random.Random(seed), Series(tmp_path)
    days = [draw(series, day, at_random) for day in range(1, 6)]
    names = sorted(path.name for path in tmp_path.iterdir())
    for old, new in combinations(range(len(days)), 2):
        assert told(series, names[old], names[new]) == expected(days, old, new), (old, new)


@pytest.mark.parametrize("seed", range(15))
def test_every_change_is_reported_once(tmp_path: Path, seed: int) -> None:
    """Applying all reported changes gives what is there, whichever days are compared."""
    at_random, series = random.Random(seed), Series(tmp_path)
    found: list[set[int]] = []
    for day in range(1, 11):
        ids = at_random.sample(range(1, 13), at_random.choice((12, 11, 10, 9, 5, 3, 0)))
        if day == 10:  # the same again, so that nothing is left open
            ids = list(found[-1])
        evidence = "" if day > 8 or at_random.random() < 0.6 else at_random.choice(("one", "two"))
        prices = {one: f"{at_random.choice((10, 11))}.00" for one in ids}
        series.day(day).query(
            "A", *(item(one, prices[one]) for one in ids), evidence=evidence
        ).write()
        found.append(set(ids))
    names = sorted(path.name for path in tmp_path.iterdir())
    for path in (names, names[::3]):
        there, unsure = set(found[0]), set[int]()
        known = {line["item_id"]: line["price"] for line in series.rows(names[0], "products")}
        for old, new in pairwise(path):
            for line in series.lines(old, new):
                kind, one = line["change"], line["item_id"]
                if kind in {"new", "first_seen"}:
                    assert one not in there, (old, new, line)
                    there.add(one)
                    known[one] = line["after"]
                elif kind == "gone":
                    assert one in there, (old, new, line)
                    there.remove(one)
                elif kind == "unknown":
                    assert one in there - unsure, (old, new, line)
                    unsure.add(one)
                elif kind == "price":
                    assert known[one] == line["before"], (old, new, line)
                    known[one] = line["after"]
            unsure -= found[names.index(new)]
        assert there == found[-1], path
        last = {line["item_id"]: line["price"] for line in series.rows(names[-1], "products")}
        assert {one: known[one] for one in there} == last, path
