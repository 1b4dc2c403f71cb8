"""Warns of seeds that link to web pages: people copy the page's address, not the picture's.

They are not refused: the API decides what is a picture.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

import attrs

from tmapi_spiders.wording import ranges

__all__ = ["PageLinks", "kind_of_page"]

#: Rows that a warning lists.
_LISTED: Final = 200

_COPY: Final = (
    "open the page, right-click the picture, choose “Copy image address”, and put that there"
)

#: By kind: the words for one and for several, and what to do instead.
_KINDS: Final = {
    "offer": (
        "a page of an offer (1688, Taobao, Tmall, Alibaba)",
        "pages of offers (1688, Taobao, Tmall, Alibaba)",
        f"{_COPY} (it begins with https://cbu01.alicdn.com/ or the like)",
    ),
    "drive": (
        "a view link of Google Drive or Photos",
        "view links of Google Drive or Photos",
        (
            "it shows a page around the picture; put the picture on a web server, or use the "
            "address https://drive.google.com/uc?export=download&id=ID of a public one"
        ),
    ),
    "dropbox": (
        "a view link of Dropbox",
        "view links of Dropbox",
        "it shows a page around the picture; end it in raw=1 instead of dl=0",
    ),
    "onedrive": (
        "a view link of OneDrive or SharePoint",
        "view links of OneDrive or SharePoint",
        (
            "it shows a page around the picture; end it in download=1, or put the picture on a "
            "web server"
        ),
    ),
    "share": (
        "a view link of a file-sharing or picture service",
        "view links of file-sharing or picture services",
        "it shows a page around the picture; put the picture on a web server",
    ),
    "shop": ("a page of a shop", "pages of shops", _COPY),
    "home": ("the home page of a web site", "home pages of web sites", _COPY),
}

#: At the end of a path, or before a picture server's options.
_PICTURE: Final = re.compile(
    r"\.(?:jpe?g|jfif|png|gif|webp|bmp|tiff?|heic|avif|svg)(?:[_!@/:;][^/]*)?$", re.IGNORECASE
)
_PICTURE_SERVER: Final = re.compile(
    r"^/search/|/(?:images?|img|photos?|pics?|pictures?|thumb(?:nail)?s?|media|uploads?)(?:[/.]|$)",
    re.IGNORECASE,
)
_PAGE: Final = re.compile(r"\.(?:s?html?|php\d?|aspx?|jspx?|do|cfm)$", re.IGNORECASE)
_SHOP: Final = re.compile(
    r"/(?:products?|produkte?|produits?|productos?|items?|itm|articles?|artikel|shop|store|dp|gp"
    r"|p|offers?|goods|collections?|catalog(?:ue)?|listing|sku)/[^/]",
    re.IGNORECASE,
)

_OFFER_HOSTS: Final = re.compile(r"(?:^|\.)(?:1688|taobao|tmall|alibaba|aliexpress)\.[a-z.]{2,6}$")
_OFFER_PATH: Final = re.compile(
    r"/offer/|/item(?:_o)?\.html?$|/item/|/product(?:-detail)?/|\.html?$|^/?$", re.IGNORECASE
)
_DROPBOX: Final = re.compile(r"(?:^|\.)dropbox\.com$")
_ONEDRIVE: Final = re.compile(r"(?:^|\.)(?:1drv\.ms|onedrive\.live\.com|sharepoint\.com)$")
_SHARES: Final = re.compile(
    r"(?:^|\.)(?:wetransfer\.com|we\.tl|pan\.baidu\.com|mega\.nz|disk\.yandex\.[a-z]+|yadi\.sk"
    r"|icloud\.com|photos\.app\.goo\.gl|photos\.google\.com|pinterest\.[a-z.]+|pin\.it"
    r"|instagram\.com|facebook\.com|flickr\.com|imgur\.com|ibb\.co|postimg\.cc)$"
)
#: An address with such an ending is a picture, unless its host is one of these.
_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_SHARING: Final = re.compile(
    r"google|goo\.gl|dropbox|1drv|onedrive|sharepoint|transfer|baidu|mega|yandex|yadi|icloud"
)

#: Hosts of these services that serve the pictures themselves.
_SERVES: Final = re.compile(r"^(?:i|i\d|live|scontent[\w-]*)\.")


def kind_of_page(url: str) -> str:
    """Return the kind of page that an address leads to; "" if it may be a picture's.

    >>> kind_of_page("https://detail.1688.com/offer/7.html"), kind_of_page("https://a.example/7.jpg")
    ('offer', '')
    >>> kind_of_page("https://www.dropbox.com/s/x/lamp.jpg?dl=0"), kind_of_page("https://a.example/")
    ('dropbox', 'home')
    >>> kind_of_page("https://a.example/products/lamp"), kind_of_page("/search/imgextra5/1.jpg")
    ('shop', '')
    """
    if url.endswith(_ENDINGS) and not _SHARING.search(url):  # nearly all
        return ""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    path = parts.path
    if shared := _shared(host, path, parts.query):
        return shared
    is_home = path in {"", "/"} and not parts.query
    if _PICTURE.search(path) or _PICTURE_SERVER.search(path) or not host:
        kind = ""
    elif _OFFER_HOSTS.search(host) and _OFFER_PATH.search(path):
        kind = "offer"
    elif is_home or _PAGE.search(path) or _SHOP.search(path):
        kind = "home" if is_home else "shop"
    else:
        kind = ""
    return kind


def _shared(host: str, path: str, query: str) -> str:
    """Return the service that a view link belongs to; "" for links to a file, and all others."""
    asked = parse_qs(query)
    if host in {"drive.google.com", "docs.google.com"}:
        return "" if path.startswith(("/uc", "/thumbnail")) else "drive"
    if host in {"photos.google.com", "photos.app.goo.gl"}:
        return "drive"
    if _DROPBOX.search(host):
        return "" if asked.get("raw") == ["1"] or asked.get("dl") == ["1"] else "dropbox"
    if _ONEDRIVE.search(host):
        is_file = asked.get("download") == ["1"] or path.endswith(("/download", "/content"))
        return "" if is_file else "onedrive"
    if _SHARES.search(host) and not _SERVES.search(host) and not _PICTURE.search(path):
        return "share"
    return ""


@attrs.define
class PageLinks:
    """Seeds that lead to pages, by kind, with their line or row numbers."""

    counts: dict[str, int] = attrs.field(factory=dict)
    numbers: dict[str, list[int]] = attrs.field(factory=dict)

    def add(self, url: str, number: int) -> None:
        """Add a seed if it leads to a page.

        :param number: its line or row
        """
        if kind := kind_of_page(url):
            self.counts[kind] = self.counts.get(kind, 0) + 1
            listed = self.numbers.setdefault(kind, [])
            if len(listed) < _LISTED:
                listed.append(number)

    def lines(self, noun: str) -> list[str]:
        """Return a warning per kind.

        >>> links = PageLinks()
        >>> links.add("https://www.dropbox.com/s/x/lamp.jpg?dl=0", 7)
        >>> links.lines("row")[0][:71]
        'row 7: a view link of Dropbox, not a picture: it shows a page around th'

        :param noun: the word for a line of the file
        """
        lines = []
        for kind, (one, many, instead) in _KINDS.items():
            if not (count := self.counts.get(kind)):
                continue
            more = f" and {count - _LISTED:,} more" if count > _LISTED else ""
            where = f"{noun if count == 1 else noun + 's'} {ranges(self.numbers[kind])}{more}"
            what = one if count == 1 else f"{count:,} {many}"
            lines.append(
                f"{where}: {what}, not {'a picture' if count == 1 else 'pictures'}: {instead}. "
                f"{'It is' if count == 1 else 'They are'} searched for anyway"
            )
        return lines
