"""A product with two more fields, and the spider that finds it."""

import attrs

from tmapi_spiders.items import Product, extracted
from tmapi_spiders.loaders import ProductLoader
from tmapi_spiders.processors import to_words
from tmapi_spiders.spiders.image_search import ImageSearchSpider


@attrs.define(kw_only=True)
class Lamp(Product):
    """A product with this project's own fields."""

    kind: str | None = extracted("type", to_words)
    """The API's own name for the kind of offer."""
    landed_price: str | None = None
    """What it costs here, computed by the pipeline."""


class LampLoader(ProductLoader):
    """Loads lamps from the API's items."""

    default_item_class = Lamp


class LampSpider(ImageSearchSpider):
    """Crawls as image_search does, in its own jobs."""

    name = "lamps"
    loader = LampLoader
