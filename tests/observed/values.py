"""Products as TMAPI was observed to write them, and their true values.

Every field goes through its forms in turn, item by item; no field has more than twenty, so that
twenty items in a row show every row of the evidence's table of values.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

#: A key that is missing.
ABSENT = object()

Form = tuple[dict[str, Any], dict[str, Any]]
"""The item's value, and its true meaning."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """An item's true values; None is "not given", or "can't be known" if in ``unreadable``."""

    item_id: int
    product_url: str | None = None
    title: str | None = None
    title_origin: str | None = None
    img: str | None = None
    """A URL that a browser can load."""
    category_path: tuple[str, ...] = ()
    price: Decimal | None = None
    """In yuan; the lower end of a range."""
    sale_price: Decimal | None = None
    origin_price: Decimal | None = None
    moq: int | None = None
    sales: int | None = None
    """In 90 days; 300 for "300+"."""
    repurchase_rate: Decimal | None = None
    """A share of 1: 0.11 for "11%"."""
    score: Decimal | None = None
    company: str | None = None
    shop_years: int | None = None
    area_from: tuple[str, ...] = ()
    """Without the empty ones."""
    kind: str | None = None
    """``type``: "p4p" or "bid"."""
    is_ad: bool | None = None
    unreadable: frozenset[str] = frozenset()
    """Fields with a value whose meaning is not certain."""


@dataclass(frozen=True)
class Product:
    """One item of an answer's ``items``, and its true values."""

    raw: dict[str, Any]
    truth: Truth


def _prices(n: int) -> list[Form]:
    plain, whole = f"{n % 900 + 100}.{n % 89 + 10}", str(n % 900 + 3)

    def said(price: Any, info: Any, true: str | None, **more: Any) -> Form:
        # In all but the marked forms, price_info.sale_price is the price, too.
        known = Decimal(true) if true else None
        return {"price": price, "price_info": info}, {"price": known, "sale_price": known} | more

    def everywhere(text: str, true: str) -> Form:
        return said(text, {"price": text, "sale_price": text, "origin_price": ""}, true)

    def nowhere_else(text: str) -> Form:
        info = {"price": text, "sale_price": "", "origin_price": ""}
        return said(text, info, None, unreadable=frozenset({"price"}))

    sale_only = {"price": "", "sale_price": plain, "origin_price": ""}
    origin = str(Decimal(plain) + 20)
    crossed = {"price": plain, "sale_price": plain, "origin_price": origin}
    family = {"wholesale_price": "1.00", "drop_ship_price": None, "show_price": ""}
    return [
        everywhere(plain, plain),
        everywhere(whole, whole),
        everywhere(f"{whole}.0", whole),
        said("", sale_only, plain),
        said(ABSENT, {**sale_only, "price": None, "origin_price": None}, plain),
        said(None, None, None),
        said("null", {"price": "null", "sale_price": None, "origin_price": "null"}, None),
        everywhere(f"{plain}-{Decimal(plain) + 4}", plain),
        everywhere(f"¥{plain}", plain),
        everywhere(f"￥{whole}", whole),
        everywhere(f"¥1,{n % 900 + 100}.50", f"1{n % 900 + 100}.50"),
        everywhere(f"{whole}.0 元", whole),
        nowhere_else(f"{n % 90 + 1},90"),
        said(plain, None, plain, sale_price=None),
        said(plain, ABSENT, plain, sale_price=None),
        said(plain, {**crossed, **family}, plain, origin_price=Decimal(origin)),
        nowhere_else("面议"),
    ]


def _minima(n: int) -> list[Form]:
    some = n % 50 + 1
    moqs: list[tuple[Any, int | None]] = [(None, None), (some, some), (str(some), some)]
    moqs += [
        ("1000个", 1000),
        ("199个", 199),
        ("null", None),
        ("", None),
        (ABSENT, None),
        (2147483647, None),
    ]
    begins = [(None, str(some), some), (ABSENT, "2个", 2), (some, "null", some)]
    return [({"moq": moq}, {"moq": true}) for moq, true in moqs] + [
        ({"moq": moq, "quantity_begin": begin}, {"moq": true}) for moq, begin, true in begins
    ]


def _sales(n: int) -> list[Form]:
    seen = [("0", 0), (n % 5000, n % 5000), ("100000+", 100_000), (None, None), ("null", None)]
    seen += [("已售300+件", 300), ("全网4.1万+件", 41_000), ("", None), (ABSENT, None)]
    inside = [
        ({"sale_info": _kept({"sale_quantity_90days": sold})}, {"sales": true})
        for sold, true in seen
    ]
    return [*inside, ({"sale_info": None}, {}), ({"sale_info": ABSENT}, {})]


