"""A page with odd values, and a project whose loader fails on some of them."""

from __future__ import annotations

import json

from tests.support import TOKEN, page_of

#: Settings and components of a project.
PROJECT = """
from itemloaders.processors import MapCompose
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.spiders.image_search import ImageSearchSpider

SPIDER_MODULES = ["own"]

def shout(text):
    if "lamp" in text:
        raise LookupError(f"no {text}")
    return text.upper()

class Loader(ProductLoader):
    title_in = MapCompose(shout)

class Own(ImageSearchSpider):
    name = "own"
    loader = Loader
"""

ODD = [
    {
        "item_id": 1,
        "title": f"lamp {TOKEN}\x1b[2J",
        "price": "¥1,234.50",
        "img": "//cbu01.alicdn.com/1",
    },
    {"item_id": 2, "title": "lamp &#50;", "price": "9,90", "price_info": {"sale_price": "9.90"}},
    {"item_id": 3, "title": "Men&#39;s", "price": "9,90", "moq": f"{TOKEN} boxes\x1b[2J"},
    {"item_id": 4, "title": "null", "price": "25.90-29.89", "moq": "1000个", "currency": "null"},
    {"item_id": 5, "title": "vase", "price": "", "moq": 2147483647, "product_url": "javascript:x"},
    {"item_id": "6a", "title": "vase"},
]

PAGE = page_of(*(json.dumps(element) for element in ODD))

#: The values as read.
TITLES = [None, None, "MEN&#39;S", None, "VASE"]
PRICES = ["1234.50", "9.90", None, "25.90", None]

#: By field: items in which it could not be read, and an example.
UNREADABLE = {
    "price": {"items": 2, "example": "'9,90' (item 2)"},
    "title": {"items": 2, "example": "'lamp ***\\x1b[2J' (item 1)"},
    "moq": {"items": 1, "example": "'*** boxes\\x1b[2J' (item 3)"},
    "product_url": {"items": 1, "example": "'javascript:x' (item 5)"},
    "item_id": {"items": 1, "example": "'6a'"},
}

#: What a monitor says of it whose limit is 20 %: 1 of 6 is 16.7 %.
TOO_MANY = (
    "    unreadable: too many of 6 items have a value that can't be read: "
    "price 2 (33.3 %), such as '9,90' (item 2); "
    "title 2 (33.3 %), such as 'lamp ***\\x1b[2J' (item 1); "
    "at most 20 % (TMAPI_MONITOR_UNREADABLE)\n"
)
