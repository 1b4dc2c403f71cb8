"""The catalogue of made-up products, each with a look, and the API's object for each."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import Any, Final

import attrs

from tmapi_spiders.sandbox import forms
from tmapi_spiders.sandbox.days import arrival_days, is_on_sale
from tmapi_spiders.sandbox.draws import draw
from tmapi_spiders.sandbox.facts import CENT, MOQS, Facts, facts_on
from tmapi_spiders.sandbox.looks import KIND_NAMES, PATTERN_NAMES, Look, describe
from tmapi_spiders.sandbox.spellings import Spelling, spelling_of
from tmapi_spiders.sandbox.words import PROVINCES, SHOP_TRADES, SHOP_WORDS, TRADES

FLAGS: Final = (
    "support_dropshipping",
    "is_factory",
    "verified_supplier",
    "free_shipping",
    "new_arrival",
)
"""The true-or-false filters of the vendor's page; each product has some of them."""

FLAG_SHARE: Final = 0.3
WHOLE_PRICE_SHARE: Final = 0.3
UNPRICED_SHARE: Final = 0.01
NO_DELIVERY_SHARE: Final = 0.02
TEXT_ID_SHARE: Final = 0.02

MAX_PRODUCTS: Final = 1_000_000

# 12-digit ids. The step shares no factor with the span, so no two indices collide.
_FIRST_ID: Final = 600_000_000_000
_ID_SPAN: Final = 400_000_000_000
_ID_STEP: Final = 76_543_210_987


