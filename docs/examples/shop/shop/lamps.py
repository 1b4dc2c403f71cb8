"""Lamps: products with two more fields, and the spider that finds them."""

import attrs

from tmapi_spiders.items import Product, extracted
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.processors import to_words
from tmapi_spiders.spiders.image_search import ImageSearchSpider


@attrs.define(kw_only=True)
class Lamp(Product):
    """A product, and what this project wants to know besides."""

    kind: str | None = extracted("type", to_words)
    """The API's own word for the offer."""
    landed_price: str | None = None
    """What it costs here; the pipeline works it out."""


class LampLoader(ProductLoader):
    """Makes lamps of the API's elements."""

    default_item_class = Lamp


class LampSpider(ImageSearchSpider):
    """Searches as image_search does; its jobs are its own."""

    name = "lamps"
    loader = LampLoader
