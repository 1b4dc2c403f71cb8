"""Crawls of a changing sandbox: each reported change is checked against the real ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import Crawl, Crawler
from tmapi_spiders.sandbox.drift import offers
from tmapi_spiders.sandbox.options import SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.long  # make long

SEEDS = """\
id;image;target_price
mug;https://cbu01.alicdn.com/O1CN010001mug.jpg;12,50
lamp;https://cbu01.alicdn.com/O1CN010010lamp.jpg;
vase;https://cbu01.alicdn.com/O1CN010017vase-fail-status-500-d3.jpg;40
kite;https://shop.example/O1CN010009kite.jpg;8
"""
PRODUCTS = 6000
FIELDS = {
    "sales": "sale_quantity_90days",
    "moq": "moq",
    "supplier": "company_name",
    "price_source": "price_source",
}


class Watch:
    """A series of crawls of one sandbox, one per day."""

    def __init__(self, folder: Path) -> None:
        self.crawler = Crawler(folder / "output", variables={"TMAPI_SANDBOX": "1"})
        self.seeds = folder / "articles.csv"
        self.seeds.write_text(SEEDS, "utf-8")
        self.days: list[int] = []

    def crawl(self, day: int, *options: str, **arguments: Any) -> Crawl:
        given = json.dumps({"day": day, "products": PRODUCTS})
        crawler = self.crawler
        crawler.variables["TMAPI_SANDBOX_OPTIONS"] = given
        job = f"watch-202611{day:02}T180000Z"
        self.days.append(day)
        return crawler(
            *options, "-s", "TMAPI_RETRY_TIMES=0", seeds=self.seeds, job=job, **arguments
        )

    def compare(self, *options: str) -> tuple[Crawl, list[dict[str, Any]]]:
        path = self.crawler.output / "changes.jsonl"
        done = self.crawler.command("tmapi", "compare", "watch", "-o", str(path), *options)
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return done, [json.loads(line) for line in lines]

    @property
    def known(self) -> tuple[Mapping[int, Any], Mapping[int, Any]]:
        """What the sandbox offered on the last two days."""
        old, new = self.days[-2:]
        options = SandboxOptions(products=PRODUCTS)
        return offers(options, old), offers(options, new)


def found(crawl: Crawl) -> dict[str, dict[int, int]]:
    """Return what each seed found: its ranks by product."""
    ranks: dict[str, dict[int, int]] = {}
    for row in crawl.sightings:
        ranks.setdefault(row["seed_id"], {})[row["item_id"]] = row["rank"]
    return ranks


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def of(lines: list[dict[str, Any]], kind: str) -> dict[int, Any]:
    return {
        line["item_id"]: (line["before"], line["after"]) for line in lines if line["change"] == kind
    }


def test_every_line_is_right(watch: Watch) -> None:
    first = found(watch.crawl(1))
    second = found(watch.crawl(2))
    done, lines = watch.compare()
    assert done.exit_status == 5, done.log
    old, new = watch.known
    before, after = ({item for ranks in one.values() for item in ranks} for one in (first, second))
    assert set(of(lines, "gone")) == {item for item in before if item not in new}
    assert set(of(lines, "new")) == {item for item in after if item not in old}
    both = before & after
    assert len(both) > 300
    told = {kind: of(lines, kind) for kind in ("price", *FIELDS)}
    for item in both:
        was, now = old[item], new[item]
        for kind, name in FIELDS.items():
            values = getattr(was, name), getattr(now, name)
            is_told = values[0] != values[1] and None not in values
            assert told[kind].get(item) == (values if is_told else None), (kind, item)
        sources = {was.price_source, now.price_source}
        moved = (len(sources) == 1 or None in sources) and not same(was.price, now.price)
        assert told["price"].get(item) == ((was.price, now.price) if moved else None), item
    assert all(len(told[kind]) > 1 for kind in ("price", "sales", "supplier")), told
    for line in lines:
        if line["change"] == "rank":
            (seed,) = line["seed_ids"]
            item = line["item_id"]
            assert (line["before"], line["after"]) == (first[seed][item], second[seed][item])
        assert line["change"] not in {"unknown", "out_of_view", "into_view", "first_seen"}
    moved_ranks = {
        (seed, item)
        for seed, ranks in second.items()
        for item, rank in ranks.items()
        if first[seed].get(item, rank) != rank
    }
    assert len(moved_ranks) == sum(line["change"] == "rank" for line in lines)
    targets = {"mug": 12.5, "vase": 40, "kite": 8}
    reached = {
        (seed, item)
        for seed, target in targets.items()
        for item in second[seed]
        if (price := new[item].price) is not None
        and float(price) <= target
        and not (
            item in first[seed] and old[item].price is not None and float(old[item].price) <= target
        )
    }
    assert reached == {
        (*line["seed_ids"], line["item_id"]) for line in lines if line["change"] == "target_reached"
    }
    assert reached


def same(one: str | None, other: str | None) -> bool:
    return one == other or (one is not None and other is not None and float(one) == float(other))


@pytest.mark.long
def test_nothing_is_gone_because_its_query_failed(watch: Watch) -> None:
    first = found(watch.crawl(2))
    done = watch.crawl(3)
    assert done.exit_status == 3
    _, lines = watch.compare()
    _, new = watch.known
    unknown = {line["item_id"] for line in lines if line["change"] == "unknown"}
    assert unknown == set(first["vase"])
    gone = set(of(lines, "gone"))
    assert gone
    assert not gone & set(new)
    # A day later: what that seed finds had not been looked for the day before.
    fourth = found(watch.crawl(4))
    _, lines = watch.compare("--only", "new,first_seen")
    seen = {line["item_id"] for line in lines if line["change"] == "first_seen"}
    assert seen == set(fourth["vase"])


@pytest.mark.long
def test_a_day_that_a_budget_ended_early(watch: Watch) -> None:
    watch.crawl(1)
    stopped = watch.crawl(2, "-s", "TMAPI_BUDGET=5")
    assert stopped.exit_status == 4
    refused, _ = watch.compare()
    assert refused.exit_status == 2
    assert "it was stopped early (budget)" in refused.log
    _, lines = watch.compare("--incomplete-ok")
    complete = {row["seed_id"] for row in stopped.outcomes if row["status"] == "complete"}
    for line in lines:
        if line["change"] == "gone":
            assert set(line["seed_ids"]) <= complete
    _, new = watch.known
    assert not set(of(lines, "gone")) & set(new)
    assert of(lines, "unknown")


@pytest.mark.long
def test_what_is_beyond_the_last_page_asked_for(watch: Watch) -> None:
    watch.crawl(1, max_pages=1, sort="price_up")
    watch.crawl(2, max_pages=1, sort="price_up")
    _, lines = watch.compare()
    changes = {line["change"] for line in lines}
    assert {"into_view", "out_of_view"} <= changes
    assert not changes & {"new", "gone"}
