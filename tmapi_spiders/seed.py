"""A seed: one image that is searched for."""

from __future__ import annotations

import re
from hashlib import blake2b
from urllib.parse import urlsplit, urlunsplit

import attrs

__all__ = ["ALIBABA_HOSTS", "Seed", "stable_hash"]

#: Hosts (with their subdomains) whose images the search reads without conversion.
#: Source: observed by users of the API, on its V1 endpoint.
ALIBABA_HOSTS = ("alicdn.com", "1688.com", "taobao.com", "tmall.com", "alibaba.com", "aliimg.com")

#: Paths that the API itself hands out for images.
ALIBABA_PATH = "/search/"

_SEARCHABLE = re.compile(
    rf"{ALIBABA_PATH}|https?://(?:[^/?#@:]+\.)?(?:{'|'.join(map(re.escape, ALIBABA_HOSTS))})"
    r"(?::\d+)?(?:[/?]|$)"
)

#: What needs no normalising; nearly all seeds are such, and taking URLs apart is slow.
_NORMAL = re.compile(r"https?://[a-z0-9.-]+/[!-\"$-~]*")

#: Letters of any script: "bücher.example" is a host too.
_HOST = r"\w[\w.-]*|[0-9a-f:.]*:[0-9a-f:.]*"

_ACCEPTED = "accepted: an http(s) URL, //host/path, or a path of Alibaba's beginning with /search/"


def stable_hash(*parts: str) -> str:
    """Return a short hash of *parts* that is the same in every process, version and job.

    80 bits: among a million queries the chance of two alike is below one in a billion.

    >>> stable_hash("a", "b") == stable_hash("ab")
    False
    """
    return blake2b("\0".join(parts).encode(), digest_size=10).hexdigest()


@attrs.frozen(slots=True)
class Seed:
    """One image to search for."""

    text: str
    """As the user wrote it."""
    seed_id: str
    """Hash of the normalised image: the same in every job."""
    img_url: str
    """What is sent to the API."""

    @classmethod
    def parse(cls, text: str) -> Seed:
        """Make a seed of one image reference.

        >>> Seed.parse("//CBU01.alicdn.com/a.jpg").img_url
        'https://cbu01.alicdn.com/a.jpg'
        >>> Seed.parse("/search/imgextra5/1.jpg").img_url
        '/search/imgextra5/1.jpg'
        >>> Seed.parse("lamp.jpg")
        Traceback (most recent call last):
        ...
        ValueError: it is no URL, and the API wants a URL: put a picture on this machine on ...

        :raises ValueError: saying what is wrong with it and what is accepted
        """
        img_url = _normalise(text)
        return cls(text, stable_hash(img_url), img_url)

    @property
    def needs_conversion(self) -> bool:
        """Whether the search can't be expected to read this image as it is.

        >>> Seed.parse("https://cbu01.alicdn.com/a.jpg").needs_conversion
        False
        >>> Seed.parse("https://alicdn.com@shop.example/a.jpg").needs_conversion
        True
        """
        return not _SEARCHABLE.match(self.img_url)

    @property
    def can_be_converted(self) -> bool:
        """Whether there is an address to convert: a path of Alibaba's is what a conversion gives.

        >>> Seed.parse("/search/imgextra5/1.jpg").can_be_converted
        False
        """
        return not self.img_url.startswith(ALIBABA_PATH)


def _normalise(text: str) -> str:
    if ",http://" in text or ",https://" in text:
        raise ValueError("it looks like two images; give each a line, or write its comma as %2C")
    if _NORMAL.fullmatch(text):
        return text
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("it holds white space or a control character; write a space as %20")
    if text.startswith(ALIBABA_PATH) and text != ALIBABA_PATH:
        return text
    url = "https:" + text if text.startswith("//") else text
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as exc:
        raise ValueError(f"it is no usable URL ({exc}); {_ACCEPTED}") from exc
    if parts.scheme == "file" or not parts.netloc or re.match(r"[A-Za-z]:[\\/]", text):
        raise ValueError(
            "it is no URL, and the API wants a URL: put a picture on this machine on a web server "
            f"first; {_ACCEPTED}"
        )
    if parts.scheme not in {"http", "https"} or not re.fullmatch(_HOST, host or ""):
        raise ValueError(f"it is no usable URL; {_ACCEPTED}")
    user, at, place = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, user + at + place.lower(), parts.path, parts.query, ""))
