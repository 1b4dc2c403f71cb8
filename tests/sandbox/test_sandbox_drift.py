"""The sandbox from day to day: what changes, how much, and how it reports that."""

from __future__ import annotations

import hashlib
from collections import Counter
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests.sandbox.test_sandbox_command import running
from tests.sandbox.test_sandbox_http import Client, serving
from tests.support import Crawler
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.sandbox import api, spellings
from tmapi_spiders.sandbox.catalogue import catalogue_of
from tmapi_spiders.sandbox.drift import Drift, Offer, changes, offers
from tmapi_spiders.sandbox.looks import KIND_NAMES, Look, distance, look_of
from tmapi_spiders.sandbox.options import MAX_DAY, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tmapi_spiders.items import Product

pytestmark = pytest.mark.long  # make long

OPTIONS = SandboxOptions(products=2000)
DAYS = ((0, 1), (1, 2), (20, 21))

#: Answers to a few searches of a sandbox with 1,500 products, recorded before there were days.
BEFORE_THERE_WERE_DAYS = "f78984f7a3e24fadce03f5ed52f6db32b660d86024b33dffa5189f37eb7d8ef0"


@cache
def many(old: int, new: int) -> tuple[int, list[Drift]]:
    """Return the number of products on the old day, and what changes until the new one."""
    options = SandboxOptions(products=15_000)
    return len(offers(options, old)), list(changes(options, old, new).values())


@cache
def names() -> list[str]:
    """Return names of images that together find everything: each kind, every 40 degrees."""

    def near(kind: str, hue: int) -> str:
        # At most 20 degrees and 10 per cent off, so nothing in between is out of reach.
        for number in range(100_000):
            look = look_of(f"n{number}")
            if (
                look.kind == kind
                and abs(look.size - 50) <= 10
                and (distance(look, Look(kind, hue, look.size, look.pattern)) or 0) <= 20
            ):
                return f"n{number}"
        raise AssertionError(kind)

    return [near(kind, hue) for kind in KIND_NAMES for hue in range(0, 360, 40)]


def listing(client: Client, **params: Any) -> dict[int, Product]:
    """Return everything that searches find, read as a crawl reads it."""
    found = (
        product
        for name in names()
        for product in ProductLoader.load_rows(
            client.items(f"/search/{name}.jpg", page_size=50, **params)
        )
    )
    return {product.item_id: product for product in found}


def read(product: Product) -> Offer:
    return Offer(*(getattr(product, field.name) for field in attrs.fields(Offer)))


@pytest.fixture(scope="module")
def served() -> Iterator[dict[int, Client]]:
    with serving(products=2000, day=3) as old, serving(products=2000, day=8) as new:
        yield {3: old, 8: new}


@pytest.fixture(scope="module")
def listings(served: dict[int, Client]) -> dict[int, dict[int, Offer]]:
    return {
        day: {item_id: read(product) for item_id, product in listing(client).items()}
        for day, client in served.items()
    }


# Which day it is


def digest(client: Client, **more: Any) -> str:
    answers = hashlib.sha256()
    for name in range(40):
        for params in (
            {},
            {"sort": "sales", "language": "ru"},
            {"sort": "price_up", "price_start": "5", "page": 2, "page_size": 50},
        ):
            body = client.search(f"/search/{name}.jpg", **params, **more).body
            plain = body.replace(b"http:////", b"http://")
            answers.update(plain.replace(client.base_url.encode(), b""))
    return answers.hexdigest()


def test_day_0_is_as_before_there_were_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """The odd spellings, which came later, changed nothing else either."""
    monkeypatch.setattr(spellings, "SPELT_PER_MILLE", 0)
    monkeypatch.setattr(api, "TEXT_TOTAL_SHARE", 0)
    catalogue_of.cache_clear()
    try:
        with serving(products=1500) as client, serving(products=1500, day=0) as same:
            assert digest(client) == digest(same) == BEFORE_THERE_WERE_DAYS
    finally:
        catalogue_of.cache_clear()


def test_a_day_is_the_same_in_every_process() -> None:
    with running("--port", "0", "--products", "1500", "--day", "3") as (_, lines):
        assert "(made-up products of day 3; any token)" in lines[0]
        theirs = Client(lines[0].split()[4])
        with serving(products=1500, day=3) as ours, serving(products=1500, day=4) as next_day:
            assert digest(ours) == digest(theirs) != digest(next_day)
            found = ours.admin("changes?since=1")
            assert found == theirs.admin("changes?since=1")
            assert len(found["changes"]) > 100


def test_another_seed_changes_differently() -> None:
    other = attrs.evolve(OPTIONS, seed=2)
    assert not set(changes(OPTIONS, 0, 1)) & set(changes(other, 0, 1))