def _rates(_: int) -> list[Form]:
    seen = [("0%", "0"), ("11%", "0.11"), ("", None), ("0.1648", "0.1648"), (None, None)]
    seen += [("100%", "1"), ("null", None)]
    forms = [
        ({"item_repurchase_rate": rate}, {"repurchase_rate": Decimal(true) if true else None})
        for rate, true in seen
    ]
    return [*forms, ({"item_repurchase_rate": ABSENT}, {})]


def _shops(n: int) -> list[Form]:
    company, years = f"义乌市{n % 1000}号贸易行", n % 15

    def shop(true: str | None = None, **scores: Any) -> Form:
        raw = {"company_name": company, "is_powerful_seller": n % 2 == 0, "shop_years": years}
        says = {"company": company, "shop_years": years, "score": Decimal(true) if true else None}
        return {"shop_info": {**raw, "is_super_factory": False, **scores}}, says

    return [
        shop("4.0", score_info={"composite_score": "4.0"}),
        shop("3.5", sore_info={"composite_score": "3.5"}),
        shop("4.5", score_info={"composite_score": 4.5}),
        shop("0", score_info={"composite_score": 0}),
        shop(score_info={"composite_score": None}),
        shop(score_info={"composite_score": ""}),
        shop(score_info=None),
        shop(),
        ({"shop_info": {"company_name": "", "shop_years": None}}, {}),
        ({"shop_info": None}, {}),
    ]


def _areas(_: int) -> list[Form]:
    lists = [["福建", "三明市"], ["", "三明市"], [""], [], None]
    forms: list[Form] = [
        (
            {"delivery_info": {"area_from": area, "free_shipping": False, "ship_in_48h": False}},
            {"area_from": tuple(filter(None, area or []))},
        )
        for area in lists
    ]
    return [*forms, ({"delivery_info": None}, {}), ({"delivery_info": ABSENT}, {})]


def _categories(_: int) -> list[Form]:
    seen = [(["130822002", "104"], ("130822002", "104")), ([], ()), (None, ()), (ABSENT, ())]
    return [({"category_path": path}, {"category_path": true}) for path, true in seen]


def _titles(n: int) -> list[Form]:
    seen = [
        (f"Lotus Seeds {n}g", f"Lotus Seeds {n}g"),
        (f"Men&#39;s Robe {n}", f"Men's Robe {n}"),
        (f"Salt &amp; Pepper &quot;{n}&quot;", f'Salt & Pepper "{n}"'),
        (f"R&D, plain & simple {n}", f"R&D, plain & simple {n}"),
        (None, None),
        ("", None),
        (ABSENT, None),
    ]
    origin = f"通芯白莲{n}克"
    return [
        ({"title": title, "title_origin": origin}, {"title": true, "title_origin": origin})
        for title, true in seen
    ]


def _pictures(n: int) -> list[Form]:
    name = f"O1CN{n}_!!{n % 97}-0-cib.jpg"
    cbu, overseas = f"cbu01.alicdn.com/img/{name}", f"cbu01-overseas.1688.com/img/{name}"
    good = f"https://{cbu}"
    seen = [
        (good, good),
        (f"//{cbu}", good),
        (f"https:////{cbu}", good),
        (f'https://itemcdn.tmall.com/"{good}"', good),
        (f"https://itemcdn.tmall.com/%22{good}%22", good),
        (f'itemcdn.tmall.com/"{good}"', good),
        (f"{good}?a=1&amp;b=2", f"{good}?a=1&b=2"),
        (f"https://{overseas}", f"https://{overseas}"),
        (None, None),
        ("", None),
        (ABSENT, None),
    ]
    return [({"img": img}, {"img": true}) for img, true in seen]


def _placements(_: int) -> list[Form]:
    ad: list[Form] = [
        ({"type": kind, "is_ad": is_ad}, {"kind": kind, "is_ad": is_ad})
        for kind, is_ad in [("p4p", True), ("bid", True), ("bid", False), (None, None)]
    ]
    return [({}, {}), *ad]


_FIELDS = (
    *(_titles, _pictures, _categories, _prices, _minima),
    *(_sales, _areas, _shops, _rates, _placements),
)


def _kept(raw: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if value is not ABSENT}


def product(image: str, index: int) -> Product:
    """Return an image's product at a position: always the same."""
    n = int.from_bytes(hashlib.sha256(f"{image}/{index}".encode()).digest()[:4]) % 10**9
    item_id = 600_000_000_000 + n * 100 + index % 100
    url = f"https://detail.1688.com/offer/{item_id}.html"
    raw: dict[str, Any] = {"item_id": str(item_id) if index % 3 == 2 else item_id}
    raw |= {"product_url": url, "currency": "CNY"}
    true: dict[str, Any] = {"product_url": url}
    for field in _FIELDS:
        forms = field(n)
        written, says = forms[index % len(forms)]
        raw |= written
        true |= says
    raw |= {"low_refund_rate": False, "ship_in_48h": False, "one_piece_min_order": False}
    return Product(_kept(raw), Truth(item_id=item_id, **true))
