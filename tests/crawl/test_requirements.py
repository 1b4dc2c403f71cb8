"""Faulty spiders, loaders and products of a project are refused, with the reason."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from tmapi_spiders.crawl.requirements import check_spider
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.arguments import Arguments
from tmapi_spiders.items import Product, extracted
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.spiders.image_search import ImageSearchSpider


class Undecorated(Product):
    colour: str | None = extracted("colour")


class Harmless(Product):
    """It adds no field, so it needs no decorator."""

    @property
    def is_cheap(self) -> bool:
        return float(self.price or 0) < 1


@attrs.define(kw_only=True)
class NoJmespath(Product):
    colour: str | None = extracted("colour[")
    size: str | None = extracted("size(title)")
    length: str | None = extracted("length(title, tag)")
    shape: str | None = extracted(7)  # type: ignore[arg-type]


@attrs.define(kw_only=True)
class Needy(Product):
    colour: str = attrs.field()


@attrs.frozen(kw_only=True)
class Frozen(Product):
    colour: str | None = extracted("colour")


@attrs.define(kw_only=True)
class Private(Product):
    _colour: str | None = extracted("colour")
    size: str | None = attrs.field(init=False, default=None, metadata=extracted("size").metadata)


@attrs.define(kw_only=True)
class Idless(Product):
    item_id: int = 7


@attrs.define(kw_only=True)
class Good(Product):
    colour: str | None = extracted("colour")
    both: list[str] = extracted("[a, not_null(b, c)]", many=True)


def loading(item_class: Any, **more: Any) -> type[ProductLoader]:
    return type("Loader", (ProductLoader,), {"default_item_class": item_class, **more})


def spider(**more: Any) -> type[ImageSearchSpider]:
    return type("Shop", (ImageSearchSpider,), {"name": "shop", **more})


def problems(spider_class: type, *others: type) -> list[str]:
    try:
        check_spider(spider_class, ImageSearchSpider, others)
    except UsageProblems as exc:
        return list(exc.problems)
    return []


HERE = __name__


@pytest.mark.parametrize(
    ("item_class", "expected"),
    [
        (Undecorated, [f"{HERE}.Undecorated: it has fields, but no decorator."]),
        (
            NoJmespath,
            [
                f"{HERE}.NoJmespath.colour: 'colour[': it is not valid jmespath: Invalid jmespath",
                f"{HERE}.NoJmespath.size: 'size(title)': jmespath has no function size()",
                f"{HERE}.NoJmespath.length: 'length(title, tag)': length() takes 1 argument, not 2",
                f"{HERE}.NoJmespath.shape: 7: accepted: a jmespath expression, as text",
            ],
        ),
        (Needy, [f"{HERE}.Needy: none can be made from an element that only has an item_id: Type"]),
        (Frozen, [f"{HERE}.Frozen: a product gets its rank after it was made: use @attrs.def"]),
        (
            Private,
            [
                f"{HERE}.Private._colour: it can't be given by its name when a product is made.",
                f"{HERE}.Private.size: it can't be given by its name when a product is made.",
            ],
        ),
        (Idless, [f"{HERE}.Idless.item_id: it is not read from anything"]),
        (
            dict,
            [".Loader.default_item_class: builtins.dict: accepted: a subclass of tmapi_spiders"],
        ),
        (None, [".Loader.default_item_class: None: accepted: a subclass of tmapi_spiders.items.P"]),
        (Harmless, []),
        (Good, []),
        (Product, []),
    ],
)
def test_a_faulty_product_is_refused(item_class: Any, expected: list[str]) -> None:
    found = problems(spider(loader=loading(item_class)))
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert start in problem


class Failing(ProductLoader):
    def __init__(self, *args: Any, **more: Any) -> None:
        raise OSError("no dictionary")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"loader": dict}, "Shop.loader: builtins.dict: accepted: a subclass of tmapi_spiders.l"),
        ({"loader": ProductLoader()}, "accepted: a subclass of tmapi_spiders.loaders.ProductL"),
        ({"loader": loading(Product, title_in=7)}, ".Loader.title_in: 7: accepted: a processor"),
        ({"loader": Failing}, f"{HERE}.Failing: it can't be made: OSError: no dictionary"),
        ({"arguments_model": dict}, "Shop.arguments_model: builtins.dict: accepted: a subclass"),
        ({"arguments_model": None}, "Shop.arguments_model: None: accepted: a subclass of tmapi"),
        ({"arguments_model": type("Mine", (Arguments,), {})}, ""),
        ({}, ""),
    ],
)
def test_a_faulty_spider_is_refused(more: dict[str, Any], expected: str) -> None:
    found = problems(spider(**more))
    assert len(found) == bool(expected), found
    assert not expected or expected in found[0]


def test_a_spider_needs_a_unique_name() -> None:
    class Nameless(ImageSearchSpider):
        pass

    class Twin(ImageSearchSpider):
        name = "image_search"

    (problem,) = problems(Nameless)
    assert problem.startswith(f"{HERE}.")
    assert 'Give it one: name = "nameless"' in problem
    (problem,) = problems(ImageSearchSpider, ImageSearchSpider, Nameless)
    assert "Nameless: it does not set its own name" in problem
    (problem,) = problems(ImageSearchSpider, Twin)
    assert "Twin: its name is image_search, like that of" in problem
    assert problems(ImageSearchSpider, ImageSearchSpider) == []
    shop = spider()
    assert problems(shop, shop) == []
    assert "it does not set its own name" in problems(type("Heir", (shop,), {}))[0]
