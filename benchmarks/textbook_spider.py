"""What Scrapy's documentation leads to for the same pages: an item loader, ``add_jmes`` per field.

Run like plain_spider.py. A field that the API left out is missing from its item, as with loaders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from by_hand import found_by, number, share
from itemloaders.processors import Identity, MapCompose, TakeFirst
from plain_spider import PlainSpider, next_page
from scrapy import Field, Item
from scrapy.loader import ItemLoader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.http import TextResponse

EXPRESSIONS = {
    "item_id": "item_id",
    "product_url": "product_url",
    "title": "title",
    "title_origin": "title_origin",
    "img": "img",
    "category_path": "category_path",
    "price": "price || price_info.sale_price",
    "sale_price": "price_info.sale_price",
    "origin_price": "price_info.origin_price",
    "price_source": "price && 'price' || 'price_info.sale_price'",
    "currency": "currency",
    "moq": "moq",
    "sale_quantity_90days": "sale_info.sale_quantity_90days",
    "sale_quantity_90days_text": "sale_info.sale_quantity_90days",
    "area_from": "delivery_info.area_from",
    "free_shipping": "delivery_info.free_shipping",
    "ship_in_48h": "delivery_info.ship_in_48h",
    "company_name": "shop_info.company_name",
    "is_powerful_seller": "shop_info.is_powerful_seller",
    "is_super_factory": "shop_info.is_super_factory",
    "shop_years": "shop_info.shop_years",
    "composite_score": "shop_info.score_info.composite_score",
    "item_repurchase_rate": "item_repurchase_rate",
    "low_refund_rate": "low_refund_rate",
    "one_piece_min_order": "one_piece_min_order",
    "is_ad": "is_ad",
}


class ProductItem(Item):
    """A product."""

    item_id = product_url = title = title_origin = img = category_path = Field()
    price = sale_price = origin_price = price_source = currency = moq = Field()
    sale_quantity_90days = sale_quantity_90days_text = area_from = Field()
    free_shipping = ship_in_48h = company_name = is_powerful_seller = is_super_factory = Field()
    shop_years = composite_score = item_repurchase_rate = low_refund_rate = Field()
    one_piece_min_order = is_ad = Field()
    seed = language = sort = price_start = price_end = filters = Field()
    page = rank = total_count = fetched_at = Field()


def strip(value: Any) -> Any:
    """Return a text without surrounding white space; anything else unchanged."""
    return value.strip() if isinstance(value, str) else value


class TextbookLoader(ItemLoader):
    """Loads products from elements of the API's answer."""

    default_item_class = ProductItem
    default_input_processor = MapCompose(strip)
    default_output_processor = TakeFirst()

    category_path_out = area_from_out = Identity()
    sale_quantity_90days_in = MapCompose(number)
    composite_score_in = MapCompose(float)
    item_repurchase_rate_in = MapCompose(share)


def load(element: Any, found: dict[str, Any], rank: int) -> Any:
    """Return the product of an element.

    :param element: a selector of the element
    :param found: the fields that all products of its page share
    """
    loader = TextbookLoader(selector=element)
    for name, expression in EXPRESSIONS.items():
        loader.add_jmes(name, expression)
    for name, value in found.items():
        loader.add_value(name, value)
    loader.add_value("rank", rank)
    return loader.load_item()


class TextbookSpider(PlainSpider):
    """Goes from page to page of each image."""

    name = "textbook"

    def parse(  # type: ignore[override]
        self, response: TextResponse, seed: str, before: int = 0
    ) -> Iterator[Any]:
        """Yield the products of a page, then the request for the next one."""
        data: Any = response.jmespath("data").get()
        found = found_by(data, seed)
        for rank, element in enumerate(response.jmespath("data.items[*]"), before + 1):
            yield load(element, found, rank)
        if data["has_next_page"]:
            yield next_page(response, data["page"], seed, before + len(data["items"]))
