"""The items of a job: products, sightings and outcomes.

:class:`Product` also maps each field to its jmespath expression: to read another field of the API,
add one line with :func:`extracted` there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders.fields.prices import PRICE_FIELDS, pick_price, price_source, to_price
from tmapi_spiders.fields.urls import to_url
from tmapi_spiders.processors import (
    Every,
    every,
    first,
    to_bool,
    to_float,
    to_fraction,
    to_int,
    to_item_id,
    to_quantity,
    to_text,
    to_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Outcome", "Product", "Sighting", "extracted", "versions"]


def extracted(
    expression: str,
    read: Callable[[Any], Any] | None = None,
    *,
    input_processor: Callable[..., Any] | None = None,
    many: bool = False,
    version: int = 1,
) -> Any:
    """Declare a field that is read from an element of the API's ``data.items``.

    :param expression: jmespath, relative to the element
    :param read: converts each value found to a typed one, or to None if it can't
    :param input_processor: instead of *read*, converts all values found at once
    :param many: whether the field is a list, empty if nothing was found
    :param version: of how the field is read; it rises when that changes, since jobs that were read
        differently can't be compared in this field
    """
    return attrs.field(
        factory=list if many else lambda: None,
        metadata={
            "expression": expression,
            "input_processor": input_processor or Every(read or to_text),
            "output_processor": every if many else first,
            "version": version,
        },
    )


_PRICES = f"[{', '.join(PRICE_FIELDS)}]"


@attrs.define(kw_only=True)
class Product:
    """One product as one query found it, and where it came from."""

    item_id: int = extracted("item_id", to_item_id)
    """1688's id of the offer: positive, about 12 digits. None only until the spider has checked."""
    product_url: str | None = extracted("product_url", to_url, version=2)
    """The offer's page on 1688.com: a URL that a browser can load."""
    title: str | None = extracted("title", to_words, version=2)
    """In the language of the query."""
    title_origin: str | None = extracted("title_origin", to_words, version=2)
    """In Chinese, as the supplier wrote it."""
    img: str | None = extracted("img", to_url, version=2)
    """URL of the main picture: one that a browser can load."""
    category_path: list[str] = extracted("category_path", to_text, many=True)
    """Ids of categories, as the API orders them; may be empty."""
    price: str | None = extracted(_PRICES, input_processor=pick_price, version=2)
    """Decimal string such as "60.00": the API's price, else the sale price, else the lowest."""
    sale_price: str | None = extracted("price_info.sale_price", to_price, version=2)
    """Decimal string."""
    origin_price: str | None = extracted("price_info.origin_price", to_price, version=2)
    """Decimal string; the price before a reduction."""
    price_source: str | None = extracted(_PRICES, input_processor=price_source, version=2)
    """The API's field that ``price`` comes from, such as "price_info.sale_price"."""
    currency: str | None = extracted("currency", to_text)
    """A code such as "CNY"."""
    moq: int | None = extracted("[moq, quantity_begin]", to_int, version=2)
    """Minimum order quantity in pieces; never guessed."""
    sale_quantity_90days: int | None = extracted(
        "sale_info.sale_quantity_90days", to_quantity, version=2
    )
    """Pieces sold in 90 days; the lower bound where the API gives "100000+"."""
    sale_quantity_90days_text: str | None = extracted("sale_info.sale_quantity_90days", to_text)
    """The same, as the API gave it."""
    area_from: list[str] = extracted("delivery_info.area_from", to_words, many=True, version=2)
    """Where it ships from: province, city."""
    free_shipping: bool | None = extracted("delivery_info.free_shipping", to_bool)
    """Whether the supplier ships for free (within China)."""
    ship_in_48h: bool | None = extracted("[delivery_info.ship_in_48h, ship_in_48h]", to_bool)
    """Whether it ships within 48 hours."""
    company_name: str | None = extracted("shop_info.company_name", to_words, version=2)
    """The supplier."""
    is_powerful_seller: bool | None = extracted("shop_info.is_powerful_seller", to_bool)
    """1688's badge of the supplier."""
    is_super_factory: bool | None = extracted("shop_info.is_super_factory", to_bool)
    """1688's badge of the supplier."""
    shop_years: int | None = extracted("shop_info.shop_years", to_int, version=2)
    """Years the supplier has been on 1688."""
    composite_score: float | None = extracted(
        "shop_info.[score_info.composite_score, sore_info.composite_score]", to_float
    )
    """The supplier's score, 0 to 5."""
    item_repurchase_rate: float | None = extracted("item_repurchase_rate", to_fraction)
    """Share of buyers who bought again, 0 to 1."""
    low_refund_rate: bool | None = extracted("low_refund_rate", to_bool)
    """Whether few buyers asked for their money back."""
    one_piece_min_order: bool | None = extracted("one_piece_min_order", to_bool)
    """Whether a single piece can be ordered."""
    is_ad: bool | None = extracted("is_ad", to_bool)
    """Whether it is a paid placement; None where the API does not say."""

    job: str = ""
    """The job that found it."""
    seed: str = ""
    """The seed as the user wrote it."""
    seed_id: str = ""
    """Hash of the normalised image, or an id from the user."""
    seed_data: Mapping[str, Any] = attrs.field(factory=dict)
    """The other columns of the seed's row, as the user gave them; {} for a plain list."""
    query_id: str = ""
    """Hash of seed, language, sort, price range and filters."""
    seed_img_url: str = ""
    """The image as it was sent."""
    language: str = ""
    """Language of the titles: en, zh, ru, vi, ja or ko."""
    sort: str = ""
    """default, sales, price_up or price_down."""
    price_start: str | None = None
    """Lower end of the query's price range, a decimal string."""
    price_end: str | None = None
    """Upper end of the query's price range, a decimal string."""
    filters: Mapping[str, bool] = attrs.field(factory=dict)
    """The query's filters: {"is_factory": true}."""
    page: int = 0
    """The page it was on, from 1."""
    rank: int = 0
    """Its place within the query, from 1."""
    total_count: int | None = None
    """How many matches the API claims; it is capped, so show it as an upper bound."""
    fetched_at: str = ""
    """When the page was paid for: UTC, ISO 8601."""


