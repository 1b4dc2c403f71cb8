"""What the loader makes of each known form of a value."""

from __future__ import annotations

import json
from typing import Any

import attrs
import jmespath
import pytest
from itemloaders.processors import MapCompose

from tests.support import ROOT
from tmapi_spiders.items import Product
from tmapi_spiders.loaders import ProductLoader

EXAMPLE: list[dict[str, Any]] = json.loads(
    (ROOT / "fixtures" / "vendor_example.json").read_text("utf-8")
)["data"]["items"]

ODD: list[dict[str, Any]] = [
    {},
    {"item_id": None, "price_info": None, "shop_info": None, "delivery_info": [], "sale_info": ""},
    {"item_id": "908305897124", "price": "", "price_info": {"sale_price": "6"}, "moq": "1"},
    {"item_id": 1, "category_path": [], "delivery_info": {"area_from": ["", None, "福建"]}},
    {"item_id": 2, "shop_info": {"sore_info": {"composite_score": 0}}, "is_ad": True},
    {"item_id": 3, "title": 7, "category_path": "104", "ship_in_48h": "true", "moq": 0},
]


def load(**element: Any) -> Product:
    (product,) = ProductLoader.load_rows([{"item_id": 1, **element}])
    return product


def by_the_book(element: dict[str, Any]) -> Product:
    """Load *element* with ItemLoader's own methods, field by field."""
    loader = ProductLoader()
    for field in attrs.fields(Product):
        if "expression" in field.metadata:
            loader.add_value(field.name, jmespath.search(field.metadata["expression"], element))
    product: Product = loader.load_item()
    return product


@pytest.mark.parametrize("element", EXAMPLE + ODD)
def test_it_is_an_item_loader(element: dict[str, Any]) -> None:
    assert list(ProductLoader.load_rows([element])) == [by_the_book(element)]


@pytest.mark.parametrize(
    ("element", "price", "source"),
    [
        ({"price": "60.00", "price_info": {"price": "1"}}, "60.00", "price"),
        ({"price": "6"}, "6", "price"),
        ({"price": 156.0}, "156.0", "price"),
        ({"price": "", "price_info": {"price": "5.10"}}, "5.10", "price_info.price"),
        (
            {"price": "", "price_info": {"price": "", "sale_price": "60.00"}},
            "60.00",
            "price_info.sale_price",
        ),
        (
            {"price": None, "price_info": {"origin_price": "10", "wholesale_price": "9.5"}},
            "9.5",
            "price_info.wholesale_price",
        ),
        (
            {"price_info": {"drop_ship_price": "3", "show_price": "12", "sale_price": None}},
            "3",
            "price_info.drop_ship_price",
        ),
        ({"price": None, "price_info": None}, None, None),
        ({"price": "ask", "price_info": {"price": {}}}, None, None),
    ],
)
def test_price(element: dict[str, Any], price: str | None, source: str | None) -> None:
    product = load(**element)
    assert (product.price, product.price_source) == (price, source)


@pytest.mark.parametrize(
    ("field", "element", "value"),
    [
        ("item_id", {"item_id": "908305897124"}, 908305897124),
        ("item_id", {"item_id": True}, None),
        ("item_id", {"item_id": 0}, None),
        ("item_id", {"item_id": -5}, None),
        ("item_id", {"item_id": "abc"}, None),
        ("item_id", {"item_id": 10**30}, None),
        ("moq", {"moq": None}, None),
        ("moq", {"moq": "1"}, 1),
        ("moq", {"moq": 2, "quantity_begin": 5}, 2),
        ("moq", {"moq": None, "quantity_begin": "5"}, 5),
        ("sale_quantity_90days", {"sale_info": {"sale_quantity_90days": "100000+"}}, 100000),
        ("sale_quantity_90days", {"sale_info": {"sale_quantity_90days": 175}}, 175),
        ("sale_quantity_90days", {"sale_info": {"sale_quantity_90days": "0"}}, 0),
        ("sale_quantity_90days", {"sale_info": {"sale_quantity_90days": "全网4.1万+件"}}, 41000),
        ("sale_quantity_90days", {"sale_info": None}, None),
        ("sale_quantity_90days_text", {"sale_info": {"sale_quantity_90days": 175}}, "175"),
        ("item_repurchase_rate", {"item_repurchase_rate": "11%"}, 0.11),
        ("item_repurchase_rate", {"item_repurchase_rate": "0.1648"}, 0.1648),
        ("item_repurchase_rate", {"item_repurchase_rate": ""}, None),
        ("composite_score", {"shop_info": {"score_info": {"composite_score": "4.0"}}}, 4.0),
        ("composite_score", {"shop_info": {"sore_info": {"composite_score": 3.5}}}, 3.5),
        ("composite_score", {"shop_info": {"score_info": {"composite_score": 0}}}, 0.0),
        ("area_from", {"delivery_info": {"area_from": ["福建", ""]}}, ["福建"]),
        ("area_from", {"delivery_info": None}, []),
        ("category_path", {"category_path": []}, []),
        ("ship_in_48h", {"ship_in_48h": True, "delivery_info": {"ship_in_48h": False}}, False),
        ("ship_in_48h", {"ship_in_48h": True, "delivery_info": None}, True),
        ("is_ad", {"is_ad": True}, True),
        ("is_ad", {"type": "p4p"}, None),
        ("title", {"title": "  "}, None),
    ],
)
def test_forms_of_values(field: str, element: dict[str, Any], value: object) -> None:
    assert getattr(load(**element), field) == value


def test_a_subclass_changes_a_field_as_in_any_item_loader() -> None:
    class Loud(ProductLoader):
        title_in = MapCompose(str.upper)

    (product,) = Loud.load_rows([{"item_id": 1, "title": "lamp", "currency": "CNY"}])
    assert (product.title, product.currency) == ("LAMP", "CNY")
    assert load(title="lamp").title == "lamp"


def test_common_fields_are_the_same_in_all() -> None:
    products = list(ProductLoader.load_rows(EXAMPLE, job="j", page=3))
    assert {(product.job, product.page) for product in products} == {("j", 3)}
    assert len({product.item_id for product in products}) == 3
