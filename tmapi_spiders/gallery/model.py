"""The data of a gallery: seeds, their queries, and a card for each product found."""

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
    "to_text",
    "web_link",
]

LONGEST_LINK = 2_079
"""The most characters of a link: what Excel accepts; longer ones are not made clickable."""

NOT_MADE = "not_made"
"""The status of a query that the old job made and the new one did not."""


#: The fields of a product that a card shows, or the page filters or sorts by.
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
    """A product as a seed's queries found it; what the API did not give is None."""

    item_id: int
    language: str | None
    """The language of the title; None if not known."""
    link: str | None
    """The URL of its page, if it is an http(s) URL."""
    picture: str | None
    """The URL of its picture, if it is an http(s) URL."""
    place: str | None
    facts: tuple[Any, ...] = (None,) * len(FACTS)
    """The values of `FACTS`."""

    @classmethod
    def read(cls, row: dict[str, Any]) -> GalleryProduct:
        """Make one from a line of products.jsonl."""
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
        """The currency of its prices."""
        currency = self.facts[FACTS.index("currency")]
        return None if currency is None else str(currency)


@attrs.frozen
class GalleryQuery:
    """A query of a seed, and its outcome."""

    label: str
    """Distinguishes it from the job's others: "best selling", "best match, English, 10 to 50"."""
    query_id: str = ""
    status: str | None = None
    """As in outcomes.jsonl; None if there is no outcome yet."""
    reason: str | None = None
    code: int | None = None
    message: str | None = None
    pages: int | None = None
    items: int | None = None
    total_count: int | None = None
    evidence: tuple[str, ...] = ()
    """Sentences that say what speaks against its ending."""


@attrs.frozen(kw_only=True)
class Mark:
    """One change of a product since the old job."""

    kind: str
    """As in changes.jsonl; comparable prices are ``price_lower`` or ``price_higher``."""
    before: str | int | None
    after: str | int | None
    difference: str | int | None
    percent: float | None
    target: str | None
    query: int | None
    """For a change of rank, the query's number in the group."""
    here: bool
    """Whether it applies only under this seed."""


@attrs.frozen(eq=False)
class Card:
    """A product under a seed."""

    product: GalleryProduct
    price: str | None
    """The price at its best rank, a decimal string."""
    places: tuple[tuple[int, int], ...]
    """Where it was found, best rank first: the query's number in the group, and the rank."""
    marks: tuple[Mark, ...] = ()
    """In a comparison: what changed, the most important first."""
    is_old: bool = False
    """Whether it is as the old job found it, because the new one did not find it."""


@attrs.frozen
class Group:
    """A seed and what was found for it."""

    seed_id: str
    seed: str
    """As the user wrote it; "" if only sightings name it."""
    data: tuple[tuple[str, str], ...]
    """The other columns of the user's row, as text."""
    link: str | None
    """The URL of the image, if it is an http(s) URL."""
    queries: tuple[GalleryQuery, ...]
    cards: tuple[Card, ...]
    """The best-ranked products."""
    rest: tuple[tuple[str | None, str | None], ...]
    """Currency and price of each product that was found but left out."""


@attrs.frozen(kw_only=True)
class Comparison:
    """The two jobs of a comparison, and how many changes there are."""

    old: str | None
    """The old job; None if there is none, and the new one is a baseline."""
    old_date: str = ""
    new: str
    counts: tuple[tuple[str, int, str], ...] = ()
    """Each kind of :class:`Mark` that occurs, the number of changes, and its meaning."""
    condition: str = ""
    """The options that leave out changes; "" if all are shown."""


@attrs.frozen
class Gallery:
    """Everything a page shows."""

    job: str
    source: str
    date: str
    """When the job ended, else when it began: UTC, ISO 8601."""
    warnings: tuple[str, ...]
    groups: tuple[Group, ...]
    found: int
    """The number of different products found, including those left out of the groups' cards."""
    comparison: Comparison | None = None
    """Set for a comparison: the cards are then the products that changed."""


def web_link(given: Any) -> str | None:
    """Return *given* if it is an http(s) URL, else None; without a scheme it is taken as https.

    URLs longer than browsers and Excel accept are refused.

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


def to_text(value: Any) -> str:
    """Return a value of the user's row as text.

    >>> [to_text(value) for value in ("A 1", 12.5, True, None, ["a", 1])]
    ['A 1', '12.5', 'yes', '', '["a", 1]']
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return to_json(value, ensure_ascii=False)