def test_a_larger_catalogue_holds_the_smaller_on_every_day() -> None:
    small, large = offers(attrs.evolve(OPTIONS, products=500), 9), offers(OPTIONS, 9)
    assert small.items() <= large.items()
    assert len(set(small) - set(offers(OPTIONS, 0))) > 30


def test_a_late_day_is_about_as_large_as_the_first() -> None:
    late = offers(OPTIONS, MAX_DAY)
    assert 1800 < len(late) < 2200
    assert all(Decimal(offer.price) > 0 for offer in late.values() if offer.price)


@pytest.mark.parametrize("day", [-1, 1.0, True, "2", None, MAX_DAY + 1])
def test_a_day_is_a_whole_number(day: Any) -> None:
    rule = f"must be a whole number from 0 to {MAX_DAY}"
    with pytest.raises(ValueError, match=f"^day={day!r}: {rule}$"):
        SandboxOptions(day=day)
    with pytest.raises(ValueError, match=rule):
        changes(OPTIONS, 0, day)


# What it reports


def test_what_the_sandbox_says_it_changed_is_what_searches_find(
    listings: dict[int, dict[int, Offer]],
) -> None:
    old, new = listings[3], listings[8]
    said = changes(OPTIONS, 3, 8)
    assert list(said) == sorted(said)
    assert {i for i, change in said.items() if change.kind == "added"} == new.keys() - old.keys()
    assert {i for i, change in said.items() if change.kind == "removed"} == old.keys() - new.keys()
    for item_id, change in said.items():
        assert (change.before, change.after) == (old.get(item_id), new.get(item_id))
    for item_id in old.keys() & new.keys():
        before, after = in_numbers(old[item_id]), in_numbers(new[item_id])
        differ = tuple(name for name in before if before[name] != after[name])
        assert differ == (said[item_id].fields if item_id in said else ())


def in_numbers(offer: Offer) -> dict[str, Any]:
    return attrs.asdict(offer) | {"price": offer.price and Decimal(offer.price)}


def test_offers_are_what_a_crawl_reads(listings: dict[int, dict[int, Offer]]) -> None:
    for day, found in listings.items():
        assert found == offers(OPTIONS, day)


def test_changes_over_http_are_the_same(served: dict[int, Client]) -> None:
    said = [change.as_json() for change in changes(OPTIONS, 3, 8).values()]
    found = served[8].admin("changes?since=3")
    assert (found["since"], found["day"]) == (3, 8)
    assert found["changes"] == [{**change, "fields": list(change["fields"])} for change in said]
    assert served[3].admin("changes?since=3")["changes"] == []
    assert served[3].admin("stats")["by_status"].keys() <= {"200"}


@pytest.mark.parametrize("query", ["", "?since=", "?since=9", "?since=-1", "?since=1.5"])
def test_changes_since_an_invalid_day_are_refused(served: dict[int, Client], query: str) -> None:
    reply = served[8].send("GET", f"/_sandbox/changes{query}")
    assert (reply.status, reply.json["code"]) == (422, 422)
    assert reply.json["msg"].endswith("is not a whole number from 0 to 8")


def test_changes_are_the_same_in_all_languages(served: dict[int, Client]) -> None:
    client = served[8]
    english, korean = (client.items("/search/a.jpg", language=name) for name in ("en", "ko"))
    assert len(english) > 20
    for one, other in zip(english, korean, strict=True):
        assert {**one, "title": None} == {**other, "title": None}


# What changes, and how much


ON_A_DAY = pytest.mark.parametrize(
    ("old", "new"), [DAYS[0], *(pytest.param(*days, marks=pytest.mark.long) for days in DAYS[1:])]
)


@ON_A_DAY
def test_a_share_of_the_products_moves_on_each_day(old: int, new: int) -> None:
    count, said = many(old, new)
    moved = Counter(name for change in said for name in change.fields)
    moved += Counter(change.kind for change in said)
    expected = {
        "price": 0.05,
        "price_source": 0.01,
        "sale_quantity_90days": 0.045,
        "moq": 0.01,
        "removed": 0.02,
        "added": 0.015 if old < 2 else 0.02,
    }
    for name, share in expected.items():
        assert moved[name] / count == pytest.approx(share, rel=0.2), name
    assert (moved["company_name"] + moved["shop_years"]) / count == pytest.approx(0.005, rel=0.3)