@attrs.frozen
class CatalogueProduct:
    """One product of the sandbox."""

    item_id: int
    """12 digits, unique in its catalogue."""
    look: Look
    price: Decimal | None
    """In yuan, for price ranges and sorting; None if the API gives no price."""
    sales: int | None
    """Pieces in 90 days, for sorting; None if the API does not say."""
    flags: frozenset[str]
    """Those of FLAGS that are true."""
    trade: tuple[str, ...]
    fields: dict[str, Any]
    """The part of the API's object that is the same in every language."""
    id_as_text: bool
    blank: dict[str, Any]
    spelling: Spelling | None
    """An odd way in which some of its values are written, if any."""

    def item(self, language: str, base: str) -> dict[str, Any]:
        """Return the API's object for this product, with keys in the order of the vendor's example.

        `base` is the sandbox's address, which serves the product's picture.
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
        if self.spelling is not None:
            item.update(self.spelling(item))
        return item


@lru_cache(maxsize=4)
def catalogue_of(count: int, seed: int, day: int) -> Catalogue:
    """Return a catalogue, which is never changed and cached by its options."""
    return Catalogue(count, seed, day)


class Catalogue:
    """The products of one sandbox on one day, all drawn from `seed`.

    It has `count` slots, each with a product on day 0; others come to it later. A product depends
    only on the seed, its slot and the day, so a larger catalogue contains a smaller one.
    """

    def __init__(self, count: int, seed: int, day: int = 0) -> None:
        self._seed = seed
        self.by_id: dict[int, CatalogueProduct] = {}
        self.by_kind: defaultdict[str, list[CatalogueProduct]] = defaultdict(list)
        self._gone: dict[int, int] = {}
        for slot in range(count):
            for earlier, came in enumerate(arrival_days(seed, slot, day)):
                # This index is not a slot of any catalogue, and gives the same kind as the slot's.
                index = slot + earlier * MAX_PRODUCTS
                item_id = item_id_of(seed, index)
                if is_on_sale(seed, item_id, came, day):
                    product = make_product(seed, index, came, day)
                    self.by_id[item_id] = product
                    self.by_kind[product.look.kind].append(product)
                else:
                    self._gone[item_id] = index

    def pictured(self, item_id: int) -> CatalogueProduct | None:
        """Return the product with this id, even if no longer on sale: pictures of it remain."""
        if item_id in self._gone:
            return make_product(self._seed, self._gone[item_id])
        return self.by_id.get(item_id)


def item_id_of(seed: int, index: int) -> int:
    """Return the id of product number `index` of the catalogue `seed`.

    >>> item_id_of(1, 0)
    806822715017
    """
    return _FIRST_ID + (draw("ids", seed) + index * _ID_STEP) % _ID_SPAN


def make_product(seed: int, index: int, came: int = 0, day: int = 0) -> CatalogueProduct:
    """Return product number `index` of the catalogue `seed` on a day; it came on the day `came`.

    >>> make_product(1, 0).item_id, make_product(1, 0) == make_product(1, 0)
    (806822715017, True)
    """
    rng = Random(f"{seed}/{index}")
    # Kinds alternate, so every search of one catalogue finds about as much.
    look = Look(
        KIND_NAMES[index % len(KIND_NAMES)],
        rng.randrange(360),
        rng.randrange(101),
        rng.choice(PATTERN_NAMES),
    )
    item_id = item_id_of(seed, index)
    flags = {flag for flag in FLAGS if rng.random() < FLAG_SHARE}
    price, price_form = _price(rng, item_id)
    sales, sales_form = _sales(rng)
    ships_fast = rng.random() < FLAG_SHARE
    area = rng.choice(PROVINCES)
    delivery_fields = _delivery(rng, area, "free_shipping" in flags, ships_fast)
    if not delivery_fields:
        flags.discard("free_shipping")
    category = str(rng.randrange(10, 9999))
    moq_form, moq = forms.pick(rng, forms.MOQ_FORMS), rng.choice(MOQS)
    company_name = f"{area[1]}{rng.choice(SHOP_WORDS)}{rng.choice(SHOP_TRADES)}"
    facts = Facts(
        price=price,
        price_form=price_form,
        sales=sales,
        sales_form=sales_form,
        moq=moq,
        moq_form=moq_form,
        city=area[1],
        company_name=company_name,
        shop_years=rng.randrange(1, 21),
    )
    facts = facts_on(day, facts, came, seed, item_id)
    price_fields = facts.price_fields()
    given_sales, sales_fields = facts.given_sales()
    fields = {
        "category_path": [str(130_822_000 + index % len(KIND_NAMES)), category],
        **price_fields,
        "currency": "CNY",
        **facts.moq_form(facts.moq),
        **sales_fields,
        **delivery_fields,
        "shop_info": {
            "company_name": facts.company_name,
            "is_powerful_seller": "verified_supplier" in flags,
            "is_super_factory": "is_factory" in flags,
            "shop_years": facts.shop_years,
            **forms.pick(rng, forms.SCORE_FORMS)(rng.randrange(6, 11) / 2),
        },
        "item_repurchase_rate": forms.pick(rng, forms.RATE_FORMS)(rng.uniform(0, 0.6)),
        "low_refund_rate": rng.random() < FLAG_SHARE,
        "ship_in_48h": ships_fast,
        "one_piece_min_order": "support_dropshipping" in flags,
        **forms.pick(rng, forms.EXTRA_FORMS),
    }
    return CatalogueProduct(
        item_id=item_id,
        look=look,
        price=facts.price if forms.given_price(price_fields) else None,
        sales=given_sales,
        flags=frozenset(flags),
        trade=rng.choice(TRADES),
        fields=fields,
        id_as_text=rng.random() < TEXT_ID_SHARE,
        blank=forms.pick(rng, forms.BLANK_FORMS),
        spelling=spelling_of(seed, item_id),
    )


def _price(rng: Random, item_id: int) -> tuple[Decimal, forms.PriceForm]:
    if rng.random() < UNPRICED_SHARE:
        # Not given yet, but it may be on a later day.
        cents = 100 + draw("untold price", item_id) % 50_000
        return cents * CENT, forms.pick(rng, forms.UNPRICED_FORMS)
    price = Decimal(f"{10 ** rng.uniform(0, 2.7):.2f}")
    if rng.random() < WHOLE_PRICE_SHARE:
        price = price.quantize(Decimal(1)).quantize(CENT)
    return price, forms.pick(rng, forms.PRICE_FORMS)


def _sales(rng: Random) -> tuple[int, forms.SalesForm]:
    form = forms.pick(rng, forms.SALES_FORMS)
    sales = int(10 ** rng.uniform(0, 4.5)) - 1
    # In the usual form, so that they can fall.
    return (forms.MOST_SALES, forms.plainly_sold) if form is forms.most_sold else (sales, form)


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
