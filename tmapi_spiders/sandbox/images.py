"""Reads image URLs: the image's name, and whether a search can use it.

The name (`stem`) is the file name without its extension. It decides everything else about the
image: its look, its faults, its world. A converted image keeps the name of the original.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection

ALIBABA_HOSTS: Final = (
    "alicdn.com",
    "1688.com",
    "taobao.com",
    "tmall.com",
    "alibaba.com",
    "aliimg.com",
)
"""Images on these and their subdomains need no conversion (the API as observed)."""

FOREIGN: Final = "foreign"
ALIBABA: Final = "alibaba"

SEARCH_PATH: Final = "/search/"
PICTURE_PATH: Final = "/img/"

_EXTENSION: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_CONVERTED: Final = re.compile(r"^\d{13}_")


@attrs.frozen
class SandboxImage:
    """An image as a search sees it."""

    stem: str
    """The file name without extension, and without the digits a conversion put before it."""
    is_searchable: bool
    """If not, a search finds nothing by it, or refuses it."""
    is_converted: bool
    """Whether it is a path as a conversion returns it."""
    host: str = ""
    """FOREIGN or ALIBABA (the sandbox's pictures included); "" for a path, even with a host."""

    def says(self, word: str) -> bool:
        """Return whether the name has this word, not next to letters.

        >>> image = read_image("/search/a/ragged2-gecko.jpg", ())
        >>> image.says("ragged"), image.says("echo")
        (True, False)
        """
        return word_in(word, self.stem) is not None


def word_in(word: str, stem: str, suffix: str = "") -> re.Match[str] | None:
    """Find a word, followed by a suffix given as a regular expression, in a name.

    >>> word_in("gap", "1-gap-p3", r"-p(\\d+)").group(1)
    '3'
    >>> word_in("gap", "agape") is None
    True
    """
    return re.search(f"(?<![a-z]){word}{suffix}(?![a-z])", stem, re.IGNORECASE)


def stem_of(path: str) -> str:
    """Return the name of an image, in characters that a converted path can contain.

    >>> stem_of("/search/imgextra/1692942898123_red%20mug.jpg")
    'red-20mug'
    >>> stem_of("/img/612345678901.svg"), stem_of("/slow-0.5"), stem_of("/")
    ('612345678901', 'slow-0.5', '')
    """
    name = quote(path.rsplit("/", 1)[-1], safe="%")
    name = re.sub(r"[^A-Za-z0-9._-]", "-", _EXTENSION.sub("", name))
    return _CONVERTED.sub("", name)


def read_image(img_url: str, own_hosts: Collection[str]) -> SandboxImage:
    """Read the parameter `img_url`.

    `own_hosts` are the "host:port" under which the sandbox is reached; its pictures count as those
    on alicdn.com.

    >>> read_image("https://cbu01.alicdn.com/a/mug.jpg", ())
    SandboxImage(stem='mug', is_searchable=True, is_converted=False, host='alibaba')
    >>> read_image("https://example.com/mug.jpg", ()).host
    'foreign'
    >>> read_image("https://example.com/search/mug.jpg", ()).is_searchable
    False
    >>> read_image("https://cbu01.alicdn.com/search/imgextra/1_mug.jpg", ()).is_searchable
    False
    """
    if img_url.startswith(SEARCH_PATH):
        return SandboxImage(
            stem_of(img_url.partition("?")[0]), is_searchable=True, is_converted=True
        )
    try:
        parts = urlsplit(img_url)
        host = parts.hostname or ""
    except ValueError:
        return SandboxImage("", is_searchable=False, is_converted=False, host=FOREIGN)
    if parts.path.startswith(SEARCH_PATH):
        # With a host before a converted path there is no refusal, but no items (observed).
        return SandboxImage(stem_of(parts.path), is_searchable=False, is_converted=False)
    on_alibaba = any(host == known or host.endswith(f".{known}") for known in ALIBABA_HOSTS)
    is_own = parts.netloc in own_hosts and parts.path.startswith(PICTURE_PATH)
    is_known = parts.scheme in {"http", "https", ""} and (on_alibaba or is_own)
    return SandboxImage(
        stem_of(parts.path),
        is_searchable=is_known,
        is_converted=False,
        host=ALIBABA if is_known else FOREIGN,
    )
