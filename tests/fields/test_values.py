"""What is read from each form of a value, and what is counted as unreadable instead."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from itemloaders.processors import Compose, MapCompose, TakeFirst

from tests.fields.test_loaders import EXAMPLE
from tmapi_spiders.api.answers import Page, read_answer
from tmapi_spiders.config.token import Token
from tmapi_spiders.fields.unreadable import Unread, Unreadable
from tmapi_spiders.items import Product, extracted, versions
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.processors import LONGEST_TEXT

CDN = "https://cbu01.alicdn.com/a.jpg"


def load(loader: type[ProductLoader] = ProductLoader, **element: Any) -> tuple[Product, set[str]]:
    """Return the product of one element, and the fields that could not be read."""
    lost: list[Unread] = []
    (product,) = loader.load_rows([{"item_id": 1, **element}], lost=lost.append)
    names = [one.field for one in lost]
    assert len(names) == len(set(names)), "a field is reported once per item"
    return product, set(names)


PRICES = {
    "60.00": "60.00",
    "6": "6",
    " 6.5 ": "6.5",
    "¥1,234.50": "1234.50",
    "￥1,234,567": "1234567",
    "1.234,50": "1234.50",
    "１２．５０": "12.50",
    "25.90-29.89": "25.90",
    "¥25.90～￥29.89": "25.90",
    "25.90 – 29.89 元": "25.90",
    "12.0 元": "12.0",
    "12.00元/件": "12.00",
    "12.00/个": "12.00",
    "CNY 12": "12",
    "12 RMB": "12",
    "人民币12元": "12",
    "12.5元起": "12.5",
}

UNREADABLE_PRICES = [
    *("9,90", "1,234", "12,34.50", "1,234,56", "0,123.00", "1 234.50", "1.2.3", "12.", ".5"),
    *("$12.50", "US$12.50", "€9", "12 USD", "-5", "-5.00", "+5", "29.89-25.90", "1-2-3", "5-"),
    *("12元/100件", "12元/箱", "1.2万", "ask", "面议", "12元²", "1e3", "NaN", "٣", "1" * 65),
    *(True, {}, {"price": 1}, -1, float("inf")),
]


@pytest.mark.parametrize("given", PRICES)
def test_a_price_that_is_certain(given: str) -> None:
    product, lost = load(price=given, price_info={"sale_price": given, "origin_price": given})
    found = {product.price, product.sale_price, product.origin_price}
    assert (found, lost) == ({PRICES[given]}, set())
    assert product.price_source == "price"


@pytest.mark.parametrize("given", UNREADABLE_PRICES, ids=repr)
def test_a_price_that_is_not_certain(given: Any) -> None:
    product, lost = load(price=given, price_info={"sale_price": given})
    assert (product.price, product.sale_price, product.price_source) == (None, None, None)
    assert lost == {"price", "sale_price"}


NUMBERS = {"moq", "quantity_begin", "price"}


def everything(given: Any, *, numbers_alone: bool = False) -> dict[str, Any]:
    """Return an element whose values are all *given*, except for its id."""
    flat = NUMBERS if numbers_alone else {*EXAMPLE[0], *NUMBERS} - {"item_id"}
    texts = {} if numbers_alone else {"company_name": given, "is_super_factory": given}
    names = ("price", "sale_price", "origin_price", "wholesale_price", "show_price")
    return {
        **dict.fromkeys(flat, given),
        "price_info": dict.fromkeys(names, given),
        "shop_info": {"shop_years": given, **texts, "score_info": {"composite_score": given}}
        if not numbers_alone
        else {"shop_years": given},
        "delivery_info": {} if numbers_alone else {"area_from": [given], "free_shipping": given},
        "sale_info": {} if numbers_alone else {"sale_quantity_90days": given},
    }


@pytest.mark.parametrize("given", [None, "", "  ", "null", " NULL ", []])
def test_what_is_not_given_is_not_counted(given: Any) -> None:
    assert load(**everything(given)) == (Product(item_id=1), set())


@pytest.mark.parametrize("given", [2147483647, "2147483647"])
def test_no_limit_is_not_a_number(given: Any) -> None:
    assert load(**everything(given, numbers_alone=True)) == (Product(item_id=1), set())
    product, lost = load(sale_info={"sale_quantity_90days": given})
    assert (product.sale_quantity_90days, lost) == (None, set())
    assert load(item_id=given)[0].item_id == 2147483647


def test_each_unreadable_field_is_counted_once() -> None:
    product, lost = load(**everything({"odd": 1}))
    assert product == Product(item_id=1)
    unread = {field.name for field in attrs.fields(Product) if "expression" in field.metadata}
    # The source of the price is reported as the price; is_ad was not given.
    assert lost == unread - {"item_id", "price_source", "is_ad", "is_powerful_seller"}


def test_another_price_stands_in_for_one_that_cannot_be_read() -> None:
    product, lost = load(price="9,90", price_info={"price": "", "sale_price": "9.90"})
    assert (product.price, product.price_source) == ("9.90", "price_info.sale_price")
    assert lost == {"price"}
    product, lost = load(price="9.90", price_info={"sale_price": "9,90", "show_price": "?"})
    assert (product.price, product.sale_price, lost) == ("9.90", None, {"price", "sale_price"})
    product, lost = load(price="9.90", price_info={"sale_price": "9,90"})
    assert (product.price, lost) == ("9.90", {"sale_price"})


COUNTS: list[tuple[Any, int | None]] = [
    *(("1000个", 1000), ("199 个", 199), ("2件起批", 2), ("≥5", 5), ("1,000件", 1000)),
    *((3.0, 3), ("3.0", 3), ("10 pcs", 10), ("1.5", None), ("2箱", None), ("10-20", None)),
    *(("1,5", None), ("1,50", None), (-1, None), (True, None), ("1000+", None)),
]


@pytest.mark.parametrize(("given", "moq"), COUNTS, ids=repr)
def test_a_number_of_pieces(given: Any, moq: int | None) -> None:
    product, lost = load(moq=given)
    assert (product.moq, lost) == (moq, set() if moq else {"moq"})
    product, lost = load(moq=given, quantity_begin=7)
    assert (product.moq, lost) == (moq or 7, set() if moq else {"moq"})


SOLD: list[tuple[Any, int | None]] = [
    *(("1,500+", 1500), ("已售1,500+件", 1500), ("4 万", 40000), ("300+ sold", 300)),
    *(("1,5+", None), ("¥300", None), ("300元", None), ("30%", None), ("1.5件", None)),
    *(("4 万打", None), ("10~20件", None), ("10k+", None), ("-5", None)),
]


@pytest.mark.parametrize(("given", "sold"), SOLD, ids=repr)
def test_a_quantity_sold(given: Any, sold: int | None) -> None:
    product, lost = load(sale_info={"sale_quantity_90days": given})
    assert product.sale_quantity_90days == sold
    assert product.sale_quantity_90days_text == given
    assert lost == (set() if sold else {"sale_quantity_90days"})


URLS: list[tuple[Any, str | None]] = [
    *((url, url) for url in (CDN, "http://127.0.0.1:8688/img/1.svg", f"{CDN}?x=1&y=2#z")),
    *((url, url) for url in ("http://localhost/a", "https://bücher.example/ä.jpg")),
    *((url, CDN) for url in ("//cbu01.alicdn.com/a.jpg", "https:////cbu01.alicdn.com/a.jpg")),
    *((url, CDN) for url in (f" {CDN} ", "HTTPS://cbu01.alicdn.com/a.jpg", CDN[8:])),
    *(
        (f"{host}/{quote}{url}{quote}", CDN)
        for host in ("itemcdn.tmall.com", "//itemcdn.tmall.com", "https://itemcdn.tmall.com")
        for quote in ('"', "%22", "&quot;")
        for url in (CDN, CDN[6:], "https:////cbu01.alicdn.com/a.jpg")
    ),
    (f'https://itemcdn.tmall.com/"{CDN}', CDN),
    (f"{CDN}?x=1&amp;y=2", f"{CDN}?x=1&y=2"),
    ("https://cbu01.alicdn.com/a b.jpg", "https://cbu01.alicdn.com/a%20b.jpg"),
    *((url, None) for url in ("/img/a.jpg", "a.jpg", "javascript:alert(1)", "data:image/png;,")),
    *((url, None) for url in ("https://none/a.jpg", "https://", "http://[", "https://a.b:x/", 7)),
    ('https://a.b/"x', None),
    ("https://a.b/<x>", None),
    ("https://a.b/a\nb", None),
    ("ftp://a.b/c", None),
    (f"{CDN}?{'x' * 5000}", None),
]


@pytest.mark.parametrize(("given", "url"), URLS, ids=repr)
def test_a_url_that_a_browser_can_load(given: Any, url: str | None) -> None:
    product, lost = load(img=given, product_url=given)
    assert (product.img, product.product_url) == (url, url)
    assert lost == (set() if url else {"img", "product_url"})


def test_texts_are_decoded_for_people() -> None:
    product, lost = load(
        title=" Men&#39;s &lt;Lamp&gt; &amp; Co&nbsp;",
        title_origin="&#28783;&#x5177;",
        shop_info={"company_name": "R&D Lamps &quot;Ltd&quot;"},
        delivery_info={"area_from": ["A&amp;B", "null", ""]},
        sale_info={"sale_quantity_90days": "1&amp;2"},
    )
    assert product.title == "Men's <Lamp> & Co"
    assert product.title_origin == "灯具"
    assert product.company_name == 'R&D Lamps "Ltd"'
    assert product.area_from == ["A&B"]
    assert product.sale_quantity_90days_text == "1&amp;2", "as the API gave it"
    assert lost == {"sale_quantity_90days"}
    assert load(title="bags&parasols")[0].title == "bags&parasols"


@pytest.mark.parametrize("told", [688, "688", "688+", "688个", "1,688", " 688 "])
def test_total_count_may_be_a_text(told: Any) -> None:
    text = f'"{told}"' if isinstance(told, str) else told
    body = f'{{"code": 200, "data": {{"items": [], "total_count": {text}}}}}'
    answer = read_answer(200, body.encode())
    assert isinstance(answer, Page)
    assert answer.total_count == (1688 if told == "1,688" else 688)


HOSTILE = [
    f"1{' ' * 300_000}x",
    "1" * 300_000,
    "1," * 150_000,
    "1,234" * 60_000,
    "&" * 300_000,
    "&#1" * 100_000,
    "https:" + "/" * 300_000,
    "https://" + "a." * 150_000,
    'itemcdn.tmall.com/"https://' + '"' * 300_000,
    "https://a.b/" + "%22https://" * 30_000,
    "¥" * 300_000,
    "千" * 300_000 + "x",
    " " * 300_000 + "x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_takes_long(text: str) -> None:
    """With a pattern that backtracks, this test would take hours."""
    product, lost = load(**everything(text))
    assert {"price", "moq", "img", "sale_quantity_90days", "title", "company_name"} <= lost
    assert product.title is None
    text = text[: LONGEST_TEXT // 2] + text[-LONGEST_TEXT // 2 :]
    product, lost = load(**everything(text))
    assert {"price", "moq", "img", "sale_quantity_90days"} <= lost
    assert product.title == text.strip()


# A project's own processors


def fail_on_lamps(title: str) -> str:
    if "lamp" in title:
        raise LookupError(f"no {title}")
    return title.upper()


class Own(ProductLoader):
    """Fails on lamps in each way that a project's loader can."""

    title_in = MapCompose(fail_on_lamps)
    title_origin_out = Compose(TakeFirst(), fail_on_lamps)
    area_from_in = MapCompose(fail_on_lamps)

    def company_name_in(self, values: list[str]) -> list[str]:
        return [fail_on_lamps(value) for value in values]

    @staticmethod
    def currency_out(values: list[str]) -> str:
        return fail_on_lamps(values[0])


