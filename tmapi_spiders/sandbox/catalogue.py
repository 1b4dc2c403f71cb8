"""The made-up products, each with a look, and what the API says of one."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from random import Random
from typing import Any, Final

import attrs

from tmapi_spiders.sandbox import forms
from tmapi_spiders.sandbox.draws import draw
from tmapi_spiders.sandbox.looks import KIND_NAMES, PATTERN_NAMES, Look, describe
from tmapi_spiders.sandbox.words import PROVINCES, SHOP_TRADES, SHOP_WORDS, TRADES

FLAGS: Final = (
    "support_dropshipping",
    "is_factory",
    "verified_supplier",
    "free_shipping",
    "new_arrival",
)
"""The filters of the vendor's page that are true or false; a product has some of them."""

FLAG_SHARE: Final = 0.3
WHOLE_PRICE_SHARE: Final = 0.3
UNPRICED_SHARE: Final = 0.01
NO_DELIVERY_SHARE: Final = 0.02
TEXT_ID_SHARE: Final = 0.02

# 12-digit ids. The step shares no factor with the span, so no two indices meet.
_FIRST_ID: Final = 600_000_000_000
_ID_SPAN: Final = 400_000_000_000
_ID_STEP: Final = 76_543_210_987


@attrs.frozen
class Product:
    """One product of the sandbox."""

    item_id: int
    """12 digits, unique in its catalogue."""
    look: Look
    price: Decimal | None
    """Yuan; None: the API names no price. Ranges and sorting go by it."""
    sales: int | None
    """Pieces in 90 days; None: the API does not say. Sorting goes by it."""
    flags: frozenset[str]
    """Those of FLAGS that hold."""
    trade: tuple[str, ...]
    fields: dict[str, Any]
    """The part of the API's object that is the same in every language."""
    id_as_text: bool
    blank: dict[str, Any]

    def item(self, language: str, base: str) -> dict[str, Any]:
        """The API's object for this product, keys in the order of the vendor's example.

        `base` is the sandbox's own address: the product's picture is there.
        """
        model = f"K{self.item_id % 10_000:04d}"
        item = {
            "item_id": str(self.item_id) if self.id_as_text else self.item_id,
            "product_url": f"https://detail.1688.com/offer/{self.item_id}.html",
            "title": describe(self.look, language, self.trade, model),
            "title_origin": describe(self.look, "zh", self.trade, model),
            "img": f"{base}/img/{self.item_id}.svg",
            **self.fields,
        }
        item.update(self.blank)
        return item


class Catalogue:
    """The products of one sandbox: `count` of them, all drawn from `seed`.

    A product depends on the seed and on its own index only: a larger catalogue holds the smaller.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.by_id: dict[int, Product] = {}
        self.by_kind: defaultdict[str, list[Product]] = defaultdict(list)
        for index in range(count):
            product = make_product(seed, index)
            self.by_id[product.item_id] = product
            self.by_kind[product.look.kind].append(product)


def make_product(seed: int, index: int) -> Product:
    """Product number `index` of the catalogue `seed`.

    >>> make_product(1, 0).item_id, make_product(1, 0) == make_product(1, 0)
    (806822715017, True)
    """
    rng = Random(f"{seed}/{index}")
    # Kinds take turns, so that every search of one catalogue finds about as much.
    look = Look(
        KIND_NAMES[index % len(KIND_NAMES)],
        rng.randrange(360),
        rng.randrange(101),
        rng.choice(PATTERN_NAMES),
    )
    flags = {flag for flag in FLAGS if rng.random() < FLAG_SHARE}
    price, price_fields = _price(rng)
    sales, sales_fields = forms.pick(rng, forms.SALES_FORMS)(int(10 ** rng.uniform(0, 4.5)) - 1)
    ships_fast = rng.random() < FLAG_SHARE
    area = rng.choice(PROVINCES)
    delivery_fields = _delivery(rng, area, "free_shipping" in flags, ships_fast)
    if not delivery_fields:
        flags.discard("free_shipping")
    fields = {
        "category_path": [str(130_822_000 + index % len(KIND_NAMES)), str(rng.randrange(10, 9999))],
        **price_fields,
        "currency": "CNY",
        **forms.pick(rng, forms.MOQ_FORMS)(rng.choice((1, 2, 5, 10, 50, 100))),
        **sales_fields,
        **delivery_fields,
        "shop_info": {
            "company_name": f"{area[1]}{rng.choice(SHOP_WORDS)}{rng.choice(SHOP_TRADES)}",
            "is_powerful_seller": "verified_supplier" in flags,
            "is_super_factory": "is_factory" in flags,
            "shop_years": rng.randrange(1, 21),
            **forms.pick(rng, forms.SCORE_FORMS)(rng.randrange(6, 11) / 2),
        },
        "item_repurchase_rate": forms.pick(rng, forms.RATE_FORMS)(rng.uniform(0, 0.6)),
        "low_refund_rate": rng.random() < FLAG_SHARE,
        "ship_in_48h": ships_fast,
        "one_piece_min_order": "support_dropshipping" in flags,
        **forms.pick(rng, forms.EXTRA_FORMS),
    }
    return Product(
        item_id=_FIRST_ID + (draw("ids", seed) + index * _ID_STEP) % _ID_SPAN,
        look=look,
        price=price,
        sales=sales,
        flags=frozenset(flags),
        trade=rng.choice(TRADES),
        fields=fields,
        id_as_text=rng.random() < TEXT_ID_SHARE,
        blank=forms.pick(rng, forms.BLANK_FORMS),
    )


def _price(rng: Random) -> tuple[Decimal | None, forms.Fields]:
    if rng.random() < UNPRICED_SHARE:
        return None, forms.pick(rng, forms.UNPRICED_FORMS)
    price = Decimal(f"{10 ** rng.uniform(0, 2.7):.2f}")
    if rng.random() < WHOLE_PRICE_SHARE:
        price = price.quantize(Decimal(1)).quantize(Decimal("0.01"))
    return price, forms.pick(rng, forms.PRICE_FORMS)(price, price * Decimal("1.5"))


def _delivery(rng: Random, area: tuple[str, str], free: bool, fast: bool) -> forms.Fields:
    if rng.random() < NO_DELIVERY_SHARE:
        return {}
    return {
        "delivery_info": {
            "area_from": forms.pick(rng, forms.AREA_FORMS)(area),
            "free_shipping": free,
            "ship_in_48h": fast,
        }
    }
