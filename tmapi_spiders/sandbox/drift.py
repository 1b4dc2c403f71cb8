"""Lists what changed in the sandbox between two days."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from tmapi_spiders.sandbox import forms
from tmapi_spiders.sandbox.catalogue import catalogue_of

if TYPE_CHECKING:
    from tmapi_spiders.sandbox.catalogue import CatalogueProduct
    from tmapi_spiders.sandbox.options import SandboxOptions

__all__ = [
    "ADDED",
    "CHANGED",
    "FIELDS",
    "REMOVED",
    "Drift",
    "Offer",
    "changes",
    "offer_of",
    "offers",
]

ADDED: Final = "added"
REMOVED: Final = "removed"
CHANGED: Final = "changed"


@attrs.frozen
class Offer:
    """The changeable part of a product on one day, read from the API's object as a crawl reads it.

    It is the same in every language; the fields are named as in products.jsonl.
    """

    item_id: int
    price: str | None
    """The first price given, else the lowest, as written: "6", "6.0" and "6.00" are the same."""
    price_source: str | None
    """The API's field it is from, such as "price_info.sale_price"."""
    sale_quantity_90days: int | None
    """The lower bound where the API gives "100000+"."""
    moq: int | None
    company_name: str
    shop_years: int


FIELDS: Final = tuple(field.name for field in attrs.fields(Offer))[1:]
"""The fields of an offer that can change."""


@attrs.frozen
class Drift:
    """The change of one product between two days."""

    item_id: int
    before: Offer | None
    """None if it was not on sale."""
    after: Offer | None
    """None if it is no longer on sale."""

    @property
    def kind(self) -> str:
        """ADDED, REMOVED or CHANGED."""
        return ADDED if self.before is None else REMOVED if self.after is None else CHANGED

    @property
    def fields(self) -> tuple[str, ...]:
        """Which of FIELDS differ, prices as numbers; () if it was added or removed."""
        if self.before is None or self.after is None:
            return ()
        before, after = _values(self.before), _values(self.after)
        return tuple(name for name in FIELDS if before[name] != after[name])

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "item_id": self.item_id,
            "kind": self.kind,
            "fields": self.fields,
            "before": self.before and attrs.asdict(self.before),
            "after": self.after and attrs.asdict(self.after),
        }


def _values(offer: Offer) -> dict[str, Any]:
    price = None if offer.price is None else Decimal(offer.price)
    return attrs.asdict(offer) | {"price": price}


def offer_of(product: CatalogueProduct) -> Offer:
    """Return what the API says about a product."""
    fields = product.fields
    price, source = forms.given_price(fields) or (None, None)
    return Offer(
        item_id=product.item_id,
        price=price,
        price_source=source,
        sale_quantity_90days=product.sales,
        moq=forms.given_moq(fields),
        company_name=fields["shop_info"]["company_name"],
        shop_years=fields["shop_info"]["shop_years"],
    )


def offers(options: SandboxOptions, day: int) -> dict[int, Offer]:
    """Return all offers on a day by `item_id`; the day of the options is ignored."""
    options = attrs.evolve(options, day=day)
    catalogue = catalogue_of(options.products, options.seed, options.day)
    return {item_id: offer_of(catalogue.by_id[item_id]) for item_id in sorted(catalogue.by_id)}


def changes(options: SandboxOptions, old_day: int, new_day: int) -> dict[int, Drift]:
    """Return what changed between two days, by `item_id` in ascending order.

    What is the same on both days is left out, whatever happened in between. Raises ValueError for
    an invalid day.

    >>> from tmapi_spiders.sandbox.options import SandboxOptions
    >>> sorted({change.kind for change in changes(SandboxOptions(products=500), 0, 1).values()})
    ['added', 'changed', 'removed']
    """
    old, new = offers(options, old_day), offers(options, new_day)
    ids = sorted({*old, *new})
    found = [Drift(item_id, old.get(item_id), new.get(item_id)) for item_id in ids]
    return {change.item_id: change for change in found if change.kind != CHANGED or change.fields}
