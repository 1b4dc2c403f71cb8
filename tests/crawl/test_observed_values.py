"""Every observed form of a value, read as an independent reader of the evidence would."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tests.observed.server import ObservedApi

if TYPE_CHECKING:
    from tests.ways import Way

SEEDS = ["/search/imgextra5/lamp.jpg", "/search/imgextra5/mug.jpg"]


def decimal(text: str | None) -> Decimal | None:
    return Decimal(text) if text is not None else None


def read(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a line of products.jsonl says, in the second server's terms."""
    rate, score = row["item_repurchase_rate"], row["composite_score"]
    return {
        "item_id": row["item_id"],
        "product_url": row["product_url"],
        "title": row["title"],
        "title_origin": row["title_origin"],
        "img": row["img"],
        "category_path": tuple(row["category_path"]),
        "price": decimal(row["price"]),
        "sale_price": decimal(row["sale_price"]),
        "origin_price": decimal(row["origin_price"]),
        "moq": row["moq"],
        "sales": row["sale_quantity_90days"],
        "repurchase_rate": None if rate is None else Decimal(str(rate)),
        "score": None if score is None else Decimal(str(score)),
        "company": row["company_name"],
        "shop_years": row["shop_years"],
        "area_from": tuple(row["area_from"]),
        "is_ad": row["is_ad"],
    }


def test_every_form_of_every_value(way: Way) -> None:
    with ObservedApi(accepts="none", total="text", ragged=True) as api:
        for seed in SEEDS:
            api.register(seed)
        done = way(api.url)(seeds=",".join(SEEDS))
        truths = {truth.item_id: truth for image in ("lamp", "mug") for truth in api.truths(image)}
    assert done.exit_status == 0
    found = {row["item_id"]: read(row) for row in done.products}
    assert found.keys() == truths.keys()
    assert {row["items"] for row in done.outcomes} == {60}
    for item_id, truth in truths.items():
        true = {name: getattr(truth, name) for name in found[item_id]}
        assert found[item_id] == true, item_id
    unreadable = sum("price" in truth.unreadable for truth in truths.values())
    assert unreadable
    told = done.job["unreadable"]
    assert {field: one["items"] for field, one in told.items()} == {"price": unreadable}
