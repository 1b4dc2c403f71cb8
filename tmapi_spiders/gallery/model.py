"""What the gallery of a job shows: seeds, their queries, and a card for each product found."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import attrs

from tmapi_spiders.formats import to_json

__all__ = [
    "FACTS",
    "LONGEST_LINK",
    "NOT_MADE",
    "Card",
    "Comparison",
    "Gallery",
    "GalleryProduct",
    "GalleryQuery",
    "Group",
    "Mark",
    "in_words",
    "web_link",
]

LONGEST_LINK = 2_079
"""Characters of a link: what Excel takes; an address that goes on for ever is none to click."""

NOT_MADE = "not_made"
"""The status of a search that the job before made, and this one does not."""


#: Of a product's row, what a card shows or the page filters and sorts by.
FACTS = (
    "title",
    "title_origin",
    "currency",
    "origin_price",
    "moq",
    "sale_quantity_90days",
    "sale_quantity_90days_text",
    "company_name",
    "shop_years",
    "composite_score",
    "item_repurchase_rate",
    "is_super_factory",
    "is_powerful_seller",
    "free_shipping",
    "ship_in_48h",
    "one_piece_min_order",
    "low_refund_rate",
    "is_ad",
)


@attrs.frozen(eq=False)
class GalleryProduct:
    """A product as a seed's searches found it; what was not given is None."""

    item_id: int
    language: str | None
    """Of the title; None where nothing tells."""
    link: str | None
    """Its page, if that is an http(s) URL."""
    picture: str | None
    """URL of its picture, if it is one."""
    place: str | None
    facts: tuple[Any, ...] = (None,) * len(FACTS)
    """The values of `FACTS`."""

    @classmethod
    def read(cls, row: dict[str, Any]) -> GalleryProduct:
        """Take it from a line of products.jsonl."""
        area = row.get("area_from")
        return cls(
            item_id=row["item_id"],
            language=row.get("language"),
            link=web_link(row.get("product_url")),
            picture=web_link(row.get("img")),
            place=", ".join(map(str, area)) if isinstance(area, list) and area else None,
            facts=tuple(map(row.get, FACTS)),
        )

    @property
    def currency(self) -> str | None:
        """That of its prices."""
        currency = self.facts[FACTS.index("currency")]
        return None if currency is None else str(currency)


@attrs.frozen
class GalleryQuery:
    """One search for a seed, and what became of it."""

    label: str
    """What tells it from the job's others: "best selling", "best match, English, 10 to 50"."""
    query_id: str = ""
    status: str | None = None
    """As in outcomes.jsonl; None where there is no outcome yet."""
    reason: str | None = None
    code: int | None = None
    message: str | None = None
    pages: int | None = None
    items: int | None = None
    total_count: int | None = None
    evidence: tuple[str, ...] = ()
    """What the ending has against it, in words."""


@attrs.frozen(kw_only=True)
class Mark:
    """One thing that changed of a product since the job before."""

    kind: str
    """As in changes.jsonl; a price that is given twice is ``price_lower`` or ``price_higher``."""
    before: str | int | None
    after: str | int | None
    difference: str | int | None
    percent: float | None
    target: str | None
    query: int | None
    """The search (its number in the group), of a change of rank."""
    here: bool
    """Whether it is so under this seed alone."""


@attrs.frozen(eq=False)
class Card:
    """A product under a seed."""

    product: GalleryProduct
    price: str | None
    """When it was seen at its best rank, a decimal string."""
    places: tuple[tuple[int, int], ...]
    """Where it was seen, best rank first: the query (its number in the group), the rank there."""
    marks: tuple[Mark, ...] = ()
    """Where jobs are compared: what changed, the most telling first."""
    is_old: bool = False
    """Whether it is as the job before found it, and this one did not."""


@attrs.frozen
class Group:
    """A seed and what was found for it."""

    seed_id: str
    seed: str
    """As the user wrote it; "" where only sightings tell of it."""
    data: tuple[tuple[str, str], ...]
    """The other columns of the user's row."""
    link: str | None
    """The image, if it has an http(s) URL."""
    queries: tuple[GalleryQuery, ...]
    cards: tuple[Card, ...]
    """The best-ranked."""
    rest: tuple[tuple[str | None, str | None], ...]
    """Of each product that was found beside them, and left out: currency and price."""


@attrs.frozen(kw_only=True)
class Comparison:
    """The job that another one is compared with, and what came of it."""

    old: str | None
    """The job before; None: there is none, the new one is a baseline."""
    old_date: str = ""
    new: str
    counts: tuple[tuple[str, int, str], ...] = ()
    """Of each kind of :class:`Mark` that there is: how many changes, and what it means."""
    condition: str = ""
    """The options that leave changes out; "" if all are told."""


@attrs.frozen
class Gallery:
    """All of it."""

    job: str
    source: str
    date: str
    """When the job ended, else began: UTC, ISO 8601."""
    warnings: tuple[str, ...]
    groups: tuple[Group, ...]
    found: int
    """Different products that were found: with those left out, which are in no group's cards."""
    comparison: Comparison | None = None
    """With another job: then the cards are what changed."""


def web_link(given: Any) -> str | None:
    """Return *given* if it is an http(s) URL, else None; one without scheme is meant as https.

    One that is longer than browsers and Excel take is none.

    >>> web_link("https://detail.1688.com/offer/1.html"), web_link("//img.alicdn.com/a.jpg")
    ('https://detail.1688.com/offer/1.html', 'https://img.alicdn.com/a.jpg')
    >>> [web_link(given) for given in ("javascript:alert(1)", "/search/a.jpg", "https://a b/", 7)]
    [None, None, None, None]
    """
    if not isinstance(given, str):
        return None
    url = f"https:{given}" if given.startswith("//") else given
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if len(url) > LONGEST_LINK:
        return None
    is_plain = url.isprintable() and not any(map(str.isspace, url)) and "\\" not in url
    return url if is_plain and parts.scheme in {"http", "https"} and parts.hostname else None


def in_words(value: Any) -> str:
    """Return a value of the user's row as text.

    >>> [in_words(value) for value in ("A 1", 12.5, True, None, ["a", 1])]
    ['A 1', '12.5', 'yes', '', '["a", 1]']
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return to_json(value, ensure_ascii=False)
