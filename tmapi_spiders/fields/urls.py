"""Turns the API's URLs into URLs that a browser can load."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from tmapi_spiders.api.endpoint import ALIBABA_HOSTS
from tmapi_spiders.processors import to_words

__all__ = ["to_url"]

_LONGEST = 4096

#: URLs that are normal already: nearly all are, and parsing them is slow.
_NORMAL = re.compile(r"https?://[a-z0-9-]+\.[a-z0-9.-]+(?::[0-9]{1,5})?/[!$'-;=?-Z_a-z~]*")

_SCHEME = re.compile(r"(https?):?/+", re.IGNORECASE)

#: As in ``itemcdn.tmall.com/"https://…"``: the URL that is meant follows another one, in quotes.
_QUOTED = re.compile(
    r'(?:[a-z]{1,5}:)?/*[a-z0-9.-]+/+(?:"|%22)((?:https?:|//)[^"]+?)(?:"|%22)?', re.IGNORECASE
)

_WITHOUT_SCHEME = re.compile(
    rf"(?:[a-z0-9-]+\.)?(?:{'|'.join(map(re.escape, ALIBABA_HOSTS))})/", re.IGNORECASE
)

#: Letters of any script, since "bücher.example" is a host too.
_HOST = re.compile(r"\w[\w-]*(?:\.\w[\w-]*)+|localhost|[0-9a-f:.]*:[0-9a-f:.]*")

#: Characters that a browser would misread or drop.
_AMISS = re.compile(r'[\s\x00-\x1f\x7f"<>\\]')


def to_url(value: Any) -> str | None:
    """Return an http(s) URL that a browser can load; None if *value* is no such URL.

    >>> to_url("//cbu01.alicdn.com/a.jpg"), to_url("https:////cbu01.alicdn.com/a.jpg")
    ('https://cbu01.alicdn.com/a.jpg', 'https://cbu01.alicdn.com/a.jpg')
    >>> to_url('itemcdn.tmall.com/"https://img.alicdn.com/a.jpg"')
    'https://img.alicdn.com/a.jpg'
    >>> to_url("https://itemcdn.tmall.com/%22https://img.alicdn.com/a.jpg?x=1&amp;y=2%22")
    'https://img.alicdn.com/a.jpg?x=1&y=2'
    >>> to_url("/img/ibank/a.jpg"), to_url("javascript:alert(1)"), to_url("https://none")
    (None, None, None)
    """
    if isinstance(value, str) and len(value) <= _LONGEST and _NORMAL.fullmatch(value):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    url = to_words(value)
    if url is None:
        return None
    for _ in range(2):  # the quoted URL may have this form too
        if (quoted := _QUOTED.fullmatch(url)) is None:
            break
        url = quoted[1].strip()
    if url.startswith("//"):
        url = f"https://{url.lstrip('/')}"
    elif scheme := _SCHEME.match(url):
        url = f"{scheme[1].lower()}://{url[scheme.end() :]}"
    elif _WITHOUT_SCHEME.match(url):
        url = f"https://{url}"
    else:
        return None
    url = url.replace(" ", "%20")
    return url if _is_loadable(url) else None


def _is_loadable(url: str) -> bool:
    if _AMISS.search(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return bool(_HOST.fullmatch(parts.hostname or ""))