@attrs.frozen(kw_only=True)
class Sighting:
    """One appearance of a product in a query, duplicates included."""

    job: str
    query_id: str
    seed_id: str
    seed_data: Mapping[str, Any]
    item_id: int
    page: int
    rank: int
    price: str | None
    fetched_at: str


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of a query; there is exactly one per query."""

    job: str
    query_id: str
    seed_id: str
    seed_data: Mapping[str, Any]
    seed: str
    seed_img_url: str
    language: str
    sort: str
    price_start: str | None
    price_end: str | None
    filters: Mapping[str, bool]
    status: str
    """complete, empty, partial, failed or not_started."""
    reason: str
    """Why the query ended: last_page, max_pages, max_items, no_new_items, empty_page, error, …"""
    code: int | None
    """The last error's ``code`` in the body, else its HTTP status."""
    message: str | None
    """The last error's message."""
    pages: int
    """Pages read."""
    items: int
    """Items read, before dedupe."""
    new_items: int
    """Products written that no other query had found before."""
    rejected_items: int
    """Elements that were not items, or failed validation."""
    calls: int
    """Calls sent that count, in all runs of the job."""
    retries: int
    """Calls among them that were retries."""
    total_count: int | None
    started_at: str | None
    """When its first call was sent."""
    finished_at: str | None
    evidence: list[str] = attrs.field(factory=list)
    """What speaks against the ending: codes of :data:`~tmapi_spiders.crawl.evidence.EVIDENCE`."""


def versions() -> dict[str, int]:
    """Return the version of how each field of a product is read, for job.json.

    These cover this package only: a project's processors have no version.
    """
    read = (field for field in attrs.fields(Product) if "expression" in field.metadata)
    return {field.name: field.metadata["version"] for field in read}
