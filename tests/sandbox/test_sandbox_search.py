"""The sandbox's searches and conversions: contract, parameters, images, values, determinism."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sandbox.test_sandbox_http import Client, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLE = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "vendor_example.json").read_text(encoding="utf-8")
)
Item = dict[str, Any]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with serving(products=5000) as client:
        yield client


@pytest.fixture(scope="module")
def many(client: Client) -> list[Item]:
    """Some thousand different items."""
    found = [item for n in range(60) for item in client.items(f"/search/{n}.jpg", page_size=50)]
    return list({int(item["item_id"]): item for item in found}.values())


def structure(value: Any) -> Any:
    """Keys in order, nesting, types."""
    if isinstance(value, dict):
        return [(key, structure(child)) for key, child in value.items()]
    if isinstance(value, list):
        return [structure(child) for child in value[:1]]
    return type(value).__name__


def price_of(item: Item) -> Decimal | None:
    """Return the price as documented: price, price_info.price, sale_price, else the lowest."""
    info = item.get("price_info") or {}
    for text in (item.get("price"), info.get("price"), info.get("sale_price")):
        if text and text != "null":
            return number_in(text)
    others = [number_in(text) for text in info.values() if text]
    return min(others, default=None)


def number_in(text: str) -> Decimal:
    """Return the first number: the lower end of a range; after the sign in "¥12.50"."""
    found = re.search(r"\d+(?:\.\d+)?", text)
    assert found
    return Decimal(found[0])


def sales_of(item: Item) -> int | None:
    text = str((item.get("sale_info") or {}).get("sale_quantity_90days"))
    found = re.search(r"(\d+(?:\.\d+)?)(万)?", text)
    return int(Decimal(found[1]) * (10_000 if found[2] else 1)) if found else None


def ids(items: list[Item]) -> list[int]:
    return [int(item["item_id"]) for item in items]


# The vendor's example


def test_an_answer_is_built_as_the_vendors_example(client: Client) -> None:
    got = client.search("/search/a.jpg", price_start="2").json
    outer, example = dict(got), dict(EXAMPLE)
    got_data, example_data = outer.pop("data"), example.pop("data")
    assert structure(outer) == structure(example)
    got_data, example_data = dict(got_data), dict(example_data)
    assert got_data.pop("items")
    example_data.pop("items")
    assert structure(got_data) == structure(example_data)
    assert list(got["data"]) == list(EXAMPLE["data"])
    assert got["data"]["filters"] == EXAMPLE["data"]["filters"]


def test_items_without_odd_values_are_built_as_the_vendors(many: list[Item]) -> None:
    model = EXAMPLE["data"]["items"][0]
    assert {str(structure(item)) for item in EXAMPLE["data"]["items"]} == {str(structure(model))}
    same = [item for item in many if structure(item) == structure(model)]
    assert len(same) > len(many) / 10
    for item in many:
        assert [key for key in item if key in model] == [key for key in model if key in item]
        assert set(item) - set(model) <= {"type", "is_ad", "quantity_begin"}
        assert re.fullmatch(r"\d{12}", str(item["item_id"]))


# Values

FORMS: dict[str, Callable[[Item], object]] = {
    "item_id int": lambda i: isinstance(i["item_id"], int),
    "item_id text": lambda i: isinstance(i["item_id"], str),
    "price 60.00": lambda i: re.fullmatch(r"\d+\.00", i["price"] or ""),
    "price 6": lambda i: re.fullmatch(r"\d+", i["price"] or ""),
    "price 156.0": lambda i: re.fullmatch(r"\d+\.0", i["price"] or ""),
    "price empty, sale_price filled": lambda i: i["price"] == "" and i["price_info"]["sale_price"],
    "price null": lambda i: i["price"] is None,
    "price_info null": lambda i: "price_info" in i and i["price_info"] is None,
    "price_info missing": lambda i: "price_info" not in i,
    "origin_price": lambda i: (i.get("price_info") or {}).get("origin_price"),
    "family prices": lambda i: "wholesale_price" in (i.get("price_info") or {}),
    "no price": lambda i: price_of(i) is None,
    "moq null": lambda i: i.get("moq", 0) is None,
    "moq int": lambda i: isinstance(i.get("moq"), int),
    "moq text": lambda i: isinstance(i.get("moq"), str),
    "quantity_begin": lambda i: "quantity_begin" in i and not i.get("moq"),
    "sales text": lambda i: i.get("sale_info") == {"sale_quantity_90days": "0"},
    "sales int": lambda i: isinstance((i.get("sale_info") or {}).get("sale_quantity_90days"), int),
    "sales 100000+": lambda i: i.get("sale_info") == {"sale_quantity_90days": "100000+"},
    "sales null": lambda i: i.get("sale_info") == {"sale_quantity_90days": None},
    "sales 件": lambda i: re.search(r"已售\d+\+件", str(i.get("sale_info"))),
    "sales 万": lambda i: re.search(r"全网\d\.\d万\+件", str(i.get("sale_info"))),
    "sale_info null": lambda i: "sale_info" in i and i["sale_info"] is None,
    "rate 0%": lambda i: i["item_repurchase_rate"] == "0%",
    "rate percent": lambda i: re.fullmatch(r"\d\d%", i["item_repurchase_rate"] or ""),
    "rate fraction": lambda i: re.fullmatch(r"0\.\d{4}", i["item_repurchase_rate"] or ""),
    "rate empty": lambda i: i["item_repurchase_rate"] == "",
    "score text": lambda i: isinstance(score_of(i), str),
    "score float": lambda i: isinstance(score_of(i), float),
    "score 0": lambda i: score_of(i) == 0,
    "sore_info": lambda i: "sore_info" in i["shop_info"] and "score_info" not in i["shop_info"],
    "area with empty": lambda i: "" in area_of(i),
    "area": lambda i: all(area_of(i)) and len(area_of(i)) == 2,
    "no delivery_info": lambda i: "delivery_info" not in i,
    "no category": lambda i: i["category_path"] == [],
    "type p4p": lambda i: i.get("type") == "p4p",
    "type bid": lambda i: i.get("type") == "bid",
    "is_ad": lambda i: i.get("is_ad") is True,
    "title empty": lambda i: i["title"] == "",
    "title null": lambda i: i["title"] is None,
    "currency null": lambda i: i["currency"] is None,
    "price ¥": lambda i: str(i["price"]).startswith("¥"),
    "price ￥": lambda i: str(i["price"]).startswith("￥"),
    "price 元": lambda i: str(i["price"]).endswith(" 元"),
    "price range": lambda i: re.fullmatch(r"[\d.]+-[\d.]+", i["price"] or ""),
    "title with an entity": lambda i: re.search(r"&#\d+;", i["title"] or ""),
    "company with an entity": lambda i: re.search(r"&#\d+;", i["shop_info"]["company_name"]),
    "product_url without scheme": lambda i: (i["product_url"] or "").startswith("//"),
    "img ////": lambda i: re.match("https?:////", i["img"] or ""),
    "img quoted": lambda i: re.match(r'https://itemcdn\.tmall\.com/"http.*"$', i["img"] or ""),
    "img %22": lambda i: re.match(r"https://itemcdn\.tmall\.com/%22http.*%22$", i["img"] or ""),
    "img &amp;": lambda i: "&amp;" in (i["img"] or ""),
    "moq 个": lambda i: re.fullmatch(r"\d+个", str(i.get("moq"))),
    "moq 件起批": lambda i: re.fullmatch(r"\d+件起批", str(i.get("moq"))),
    "moq without limit": lambda i: i.get("moq") == 2147483647,
    "moq text null": lambda i: i.get("moq") == "null",
    "text null": lambda i: "null" in (i["title"], i["price"], i["currency"]),
}


def score_of(item: Item) -> Any:
    return (item["shop_info"].get("score_info") or {}).get("composite_score")


def area_of(item: Item) -> list[str]:
    return (item.get("delivery_info") or {}).get("area_from") or []


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_value_occurs_for_some_items(form: str, many: list[Item]) -> None:
    met = sum(bool(FORMS[form](item)) for item in many)
    assert 0 < met < len(many)


def test_title_origin_is_always_chinese(many: list[Item]) -> None:
    assert all(re.search(r"[\u4e00-\u9fff]", item["title_origin"]) for item in many)


# Parameters


def test_paging_serves_every_match_once(client: Client) -> None:
    for size in (7, 20, 50):
        pages = client.pages("/search/a.jpg", page_size=size)
        served = [item_id for page in pages for item_id in ids(page["items"])]
        assert len(served) == len(set(served)) == pages[0]["total_count"]
        assert [page["page"] for page in pages] == list(range(1, len(pages) + 1))
        assert {page["page_size"] for page in pages} == {size}
        assert {len(page["items"]) for page in pages[:-1]} == {size}
    past = client.search("/search/a.jpg", page=1000).data
    assert (past["items"], past["has_next_page"]) == ([], False)
    assert past["total_count"] == pages[0]["total_count"]


def test_a_search_typically_finds_three_to_eight_pages(client: Client) -> None:
    told = [client.search(f"/search/{n}.jpg").data["total_count"] for n in range(50)]
    assert {type(total) for total in told} == {int, str}
    totals = list(map(int, told))
    assert all(50 <= total <= 160 for total in totals)
    assert len(set(totals)) > 10


def test_sorts_sort_the_same_matches(client: Client) -> None:
    by_sort = {
        sort: client.items("/search/a.jpg", sort=sort)
        for sort in ("default", "sales", "price_up", "price_down")
    }
    assert len({frozenset(ids(items)) for items in by_sort.values()}) == 1
    assert len({tuple(ids(items)) for items in by_sort.values()}) == 4
    unknown_last = Decimal("Infinity")
    up = [price_of(item) for item in by_sort["price_up"]]
    assert up == sorted(up, key=lambda price: unknown_last if price is None else price)
    down = [price_of(item) for item in by_sort["price_down"]]
    assert down == sorted(down, key=lambda price: unknown_last if price is None else -price)
    sales = [sales_of(item) for item in by_sort["sales"]]
    assert sales == sorted(sales, key=lambda sold: unknown_last if sold is None else -sold)


def test_a_price_range_holds_both_its_ends(client: Client) -> None:
    everything = client.items("/search/a.jpg")
    priced = sorted(p for p in map(price_of, everything) if p is not None)
    low, high = priced[len(priced) // 4], priced[3 * len(priced) // 4]
    for start, end in ((low, high), (low, None), (None, high)):
        given = {"price_start": start, "price_end": end}
        params = {name: str(price) for name, price in given.items() if price is not None}
        pages = client.pages("/search/a.jpg", **params)
        wanted = [
            int(item["item_id"])
            for item in everything
            if (price := price_of(item)) is not None
            and (start or 0) <= price <= (end or Decimal("Infinity"))
        ]
        assert [i for page in pages for i in ids(page["items"])] == wanted
        assert pages[0]["filters"] == params
        assert pages[0]["total_count"] == len(wanted) < len(everything)


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("is_factory", lambda i: i["shop_info"]["is_super_factory"]),
        ("verified_supplier", lambda i: i["shop_info"]["is_powerful_seller"]),
        ("free_shipping", lambda i: i.get("delivery_info", {}).get("free_shipping", False)),
        ("support_dropshipping", lambda i: i["one_piece_min_order"]),
    ],
)
def test_a_filter_leaves_what_has_it(
    client: Client, name: str, holds: Callable[[Item], bool]
) -> None:
    everything = client.items("/search/a.jpg")
    wanted = [int(item["item_id"]) for item in everything if holds(item)]
    assert 0 < len(wanted) < len(everything)
    for value in ("true", "True", "1"):
        pages = client.pages("/search/a.jpg", **{name: value})
        assert [i for page in pages for i in ids(page["items"])] == wanted
        assert pages[0]["filters"] == {name: True}
    off = client.pages("/search/a.jpg", **{name: "false"})
    assert off[0]["total_count"] == len(everything)
    assert off[0]["filters"] == {name: False}


def test_filters_combine(client: Client) -> None:
    new = set(ids(client.items("/search/a.jpg", new_arrival="true")))
    factory = set(ids(client.items("/search/a.jpg", is_factory="true")))
    both = client.items("/search/a.jpg", new_arrival="true", is_factory="1")
    assert set(ids(both)) == new & factory
    assert 0 < len(both) < min(len(new), len(factory))
    assert len(new) < client.search("/search/a.jpg").data["total_count"]


def test_six_languages_have_six_titles_for_the_same_products(client: Client) -> None:
    pages = {
        lang: client.items("/search/a.jpg", language=lang)
        for lang in ("en", "zh", "ru", "vi", "ja", "ko")
    }
    scripts = {
        "zh": r"[\u4e00-\u9fff]",
        "ru": r"[а-я]",
        "vi": r"màu",
        "ja": r"[ぁ-ヿ]",
        "ko": r"[가-힣]",
    }
    assert len({tuple(ids(items)) for items in pages.values()}) == 1
    for versions in zip(*pages.values(), strict=True):
        titles = {item["title"] for item in versions}
        assert len(titles) == (6 if versions[0]["title"] else 1)
        assert len({item["title_origin"] for item in versions}) == 1
    for lang, script in scripts.items():
        assert all(re.search(script, item["title"]) for item in pages[lang] if item["title"])
    assert all((item["title"] or "a").isascii() for item in pages["en"])
    assert client.items("/search/a.jpg") == pages["en"]


@pytest.mark.parametrize(
    "params",
    [
        {"img_url": ""},
        {"language": "de"},
        {"language": ""},
        {"sort": "price"},
        {"page": "0"},
        {"page": "1.5"},
        {"page": "-1"},
        {"page": "one"},
        {"page": "٣"},
        {"page": "9" * 5000},
        {"page_size": "0"},
        {"page_size": "51"},
        {"is_factory": "yes"},
        {"new_arrival": ""},
        {"price_start": "-1"},
        {"price_end": "1,5"},
        {"price_end": "1e3"},
        {"price_start": "NaN"},
        {"price_start": "10.01", "price_end": "10"},
    ],
)
def test_a_wrong_value_is_422(client: Client, params: dict[str, Any]) -> None:
    reply = client.search(**{"img_url": "/search/a.jpg", **params})
    assert reply.status == 422
    assert (reply.json["code"], reply.json["data"]) == (422, None)
    assert reply.json["msg"].startswith("Parameter error: ")
    assert next(iter(params)) in reply.json["msg"]


# Images


def test_a_picture_of_the_sandbox_finds_its_product_first(client: Client) -> None:
    items = client.items("/search/a.jpg")
    for item in items[::9]:
        picture = f"{client.base_url}/img/{item['item_id']}.svg"
        told = item["img"]
        assert told in (None, "null") or told.replace("////", "//").count(picture) == 1
        on_alibaba = f"https://cbu01.alicdn.com/x/{item['item_id']}.jpg"
        found = client.search(picture).data
        assert int(found["items"][0]["item_id"]) == int(item["item_id"])
        assert found["items"][1:] == client.search(on_alibaba).data["items"][1:]


def test_what_is_found_looks_alike(client: Client) -> None:
    titles = [item["title"] for item in client.items("/search/a.jpg", language="ru")]
    kinds = {title.split(",")[0] for title in titles if title}
    assert len(kinds) == 1
    colours = [title.split(",")[1] for title in titles if title]
    assert len(set(colours[:10])) < len(set(colours)) < 12


def test_an_unknown_image_has_a_list_of_its_own(client: Client) -> None:
    one, again, other = (client.items(f"/search/{name}.jpg") for name in ("one", "one", "other"))
    assert one == again
    assert ids(one) != ids(other)


@pytest.mark.parametrize(
    "img_url",
    [
        "/search/imgextra5/teapot.jpg",
        "https://cbu01.alicdn.com/teapot.jpg",
        "http://alicdn.com/img/teapot.png",
        "//img.taobao.com/a/teapot",
        "https://detail.1688.com/teapot.jpg?size=400#top",
        "https://x.tmall.com/teapot.jpg",
        "https://x.alibaba.com/teapot.jpg",
        "https://ae01.aliimg.com/teapot.webp",
        "{base}/img/teapot.svg",
    ],
)
def test_an_image_of_alibaba_or_the_sandbox_can_be_searched(client: Client, img_url: str) -> None:
    wanted = client.search("/search/teapot.jpg").data
    assert wanted["items"]
    assert client.search(img_url.format(base=client.base_url)).data == wanted


@pytest.mark.parametrize(
    "img_url",
    [
        "https://example.com/teapot.jpg",
        "https://notalicdn.com/teapot.jpg",
        "https://alicdn.com.example.com/teapot.jpg",
        "http://127.0.0.1:1/img/teapot.svg",
        "ftp://cbu01.alicdn.com/teapot.jpg",
        "/img/teapot.svg",
        "teapot.jpg",
        "http://[",
    ],
)
def test_any_other_image_is_refused_until_it_is_converted(client: Client, img_url: str) -> None:
    reply = client.search(img_url.format(base=client.base_url))
    assert (reply.status, reply.json["code"]) == (422, 422)
    assert reply.json["msg"] == "Invalid image url. Please first use the convert endpoint"


@pytest.mark.parametrize(
    "img_url",
    [
        "https://cbu01.example.com/search/imgextra5/teapot.jpg",
        "{base}/search/teapot.jpg",
        "https://cbu01.alicdn.com/search/imgextra/1692942898123_teapot.jpg",
    ],
)
def test_a_path_after_a_host_finds_nothing(client: Client, img_url: str) -> None:
    data = client.search(img_url.format(base=client.base_url)).data
    assert (data["items"], data["total_count"], data["has_next_page"]) == ([], 0, False)


@pytest.mark.parametrize(
    ("refused", "alibaba", "foreign"),
    [("foreign", "found", 422), ("all", 422, 422), ("none", "found", "nothing")],
)
def test_which_urls_are_refused_is_an_option(
    refused: str, alibaba: str | int, foreign: str | int
) -> None:
    with serving(refused=refused) as client:
        for host, expected in (("cbu01.alicdn.com", alibaba), ("example.com", foreign)):
            reply = client.search(f"https://{host}/teapot.jpg")
            if expected == 422:
                assert reply.status == 422
            else:
                assert bool(reply.data["items"]) == (expected == "found")


@pytest.mark.parametrize("stale", ["refused", "empty"])
def test_how_long_a_path_is_good_is_an_option(stale: str) -> None:
    def is_good(client: Client, path: str) -> bool:
        reply = client.search(path)
        assert reply.status == (422 if stale == "refused" and reply.status != 200 else 200)
        return reply.status == 200 and bool(reply.data["items"])

    url = "https://example.com/teapot.jpg"
    with serving(stale=stale, path_searches=2) as client:
        path = client.convert(url).data["image_url"]
        assert [is_good(client, path) for _ in range(3)] == [True, True, False]
        assert is_good(client, "/search/teapot.jpg"), "one that no conversion gave"
        other = client.convert(url).data["image_url"]
        assert is_good(client, other)
        assert client.admin("expire", all=1) == {"expired": 2}
        assert not is_good(client, other)
    with serving(stale=stale, path_seconds=1e-6) as client:
        assert not is_good(client, client.convert(url).data["image_url"])


def test_a_conversion_keeps_the_look_and_the_name(client: Client) -> None:
    answer = client.convert("https://example.com/pictures/teapot.jpg?x=1").json
    path = answer["data"]["image_url"]
    assert answer == {"code": 200, "msg": "success", "data": {"image_url": path}}
    assert re.fullmatch(r"/search/imgextra/\d{13}_teapot\.jpg", path)
    assert client.search(path).data == client.search("/search/teapot.jpg").data
    again = client.convert("https://example.com/pictures/teapot.jpg?x=1").data
    other = client.convert("https://example.org/pictures/teapot.jpg?x=1").data
    paths = {path, again["image_url"], other["image_url"]}
    assert len(paths) == 3, "another one each time"
    assert client.search(again["image_url"]).data == client.search(path).data


def test_a_conversion_of_an_odd_name_can_still_be_searched(client: Client) -> None:
    url = "https://example.com/红 杯/红 杯 (1)&.jpg"
    path = client.convert(url).data["image_url"]
    assert re.fullmatch(r"/search/imgextra/[A-Za-z0-9_.-]+", path)
    in_place = client.search("/search/红 杯 (1)&.jpg").data
    assert client.search(path).data == in_place
    assert in_place["items"]


def test_a_picture_of_a_product_survives_conversion(client: Client) -> None:
    item_id = ids(client.items("/search/a.jpg"))[5]
    path = client.convert(f"https://example.com/{item_id}.png").data["image_url"]
    assert ids(client.search(path).data["items"])[0] == item_id


@pytest.mark.parametrize(
    "url", [None, 7, "", "teapot.jpg", "/search/a.jpg", "ftp://a/b", "http://["]
)
def test_a_conversion_of_something_else_than_a_url_is_422(client: Client, url: object) -> None:
    reply = client.convert(url)
    assert (reply.status, reply.json["code"]) == (422, 422)
    assert reply.json["msg"].startswith("Parameter error: url=")


@pytest.mark.parametrize("body", ["", "{", "[]", "\ud800", '{"url": "https://example.com/a.jpg"}'])
def test_a_conversion_with_a_wrong_body_is_422(client: Client, body: str) -> None:
    raw = body.encode("utf-8", "surrogatepass").decode("latin-1")
    reply = client.send("POST", "/1688/tools/image/convert_url", {"apikey": "x"}, raw)
    assert (reply.status, reply.json["code"]) == (422, 422)


def test_an_image_can_be_unconvertible(client: Client) -> None:
    reply = client.convert("https://example.com/unconvertible-1.jpg")
    assert (reply.status, reply.json["code"]) == (422, 422)
    assert reply.json["msg"] == "Access to the image has been denied"


def test_an_image_can_be_unreadable_until_converted(client: Client) -> None:
    url = "https://cbu01.alicdn.com/unreadable.jpg"
    assert client.search(url).data["items"] == []
    path = client.convert(url).data["image_url"]
    assert len(client.search(path).data["items"]) == 20


# Determinism


def test_the_same_options_give_the_same_answers() -> None:
    def bodies(client: Client) -> list[object]:
        replies = [client.search(f"/search/{n}.jpg", sort="sales", page=n) for n in (1, 2, 3)]
        texts = [reply.body.replace(client.base_url.encode(), b"") for reply in replies]
        return [*texts, client.convert("https://example.com/a.jpg").body]

    with serving(seed=7) as one, serving(seed=7) as same, serving(seed=8) as other:
        assert bodies(one) == bodies(same)
        assert bodies(one)[0] != bodies(other)[0]


def test_a_larger_catalogue_holds_the_smaller() -> None:
    with serving(products=200) as small, serving(products=400) as large:
        for name in "abcdefgh":
            few = set(ids(small.items(f"/search/{name}.jpg")))
            assert few <= set(ids(large.items(f"/search/{name}.jpg")))


def test_no_search_finds_more_than_the_api_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # A catalogue large enough for 2,000 matches would take seconds to make.
    monkeypatch.setattr("tmapi_spiders.sandbox.search.MAX_MATCHES", 30)
    with serving(products=5000) as client:
        everything = client.items("/search/a.jpg")
        assert len(everything) == client.search("/search/a.jpg").data["total_count"] == 30
