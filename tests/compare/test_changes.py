"""Which changes between two days are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.compare.days import Series, item

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def series(tmp_path: Path) -> Series:
    return Series(tmp_path / "output")


def test_two_days_alike(series: Series) -> None:
    for day in (1, 2):
        series.day(day).query("A", item(1), item(2, None)).write()
    assert series.changes() == []
    assert "nothing changed" in series.compare("watch").stdout


def test_what_a_product_can_change(series: Series) -> None:
    series.day(1).query("A", *(item(number) for number in range(1, 9))).query("B", item(1)).write()
    series.day(2).query(
        "A",
        item(1, "9.00"),
        item(2, "10.0"),
        item(3, price_source="sale_price"),
        item(4, "9.00", price_source="sale_price"),
        item(5, currency="USD"),
        item(6, sale_quantity_90days=150, moq=3),
        item(7, company_name="Others Ltd"),
        item(8, sale_quantity_90days=None, moq=None, company_name=None),
    ).query("B", item(1)).write()
    assert series.told() == {
        ("price", 1, "A", "10.00", "9.00"),  # under B it is as it was
        ("price_source", 3, "A", "price", "sale_price"),
        ("price_source", 4, "A", "price", "sale_price"),
        ("currency", 5, "A", "CNY", "USD"),
        ("sales", 6, "A", 100, 150),
        ("moq", 6, "A", 2, 3),
        ("supplier", 7, "A", "Lamps Ltd", "Others Ltd"),
    }
    (price,) = series.changes("--only", "price")
    assert (price["difference"], price["percent"]) == ("-1.00", -10.0)
    assert (price["scope"], price["seed_data"], price["language"]) == ("product", {}, "en")
    assert (price["price_before"], price["price_after"]) == ("10.00", "9.00")
    assert (price["old_job"], price["new_job"]) == (
        "watch-20261101T180000Z",
        "watch-20261102T180000Z",
    )


@pytest.mark.parametrize(
    ("ended", "change"),
    [
        ("complete last_page", "gone"),
        ("complete no_new_items", "gone"),
        ("complete empty_page", "gone"),
        ("empty empty_page", "gone"),
        ("complete max_pages", "out_of_view"),
        ("complete max_items", "out_of_view"),
        ("partial error", "unknown"),
        ("failed error", "unknown"),
        ("not_started budget", "unknown"),
    ],
)
def test_gone_only_if_its_query_was_read_to_its_end(
    series: Series, ended: str, change: str
) -> None:
    series.day(1).query("A", item(1), item(2)).write()
    series.day(2).query("A", item(1), ended=ended).write()
    assert series.told() == {(change, 2, "A", "10.00", None)}


@pytest.mark.parametrize(
    ("ended", "change"),
    [
        ("complete last_page", "new"),
        ("empty empty_page", "new"),
        ("complete max_pages", "into_view"),
        ("failed error", "first_seen"),
        ("not_started budget", "first_seen"),
    ],
)
def test_new_only_if_its_query_had_been_read_to_its_end(
    series: Series, ended: str, change: str
) -> None:
    series.day(1).query("A", item(1), ended=ended).write()
    series.day(2).query("A", item(1), item(2)).write()
    assert series.told() == {(change, 2, "A", None, "10.00")}


def test_every_query_that_had_found_it_counts(series: Series) -> None:
    first = series.day(1).query("A", item(1), item(2), item(3))
    first.query("A", item(1), item(2), item(3), sort="sales").query("B", item(3)).write()
    second = series.day(2).query("A", item(1)).query("B", item(3))
    second.query("A", item(1), sort="sales", ended="partial error").write()
    assert series.told() == {
        ("unknown", 2, "A", "10.00", None),
        ("unknown", 3, "A", "10.00", None),  # under A; it is still there under B
    }
    scopes = {one["item_id"]: one["scope"] for one in series.changes()}
    assert scopes == {2: "product", 3: "seed"}


def test_queries_made_in_only_one_of_the_jobs(series: Series) -> None:
    series.day(1).query("A", item(1)).query("B", item(2)).write()
    series.day(2).query("A", item(1), item(4)).query("C", item(1), item(3), item(4)).write()
    assert series.told() == {
        ("unknown", 2, "B", "10.00", None),
        ("first_seen", 3, "C", None, "10.00"),
        ("first_seen", 1, "C", None, "10.00"),
        ("new", 4, "A", "C", None, "10.00"),  # A had been read to its end without it
    }


def test_languages_are_distinguished(series: Series) -> None:
    series.day(1).query("A", item(1)).query("A", item(1), item(2), language="ru").write()
    series.day(2).query("A", item(1, "8.00")).query("A", item(2), language="ru").write()
    assert {(one["change"], one["language"]) for one in series.changes()} == {
        ("price", "en"),
        ("gone", "ru"),
        ("rank", "ru"),
    }


def test_ranks_within_a_query(series: Series) -> None:
    series.day(1).query("A", item(1), item(2), item(3)).write()
    series.day(2).query("A", item(3), item(2), item(1)).write()
    assert series.told() == {("rank", 1, "A", 1, 3), ("rank", 3, "A", 3, 1)}
    assert {one["query_id"] for one in series.changes()} == {"A/default/en"}
    assert series.changes("--min-rank-change", "3") == []


def test_targets(series: Series) -> None:
    def target(price: object) -> dict[str, object]:
        return {"sku": "7", "Target_Price": price}

    first = series.day(1).query("A", item(1), item(2, "8.00"), item(4), data=target("9,00"))
    first.query("B", item(1), data=target("")).query("C", item(5), data=target("1.000")).write()
    second = series.day(2).query(
        "A",
        item(1, "9.00"),
        item(2, "7.00"),
        item(3, "1.00"),
        item(4, "8.00", price_source="sale_price"),
        data=target(9),
    )
    second.query("B", item(1, "9.00")).query("C", item(5, "1.00"), data=target("1.000")).write()
    found = series.changes("--only", "target_reached")
    assert {(one["item_id"], one["before"], one["after"], one["target"]) for one in found} == {
        (1, "10.00", "9.00", "9"),
        (3, None, "1.00", "9"),
        (4, "10.00", "8.00", "9"),
    }
    assert {(*one["seed_ids"], one["seed_data"]["sku"]) for one in found} == {("A", "7")}
    assert (
        "C: target_price '1.000' may be 1000 or 1.000; write it without"
        in series.compare("watch").log
    )


def test_thresholds(series: Series) -> None:
    series.day(1).query("A", item(1), item(2), item(3, "0.00")).write()
    series.day(2).query("A", item(1, "10.40"), item(2, "9.00"), item(3, "0.10")).write()
    prices = {one["item_id"] for one in series.changes("--min-price-change", "5%")}
    assert prices == {2, 3}
    assert {one["item_id"] for one in series.changes("--min-price-change", "0.4")} == {1, 2}


def test_the_changes_are_printed_too(series: Series) -> None:
    series.day(1).query("A", *(item(number) for number in range(1, 30))).write()
    series.day(2).query("A", *(item(number, f"{number}.00") for number in range(1, 30))).write()
    told = series.compare("watch", "--show", "3").stdout
    assert "watch-20261101T180000Z → watch-20261102T180000Z: 29 products (29 before)" in told
    assert "9 lower, 19 higher" in told
    assert "price (3 of 28)" in told
    assert "10.00 → 29.00 (+190.0 %)" in told


def test_prices_are_compared_within_a_query(series: Series) -> None:
    # Which query a product's row comes from depends on timing.
    for day, sorts in ((1, ("default", "sales")), (2, ("sales", "default"))):
        at = {"default": "10.00", "sales": "8.00"}
        job = series.day(day)
        for sort in sorts:
            job.query("A", item(1, at[sort]), sort=sort)
        job.write()
    assert series.changes() == []


def test_a_product_that_a_pipeline_dropped(series: Series) -> None:
    first = series.day(1).query("A", item(1), item(2)).write()
    second = series.day(2).query("A", item(1, "9.00"), item(2), item(3)).write()
    for day, dropped in ((first, 1), (second, 3)):
        path = day.folder / "products.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if f'"item_id":{dropped},' not in line))
    assert series.told() == {("price", 1, "A", "10.00", "9.00"), ("new", 3, "A", None, "10.00")}


def test_a_price_that_was_not_given_before(series: Series) -> None:
    series.day(1).query("A", item(1, None, price_source=None, currency=None)).write()
    series.day(2).query("A", item(1, "9.00")).write()
    assert series.told() == {("price", 1, "A", None, "9.00")}


def test_another_image_under_an_id(series: Series) -> None:
    first = series.day(1).query("A", item(1), item(2)).query("B", item(9)).write()
    series.day(2).query("A", item(1), item(3)).query("B", item(9)).write()
    path = first.folder / "outcomes.jsonl"
    path.write_text(path.read_text().replace("/search/a/A.jpg", "/search/a/other.jpg"))
    assert series.told() == {
        ("unknown", 2, "A", "10.00", None),
        ("first_seen", 3, "A", None, "10.00"),
    }
    assert "A: a different image than before" in series.compare("watch").log


def test_targets_that_move_and_queries_that_failed(series: Series) -> None:
    first = series.day(1).query("A", item(1), data={"target_price": 9})
    first.query("B", ended="failed error", data={"target_price": 20})
    first.query("C", item(5), data={"target_price": 20}).write()
    second = series.day(2).query("A", item(1), data={"target_price": 11})
    second.query("B", item(2), data={"target_price": 20})
    second.query("C", item(5, "2.00", currency="USD"), data={"target_price": 20}).write()
    found = series.changes("--only", "target_reached")
    assert [(one["item_id"], one["target"], one["before"]) for one in found] == [(1, "11", "10.00")]


def test_a_query_whose_language_only_one_side_gives(series: Series) -> None:
    first = series.day(1).query("A", item(1)).query("A", item(1), item(2), sort="sales").write()
    series.day(2).query("A", item(1)).query("A", item(1), item(2), sort="sales").write()
    (first.folder / "outcomes.jsonl").unlink()
    path = first.folder / "products.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    done = series.compare("watch", "--incomplete-ok")
    assert (done.exit_status, "2 products (2 before)" in done.stdout) == (0, True), done.stdout


def test_what_strangers_wrote_does_nothing_to_a_terminal(series: Series) -> None:
    nasty = "Evil [/b] [red] \x1b]0;pwn\x07\x1b[2J\r\n\u202eLtd"
    series.day(1).query("AB[/12]", item(1, title=nasty)).write()
    changed = item(1, "9.00", title=nasty, company_name=nasty)
    series.day(2).query("AB[/12]", changed).write()
    done = series.compare("watch")
    assert done.exit_status == 5
    assert "AB[/12]" in done.stdout
    assert "Evil [/b] [red]" in done.stdout
    assert not {"\x1b", "\r", "\x07", "\u202e"} & set(done.stdout)


def test_a_threshold_is_not_rounded(series: Series) -> None:
    series.day(1).query("A", item(1, "1000.00")).write()
    series.day(2).query("A", item(1, "1049.96")).write()
    assert series.changes("--min-price-change", "5%") == []
    assert len(series.changes("--min-price-change", "4.99%")) == 1


@pytest.mark.parametrize("price", ["NaN", "1e999999", "ask", "Infinity"])
def test_values_that_are_not_prices(series: Series, price: str) -> None:
    for day, given in ((1, "10.00"), (2, price)):
        series.day(day).query("A", item(1, given), data={"target_price": 5}).write()
    assert series.told() == {("price", 1, "A", "10.00", price)}


def test_directions_of_prices_are_counted(series: Series) -> None:
    before = ("9.00", "10.00", None, "9.00", "0", "9.00")
    after = ("8.00", "11.00", "9.00", None, "1.00", "ask")
    for day, prices in ((1, before), (2, after)):
        items = (item(number, price) for number, price in enumerate(prices, 1))
        series.day(day).query("A", *items).write()
    told = series.compare("watch").stdout
    assert (
        "price  6  1 lower, 2 higher, 1 newly given, 1 no longer given, 1 not comparable\n" in told
    )
    for words in ("not given → 9.00 ", "9.00 → not given ", "9.00 → 8.00 (-11.1 %)", "0 → 1.00 "):
        assert words in told


def test_ranks_are_places(series: Series) -> None:
    series.day(1).query("A", *(item(number) for number in (1, 2, 3, 4))).write()
    series.day(2).query("A", *(item(number) for number in (2, 3, 4, 1))).write()
    ranks = series.changes()
    assert {(one["item_id"], one["difference"], one["percent"]) for one in ranks} == {
        (1, 3, None),
        *((number, -1, None) for number in (2, 3, 4)),
    }
    told = series.compare("watch", "--show", "1").stdout
    assert "#1 → #4 (3 places down)" in told, "the one that moved farthest"
    assert "%" not in told
    refused = series.compare("watch", "--min-rank-change", "50%")
    assert refused.exit_status == 2
    assert "--min-rank-change 50%: accepted: a number of places" in refused.log


def test_a_field_that_was_read_differently_is_not_compared(series: Series) -> None:
    old = item(1), item(2, "10.00", moq=2, sale_quantity_90days=5), item(3)
    new = item(1, "9.00", price_source="x"), item(2, "9.00", moq=3, sale_quantity_90days=6), item(4)
    series.day(1, version="0.1").query("A", *old, data={"target_price": "9.50"}).write()
    versions = {"price": 2, "price_source": 2, "moq": 2, "title": 2, "currency": 1}
    day = series.day(2, readers=versions).query("A", *new, data={"target_price": "9.50"})
    day.write()
    # New, gone and target_reached don't depend on how fields were read before.
    assert series.told() == {
        ("sales", 2, "A", 5, 6),
        ("gone", 3, "A", "10.00", None),
        ("new", 4, "A", None, "10.00"),
        ("target_reached", 1, "A", "10.00", "9.00"),
        ("target_reached", 2, "A", "10.00", "9.00"),
    }
    done = series.compare("watch")
    assert done.log == (
        "compare: not compared: price, price_source, moq: watch-20261101T180000Z was read by "
        "another version of tmapi_spiders, which reads them differently\n"
    )
    # Two days read by the same version are compared in all fields.
    series.day(1, readers=versions).query("A", item(1)).write()
    series.day(2, readers=versions).query("A", item(1, "9.00")).write()
    assert series.told() == {("price", 1, "A", "10.00", "9.00")}
