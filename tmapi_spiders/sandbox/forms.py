"""The forms in which the API writes values, and how frequent each is in the sandbox.

Source: the table "Values" of the notes on the API as observed. Every form gives the product's true
value exactly (or leaves it out), so that sorting and price ranges can be checked from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from random import Random

Fields = dict[str, Any]
T = TypeVar("T")


def pick(rng: Random, forms: Sequence[tuple[int, T]]) -> T:
    """Draw one of the forms; the number before each is its weight."""
    return rng.choices([form for _, form in forms], [weight for weight, _ in forms])[0]


def cents(price: Decimal) -> str:
    """Return the usual form of a price.

    >>> cents(Decimal("6"))
    '6.00'
    """
    return f"{price:.2f}"


def short(price: Decimal) -> str:
    """Return a price without trailing zeros.

    >>> short(Decimal("6.00")), short(Decimal("54.60"))
    ('6', '54.6')
    """
    return f"{price:.2f}".rstrip("0").rstrip(".")


def one_place(price: Decimal) -> str:
    """Return a price with at least one decimal place, as a float is printed.

    >>> one_place(Decimal("156.00")), one_place(Decimal("54.69"))
    ('156.0', '54.69')
    """
    text = short(price)
    return text if "." in text else f"{text}.0"


def _info(price: object, sale: object, origin: object, **more: object) -> Fields:
    return {"price": price, "sale_price": sale, "origin_price": origin, **more}


def _family(price: Decimal) -> Fields:
    dearer = price * Decimal("1.2")
    return {
        "wholesale_price": cents(price),
        "drop_ship_price": cents(dearer),
        "show_price": cents(dearer),
    }


PriceForm = Callable[[Decimal, Decimal], Fields]
PRICE_FORMS: Final[tuple[tuple[int, PriceForm], ...]] = (
    (70, lambda p, _: {"price": cents(p), "price_info": _info(cents(p), cents(p), "")}),
    (10, lambda p, o: {"price": cents(p), "price_info": _info(cents(p), cents(p), cents(o))}),
    (4, lambda p, _: {"price": short(p), "price_info": _info(short(p), short(p), "")}),
    (3, lambda p, _: {"price": one_place(p), "price_info": _info(one_place(p), "", None)}),
    (3, lambda p, _: {"price": "", "price_info": _info("", cents(p), "")}),
    (2, lambda p, o: {"price": "", "price_info": _info(cents(p), None, cents(o))}),
    (2, lambda p, o: {"price": None, "price_info": _info(None, cents(p), cents(o))}),
    (2, lambda p, _: {"price": cents(p), "price_info": None}),
    (1, lambda p, _: {"price": cents(p)}),
    (2, lambda p, _: {"price": cents(p), "price_info": _info(cents(p), "", "", **_family(p))}),
    (1, lambda p, o: {"price": None, "price_info": _info("", None, cents(o), **_family(p))}),
)
"""Made from the price and a higher former price."""

UNPRICED_FORMS: Final[tuple[tuple[int, PriceForm], ...]] = (
    (1, lambda _p, _o: {"price": "", "price_info": _info("", "", "")}),
    (1, lambda _p, _o: {"price": None, "price_info": None}),
)
ALL_PRICE_FORMS: Final = (*PRICE_FORMS, *UNPRICED_FORMS)

PREFERRED_PRICES: Final = ("price", "price_info.price", "price_info.sale_price")


def given_price(fields: Fields) -> tuple[str, str] | None:
    """Return the price these fields give, and its field: a preferred one, else the lowest.

    >>> given_price({"price": "", "price_info": {"price": None, "sale_price": "6.50"}})
    ('6.50', 'price_info.sale_price')
    >>> given_price({"price": None, "price_info": None}) is None
    True
    """
    info = fields.get("price_info") or {}
    named = {"price": fields.get("price")} | {f"price_info.{name}": info[name] for name in info}
    given = [(price, field) for field, price in named.items() if price]
    if given and given[0][1] in PREFERRED_PRICES:
        return given[0]
    return min(given, key=lambda priced: Decimal(priced[0]), default=None)


SalesForm = Callable[[int], tuple[int | None, Fields]]


def _sold(sales: int | None, text: object) -> tuple[int | None, Fields]:
    return sales, {"sale_info": {"sale_quantity_90days": text}}


MOST_SALES: Final = 100_000
"""From here on the API gives no exact number."""


def most_sold(_: int) -> tuple[int | None, Fields]:
    """Return the form for as many as the API gives exactly, or more."""
    return _sold(MOST_SALES, f"{MOST_SALES}+")


def plainly_sold(sales: int) -> tuple[int | None, Fields]:
    """Return the usual form of the sales."""
    return _sold(sales, str(sales))


def _sold_wan(sales: int) -> tuple[int | None, Fields]:
    """Return whole thousands above 10,000, in the unit 万 = 10,000."""
    thousands = 10 + sales // 1000
    return _sold(thousands * 1000, f"全网{thousands / 10:g}万+件")


SALES_FORMS: Final[tuple[tuple[int, SalesForm], ...]] = (
    (80, plainly_sold),
    (8, lambda n: _sold(n, n)),
    (2, lambda _: _sold(None, None)),
    (2, most_sold),
    (3, lambda n: _sold(n // 100 * 100, f"已售{n // 100 * 100}+件")),
    (3, _sold_wan),
    (1, lambda _: (None, {"sale_info": None})),
    (1, lambda _: (None, {})),
)
"""Made from the sales: the number that the form still gives (None if none), and the form."""

MoqForm = Callable[[int], Fields]
MOQ_FORMS: Final[tuple[tuple[int, MoqForm], ...]] = (
    (60, lambda _: {"moq": None}),
    (25, lambda n: {"moq": n}),
    (8, lambda n: {"moq": str(n)}),
    (5, lambda n: {"moq": None, "quantity_begin": n}),
    (2, lambda n: {"quantity_begin": str(n)}),
)


def given_moq(fields: Fields) -> int | None:
    """Return the minimum order these fields give.

    >>> given_moq({"moq": None, "quantity_begin": "5"}), given_moq({"moq": None})
    (5, None)
    """
    given = fields.get("moq") or fields.get("quantity_begin")
    return int(given) if given else None


AreaForm = Callable[[tuple[str, str]], object]
AREA_FORMS: Final[tuple[tuple[int, AreaForm], ...]] = (
    (90, list),
    (4, lambda area: [area[0], ""]),
    (2, lambda _: ["", ""]),
    (2, lambda _: []),
    (2, lambda _: None),
)

ScoreForm = Callable[[float], Fields]
SCORE_FORMS: Final[tuple[tuple[int, ScoreForm], ...]] = (
    (85, lambda x: {"score_info": {"composite_score": f"{x:.1f}"}}),
    (4, lambda x: {"score_info": {"composite_score": x}}),
    (3, lambda _: {"score_info": {"composite_score": 0}}),
    (5, lambda x: {"sore_info": {"composite_score": f"{x:.1f}"}}),
    (2, lambda _: {"score_info": None}),
    (1, lambda _: {}),
)

RateForm = Callable[[float], object]
RATE_FORMS: Final[tuple[tuple[int, RateForm], ...]] = (
    (30, lambda _: "0%"),
    (58, lambda x: f"{x:.0%}"),
    (5, lambda _: ""),
    (5, lambda x: f"{x:.4f}"),
    (2, lambda _: None),
)

EXTRA_FORMS: Final[tuple[tuple[int, Fields], ...]] = (
    (92, {}),
    (3, {"type": "p4p", "is_ad": True}),
    (2, {"type": "bid", "is_ad": True}),
    (1, {"type": "p4p"}),
    (2, {"is_ad": False}),
)

BLANK_FORMS: Final[tuple[tuple[int, Fields], ...]] = (
    (86, {}),
    (2, {"title": ""}),
    (1, {"title": None}),
    (2, {"product_url": ""}),
    (1, {"img": None}),
    (2, {"category_path": []}),
    (2, {"currency": None}),
    (2, {"low_refund_rate": None}),
    (2, {"ship_in_48h": None}),
)
"""Blank fields: any field of an item can be null or "" except its id."""
