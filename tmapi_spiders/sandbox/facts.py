"""The facts of a product that change from day to day, and how they change."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Final

import attrs

from tmapi_spiders.sandbox import forms
from tmapi_spiders.sandbox.days import event_days
from tmapi_spiders.sandbox.words import SHOP_TRADES, SHOP_WORDS

CENT: Final = Decimal("0.01")

MOQS: Final = (1, 2, 5, 10, 50, 100)
"""The possible minimum orders, in pieces."""


@attrs.frozen
class Facts:
    """What is true of a product on one day, and the forms in which the API gives it."""

    price: Decimal
    """In yuan, whether the API gives it or not."""
    price_form: forms.PriceForm
    sales: int
    """Pieces in 90 days; 100,000 means that many or more."""
    sales_form: forms.SalesForm
    moq: int
    """In pieces, whether the API gives it or not."""
    moq_form: forms.MoqForm
    city: str
    """The supplier's city, with which its name begins."""
    company_name: str
    shop_years: int

    def price_fields(self) -> forms.Fields:
        """Return the API's price fields; all of them change with the price."""
        return self.price_form(self.price, self.price * Decimal("1.5"))

    def given_sales(self) -> tuple[int | None, forms.Fields]:
        """Return the sales as the API gives them (None if not), and the API's field."""
        given, fields = self.sales_form(self.sales)
        if given is not None and given >= forms.MOST_SALES:
            return forms.most_sold(self.sales)
        return given, fields


Move = Callable[[Facts, Random], Facts]


def _move_price(facts: Facts, rng: Random) -> Facts:
    """Move the price up or down by 1 to 30 %, at least a cent."""
    percent = 100 + rng.choice((-1, 1)) * rng.randint(1, 30)
    price = (facts.price * percent / 100).quantize(CENT)
    return attrs.evolve(facts, price=facts.price + CENT if price == facts.price else price)


def _move_source(facts: Facts, rng: Random) -> Facts:
    """Give the price in a different API field, or in none, or in one again."""
    now = _source(facts.price_form)
    others = [(weight, form) for weight, form in forms.ALL_PRICE_FORMS if _source(form) != now]
    return attrs.evolve(facts, price_form=forms.pick(rng, others))


def _source(form: forms.PriceForm) -> str | None:
    given = forms.given_price(form(Decimal(10), Decimal(15)))
    return given[1] if given else None


def _move_sales(facts: Facts, rng: Random) -> Facts:
    """Move sales up by 1 to 40 %, sometimes down by 1 to 20 %, rarely across 100,000."""
    most, sales = forms.MOST_SALES, facts.sales
    if rng.random() < 0.05:
        sales = most * rng.randint(60, 89) // 100 if sales >= most else most
    elif rng.random() < 0.8 or not sales:
        sales += max(1, sales * rng.randint(1, 40) // 100)
    else:
        sales -= max(1, sales * rng.randint(1, 20) // 100)
    return attrs.evolve(facts, sales=min(sales, most))


def _move_moq(facts: Facts, rng: Random) -> Facts:
    """Change the minimum order, or whether the API gives it."""
    given = forms.given_moq(facts.moq_form(facts.moq))
    silent = [(w, form) for w, form in forms.MOQ_FORMS if forms.given_moq(form(1)) is None]
    giving = [(w, form) for w, form in forms.MOQ_FORMS if forms.given_moq(form(1)) is not None]
    if given is not None and rng.random() < 1 / 3:
        return attrs.evolve(facts, moq_form=forms.pick(rng, silent))
    form = forms.pick(rng, giving) if given is None else facts.moq_form
    moq = rng.choice([moq for moq in MOQS if moq != facts.moq])
    return attrs.evolve(facts, moq=moq, moq_form=form)


def _move_supplier(facts: Facts, rng: Random) -> Facts:
    """Change the supplier's name within its city, or add a year."""
    if rng.random() < 0.5:
        return attrs.evolve(facts, shop_years=facts.shop_years + 1)
    names = [f"{facts.city}{word}{trade}" for word in SHOP_WORDS for trade in SHOP_TRADES]
    others = [name for name in names if name != facts.company_name]
    return attrs.evolve(facts, company_name=rng.choice(others))


MOVES: Final[dict[str, tuple[float, Move]]] = {
    "price": (0.05, _move_price),
    "source": (0.01, _move_source),
    "sales": (0.05, _move_sales),
    "moq": (0.01, _move_moq),
    "supplier": (0.005, _move_supplier),
}
"""What changes, for which share of the products on a day, and how; all independent."""


def facts_on(day: int, facts: Facts, came: int, seed: int, item_id: int) -> Facts:
    """Return the facts of a product on a day.

    :param facts: those it came with
    :param came: the day on which it came
    """
    for name, (rate, move) in MOVES.items():
        for when in event_days(rate, came, day, name, seed, item_id):
            facts = move(facts, Random(f"{name}/{seed}/{item_id}/{when}"))
    return facts