@pytest.mark.parametrize("word", ["lamp", "vase"])
def test_a_processor_that_fails_costs_one_value(word: str) -> None:
    element: dict[str, Any] = {
        **dict.fromkeys(("title", "title_origin", "currency"), word),
        "shop_info": {"company_name": word},
        "delivery_info": {"area_from": ["Yiwu", word]},
        "moq": 2,
    }
    product, lost = load(Own, **element)
    texts = (product.title, product.title_origin, product.company_name, product.currency)
    fails = word == "lamp"
    assert texts == ((None,) * 4 if fails else ("VASE",) * 4)
    assert product.area_from == (["YIWU"] if fails else ["YIWU", "VASE"])
    assert product.moq == 2
    names = {"title", "title_origin", "company_name", "currency", "area_from"}
    assert lost == (names if fails else set())


def fail_in_a_row(_: Any) -> Any:
    raise RuntimeError


@attrs.define(kw_only=True)
class Wider(Product):
    """A product with a project's fields, each of which fails on some elements."""

    letters: int | None = extracted("length(title)", lambda number: number)
    tag: str | None = extracted("tag", fail_in_a_row)
    short: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.max_len(3))
    )


class WideLoader(ProductLoader):
    """The loader of these products."""

    default_item_class = Wider


def test_an_expression_or_a_class_that_fails_costs_one_value() -> None:
    lost: list[Unread] = []
    elements = [
        {"item_id": 1, "title": "lamp"},
        {"item_id": 2, "title": 7, "tag": "x"},
        {"item_id": 3, "price": "5"},
    ]
    products: list[Any] = list(WideLoader.load_rows(elements, lost=lost.append, job="j"))
    assert [(one.item_id, one.letters, one.title, one.price, one.job) for one in products] == [
        (1, 4, "lamp", None, "j"),
        (2, None, "7", None, "j"),
        (3, None, None, "5", "j"),
    ]
    assert {(one.row, one.field, one.expression) for one in lost} == {
        (1, "letters", "length(title)"),
        (1, "tag", "tag"),
    }