@ON_A_DAY
def test_values_move_as_documented(old: int, new: int) -> None:
    both = [
        (change.before, change.after, change.fields)
        for change in many(old, new)[1]
        if change.before and change.after
    ]
    prices = [
        Decimal(after.price) / Decimal(before.price)
        for before, after, fields in both
        if "price" in fields and before.price and after.price
    ]
    # The least change is a cent, which may be more than 30 % of a few prices.
    assert all(Decimal("0.69") < ratio < Decimal("1.31") for ratio in prices)
    assert 0.4 < sum(ratio > 1 for ratio in prices) / len(prices) < 0.6
    sales = [
        (before.sale_quantity_90days or 0, after.sale_quantity_90days or 0)
        for before, after, fields in both
        if "sale_quantity_90days" in fields
    ]
    assert 0.7 < sum(before < after for before, after in sales) / len(sales) < 0.95
    assert any(before < after == 100_000 for before, after in sales)
    assert any(before == 100_000 > after for before, after in sales)
    assert all(max(pair) <= 100_000 for pair in sales)
    sources = {
        (b.price_source, a.price_source) for b, a, fields in both if "price_source" in fields
    }
    assert {("price", "price_info.sale_price"), ("price_info.sale_price", "price")} <= sources
    assert {("price", None), (None, "price")} <= sources


def test_all_price_fields_change_together() -> None:
    with serving(products=2000) as old, serving(products=2000, day=1) as new:
        before, after = (
            {
                int(item["item_id"]): item.get("price_info") or {}
                for name in names()
                for item in client.items(f"/search/{name}.jpg", page_size=50)
            }
            for client in (old, new)
        )
    moved = [
        (before[item_id], after[item_id])
        for item_id, change in changes(OPTIONS, 0, 1).items()
        if change.fields == ("price",)
    ]
    assert any(prices.get("origin_price") for prices, _ in moved)
    for prices, later in moved:
        told = [name for name, price in prices.items() if price]
        assert told == [name for name, price in later.items() if price]
        assert all(prices[name] != later[name] for name in told)


@pytest.mark.long
def test_some_of_those_that_left_come_back() -> None:
    first = offers(OPTIONS, 0).keys()
    days = [offers(OPTIONS, day).keys() for day in range(1, 16)]
    left = first - days[0]
    back = {item_id for item_id in left if any(item_id in day for day in days[1:])}
    assert 0.1 < len(back) / len(left) < 0.45


def test_the_picture_of_a_product_that_left_still_shows_it() -> None:
    gone = next(i for i, change in changes(OPTIONS, 0, 8).items() if change.kind == "removed")
    with serving(products=2000) as client, serving(products=2000, day=8) as later:
        pictures = [c.send("GET", f"/img/{gone}.svg") for c in (client, later)]
        assert [picture.status for picture in pictures] == [200, 200]
        assert pictures[0].body == pictures[1].body
        found, left = (
            [product.item_id for product in ProductLoader.load_rows(c.items(f"/search/{gone}.jpg"))]
            for c in (client, later)
        )
        assert found[0] == gone
        assert gone not in left
        assert len({*found} & {*left}) > len(found) / 2


def test_new_products_have_pictures_and_are_found_by_them(served: dict[int, Client]) -> None:
    new = next(i for i, change in changes(OPTIONS, 3, 8).items() if change.kind == "added")
    assert served[8].send("GET", f"/img/{new}.svg").status == 200
    assert int(served[8].items(f"{served[8].base_url}/img/{new}.svg")[0]["item_id"]) == new


# Faults


def test_a_fault_can_hold_on_one_day(served: dict[int, Client]) -> None:
    for day, status in ((3, 500), (8, 200)):
        client = served[day]
        client.admin("reset")
        assert client.search("/search/fail-status-500-d3.jpg").status == status
        conversion = client.convert("https://example.com/convert-status-500-d3.jpg")
        assert conversion.status == status
        assert client.search("/search/fail-status-500.jpg").status == 500


def test_a_day_can_be_joined_with_tries_and_pages(served: dict[int, Client]) -> None:
    image = "/search/fail-status-500-p2-d3-x1-fail-status-504-d8.jpg"
    client = served[3]
    client.admin("reset")
    assert [client.search(image, page=page).status for page in (1, 2, 2)] == [200, 500, 200]
    assert served[8].search(image).status == 504


# The profile's own sandbox


def test_a_crawl_can_have_its_own_sandbox_on_a_day(tmp_path: Path) -> None:
    crawl = Crawler(
        tmp_path,
        variables={
            "SCRAPY_PROJECT": "sandbox",
            "TMAPI_SANDBOX_OPTIONS": '{"products": 2000, "day": 8}',
        },
    )
    done = crawl(seeds=",".join(f"/search/{name}.jpg" for name in names()[:4]))
    assert done.exit_status == 0, done.log
    expected = offers(OPTIONS, 8)
    fields = [field.name for field in attrs.fields(Offer)]
    assert len(done.products) > 50
    for line in done.products:
        assert Offer(**{name: line[name] for name in fields}) == expected[line["item_id"]]
    new = {i for i, change in changes(OPTIONS, 0, 8).items() if change.kind == "added"}
    assert new & {line["item_id"] for line in done.products}
