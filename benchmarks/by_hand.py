"""Rows made by hand: what people write for the same pages without this project.

Each row has every field of :class:`tmapi_spiders.items.Product` that comes from the page or its
query. The values are right for quick_api.py's pages; for others they would often be wrong, as in
hand-written code.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

PAGE_SIZE = 20
PATH = "/1688/global/search/image/v2"


def question(seed: str, page: int = 1) -> dict[str, Any]:
    """Return the parameters that ask for a page of a query, without the token."""
    return {
        "language": "en",
        "img_url": seed,
        "sort": "default",
        "page": page,
        "page_size": PAGE_SIZE,
    }


def page_rows(data: dict[str, Any], seed: str, before: int) -> list[dict[str, Any]]:
    """Return the products of a page.

    :param data: the ``data`` of the API's answer
    :param before: how many items the query's earlier pages had
    """
    found = found_by(data, seed)
    return [
        product(item) | found | {"rank": rank}
        for rank, item in enumerate(data["items"], before + 1)
    ]


def found_by(data: dict[str, Any], seed: str) -> dict[str, Any]:
    """Return the fields that all products of a page share."""
    filters = data["filters"]
    return {
        "seed": seed,
        "language": "en",
        "sort": data["sort"],
        "price_start": filters.get("price_start"),
        "price_end": filters.get("price_end"),
        "filters": filters,
        "page": data["page"],
        "total_count": data["total_count"],
        "fetched_at": datetime.now(UTC).isoformat(),
    }


def product(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a product that are read from an element of the API's answer."""
    prices, delivery, shop = item["price_info"], item["delivery_info"], item["shop_info"]
    score, sold = shop["score_info"]["composite_score"], item["sale_info"]["sale_quantity_90days"]
    return {
        "item_id": item["item_id"],
        "product_url": item["product_url"],
        "title": item["title"],
        "title_origin": item["title_origin"],
        "img": item["img"],
        "category_path": item["category_path"],
        "price": item["price"] or prices["sale_price"] or None,
        "sale_price": prices["sale_price"] or None,
        "origin_price": prices["origin_price"] or None,
        "price_source": "price" if item["price"] else "price_info.sale_price",
        "currency": item["currency"],
        "moq": item["moq"],
        "sale_quantity_90days": number(sold),
        "sale_quantity_90days_text": sold,
        "area_from": delivery["area_from"],
        "free_shipping": delivery["free_shipping"],
        "ship_in_48h": delivery["ship_in_48h"],
        "company_name": shop["company_name"],
        "is_powerful_seller": shop["is_powerful_seller"],
        "is_super_factory": shop["is_super_factory"],
        "shop_years": shop["shop_years"],
        "composite_score": float(score) if score else None,
        "item_repurchase_rate": share(item["item_repurchase_rate"]),
        "low_refund_rate": item["low_refund_rate"],
        "one_piece_min_order": item["one_piece_min_order"],
        "is_ad": item.get("is_ad"),
    }


def number(text: str | None) -> int | None:
    """Return a count, which may read "100000+"."""
    digits = (text or "").rstrip("+")
    return int(digits) if digits.isdigit() else None


def share(text: str | None) -> float | None:
    """Return "12%" as a fraction."""
    return float(text.rstrip("%")) / 100 if text else None