def test_a_validator_that_fails_costs_one_value() -> None:
    @attrs.define(kw_only=True)
    class Strict(Product):
        title: str | None = attrs.field(
            default=None,
            metadata=attrs.fields_dict(Product)["title"].metadata,
            validator=attrs.validators.optional(attrs.validators.max_len(3)),
        )

    class StrictLoader(ProductLoader):
        default_item_class = Strict

    product, lost = load(StrictLoader, title="lamp", price="5")
    assert (product.item_id, product.title, product.price) == (1, None, "5")
    assert lost == {"title"}


def test_an_example_is_short_printable_and_without_the_token() -> None:
    token = "test-only-token-0123456789"
    unreadable = Unreadable(Token(token))
    unreadable.note(Unread(0, "price", "price", f"9,90\x1b[2J {token}" + "x" * 99), 7)
    unreadable.note(Unread(1, "price", "price", "ask"), 8)
    unreadable.note(Unread(3, "own", "own", {1, 2}), None)
    unreadable.note(Unread(2, "title", "title", {"a": "灯", "b": [token]}), None)
    assert list(unreadable.facts.items()) == [
        ("price", {"items": 2, "example": f"'9,90\\x1b[2J ***{'x' * 48}'… (item 7)"}),
        ("own", {"items": 1, "example": '"{1, 2}"'}),
        ("title", {"items": 1, "example": '{"a": "灯", "b": ["***"]}'}),
    ]


def test_readers_have_versions() -> None:
    assert versions()["price"] == versions()["price_source"] == 2
    assert versions()["is_ad"] == 1
    assert set(versions()) == {
        field.name for field in attrs.fields(Product) if "expression" in field.metadata
    }
