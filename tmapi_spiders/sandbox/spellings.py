"""Odd spellings of some products' values, which do not change their meaning.

Source: the table "Values" of the notes on the API as observed. They are drawn separately from the
rest of a product, so nothing else depends on them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from tmapi_spiders.sandbox.draws import draw

if TYPE_CHECKING:
    from tmapi_spiders.sandbox.forms import Fields

NO_LIMIT: Final = 2_147_483_647
"""A number that stands for "no limit"."""

SPELT_PER_MILLE: Final = 160
"""How many products in 1,000 have an oddly written value."""

Spelling = Callable[[Any], Any]


def _prices(spell: Callable[[str], str]) -> Spelling:
    """Spell all prices of an item in one way."""

    def spelt(item: Fields) -> Fields:
        found = {"price": item["price"] and spell(item["price"])}
        if info := item.get("price_info"):
            found["price_info"] = {name: given and spell(given) for name, given in info.items()}
        return found

    return spelt


def _range(price: str) -> str:
    """Return a range from the price up to a fifth more.

    >>> _range("25.90")
    '25.90-31.08'
    """
    return f"{price}-{Decimal(price) * Decimal('1.2'):.2f}"


def _entity(text: str | None) -> str | None:
    """Return text whose last character is written as an HTML entity.

    >>> _entity("Lamp, K12")
    'Lamp, K1&#50;'
    """
    return text and f"{text[:-1]}&#{ord(text[-1])};"


def _titles(item: Fields) -> Fields:
    return {name: _entity(item[name]) for name in ("title", "title_origin")}


def _company(item: Fields) -> Fields:
    shop = item["shop_info"]
    return {"shop_info": {**shop, "company_name": _entity(shop["company_name"])}}


def _img(spell: Callable[[str], str]) -> Spelling:
    return lambda item: {"img": item["img"] and spell(item["img"])}


def _many_slashes(url: str) -> str:
    scheme, rest = url.split("://", 1)
    return f"{scheme}:////{rest}"


def _moq(spell: Callable[[int], object]) -> Spelling:
    """Spell the minimum order, if it is given."""
    return lambda item: {
        name: spell(int(item[name])) for name in ("moq", "quantity_begin") if item.get(name)
    }


def _blank_moq(spelt: object) -> Spelling:
    """Spell the minimum order, if it is null."""
    return lambda item: {"moq": spelt} if "moq" in item and item["moq"] is None else {}


def _null_text(item: Fields) -> Fields:
    """Write the text "null" in place of blank values."""
    names = ("title", "product_url", "img", "price", "currency", "moq", "item_repurchase_rate")
    return {name: "null" for name in names if name in item and item[name] in (None, "")}


SPELLINGS: Final[tuple[Spelling, ...]] = (
    _prices("¥{}".format),
    _prices("￥{}".format),
    _prices("{} 元".format),
    _prices(_range),
    _titles,
    _company,
    _img(_many_slashes),
    _img('https://itemcdn.tmall.com/"{}"'.format),
    _img("https://itemcdn.tmall.com/%22{}%22".format),
    _img("{}?size=400&amp;form=square".format),
    lambda item: {"product_url": item["product_url"].removeprefix("https:")},
    _moq("{}个".format),
    _moq("{}件起批".format),
    _blank_moq(NO_LIMIT),
    _blank_moq("null"),
    _null_text,
)
"""All are equally frequent."""


def spelling_of(seed: int, item_id: int) -> Spelling | None:
    """Return the odd spelling of a product's values, or None."""
    number = draw("spelling", seed, item_id)
    if number % 1000 >= SPELT_PER_MILLE:
        return None
    return SPELLINGS[number // 1000 % len(SPELLINGS)]
