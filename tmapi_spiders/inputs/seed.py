"""A seed: one image to search for."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import attrs

from tmapi_spiders.api.endpoint import ALIBABA_HOSTS, ALIBABA_PATH
from tmapi_spiders.formats import to_json
from tmapi_spiders.inputs.overrides import NO_OVERRIDES, Overrides

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Seed", "looks_like_image", "stable_hash"]

_BEGINNING = re.compile(rf"https?:|//|{ALIBABA_PATH}", re.IGNORECASE)

_SEARCHABLE = re.compile(
    rf"{ALIBABA_PATH}|https?://(?:[^/?#@:]+\.)?(?:{'|'.join(map(re.escape, ALIBABA_HOSTS))})"
    r"(?::\d+)?(?:[/?]|$)"
)

#: URLs that are normal already: nearly all seeds are, and parsing URLs is slow.
_NORMAL = re.compile(r"https?://[a-z0-9.-]+/[!-\"$-~]*")

_TWO_IMAGES = re.compile(r"[,;|]https?://")

#: Letters of any script, since "bücher.example" is a host too.
_HOST = r"\w[\w.-]*|[0-9a-f:.]*:[0-9a-f:.]*"

_ACCEPTED = "accepted: an http(s) URL, //host/path, or an Alibaba path beginning with /search/"


def looks_like_image(text: str) -> bool:
    """Return whether a text begins like an image's address and not like a file; it may be invalid.

    >>> looks_like_image(" //a.alicdn.com/1.jpg"), looks_like_image("seeds.txt")
    (True, False)
    """
    return _BEGINNING.match(text.lstrip()) is not None


def stable_hash(*parts: str) -> str:
    """Return a short hash of *parts* that is the same in every process, version and job.

    It has 80 bits: a collision among a million queries has a chance below one in a billion.

    >>> stable_hash("a", "b") == stable_hash("ab")
    False
    """
    return blake2b("\0".join(parts).encode(), digest_size=10).hexdigest()


@attrs.frozen(slots=True)
class Seed:
    """One image to search for, with the data of its row."""

    text: str
    """As the user wrote it."""
    seed_id: str
    """Hash of the normalised image, the same in every job; or an id from the user."""
    img_url: str
    """What is sent to the API."""
    image_id: str
    """Hash of the normalised image."""
    data: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    """The other columns of its row, unchanged; {} for a plain list."""
    overrides: Overrides = NO_OVERRIDES

    @classmethod
    def parse(
        cls,
        text: str,
        own_id: str = "",
        data: Mapping[str, Any] | None = None,
        overrides: Overrides = NO_OVERRIDES,
    ) -> Seed:
        """Make a seed of one image reference.

        >>> Seed.parse("//CBU01.alicdn.com/a.jpg").img_url
        'https://cbu01.alicdn.com/a.jpg'
        >>> Seed.parse("/search/imgextra5/1.jpg").img_url
        '/search/imgextra5/1.jpg'
        >>> Seed.parse("lamp.jpg")
        Traceback (most recent call last):
        ...
        ValueError: it is not a URL, and the API wants a URL: upload a local picture to a web ...

        :param own_id: an id from the user, if any
        :param data: the other columns of its row
        :raises ValueError: saying what is wrong with it and what is accepted
        """
        img_url = _normalise(text)
        image_id = stable_hash(img_url)
        return cls(text, own_id or image_id, img_url, image_id, data or {}, overrides)

    @property
    def key(self) -> str:
        """A hash that tells seeds apart, whatever characters a user's id has.

        >>> lamp = Seed.parse("//a.alicdn.com/1.jpg")
        >>> lamp.key == lamp.seed_id, lamp.key == Seed.parse(lamp.text, "A 1").key
        (True, False)
        """
        return self.image_id if self.seed_id == self.image_id else stable_hash("id", self.seed_id)

    def record(self) -> str:
        """Return the seed as one line of text, which :meth:`from_record` reads.

        >>> Seed.parse("//a.alicdn.com/1.jpg").record()
        '//a.alicdn.com/1.jpg'
        >>> Seed.parse("//a.alicdn.com/1.jpg", data={"sku": "7"}).record()
        '{"image":"//a.alicdn.com/1.jpg","data":{"sku":"7"}}'
        """
        row: dict[str, Any] = {"image": self.text}
        if self.seed_id != self.image_id:  # scripts on Redis expect the hash first
            row = {"image_id": self.image_id, **row, "id": self.seed_id}
        if self.overrides.given:
            row["search"] = dict(self.overrides.given)
        if self.data:
            row["data"] = self.data
        return to_json(row, separators=(",", ":")) if len(row) > 1 else self.text

    @classmethod
    def from_record(cls, record: str) -> Seed:
        """Make a seed of its :meth:`record`.

        >>> seed = Seed.parse("//a.alicdn.com/1.jpg", "A 1", {"sku": "7"})
        >>> Seed.from_record(seed.record()) == seed
        True

        :raises ValueError: if it is not a seed
        """
        if not record.startswith("{"):
            return cls.parse(record)
        row = json.loads(record)
        try:
            given = Overrides.read(row.get("search", {}))
            return cls.parse(row["image"], row.get("id", ""), row.get("data", {}), given)
        except (KeyError, TypeError, AttributeError) as exc:
            raise ValueError(f"it is not a seed's row ({type(exc).__name__}: {exc})") from exc

    @property
    def needs_conversion(self) -> bool:
        """Whether the search is unlikely to read this image without a conversion.

        >>> Seed.parse("https://cbu01.alicdn.com/a.jpg").needs_conversion
        False
        >>> Seed.parse("https://alicdn.com@shop.example/a.jpg").needs_conversion
        True
        """
        return not _SEARCHABLE.match(self.img_url)

    @property
    def can_be_converted(self) -> bool:
        """Whether there is an address to convert; an Alibaba path is a conversion's result.

        >>> Seed.parse("/search/imgextra5/1.jpg").can_be_converted
        False
        """
        return not self.img_url.startswith(ALIBABA_PATH)


def _normalise(text: str) -> str:
    if _TWO_IMAGES.search(text):
        raise ValueError("it looks like two images; put each on a line, or write its comma as %2C")
    if _NORMAL.fullmatch(text):
        return text
    if re.search(r"[\s\x00-\x1f\x7f]", text):
        raise ValueError("it contains white space or a control character; write a space as %20")
    if text.startswith(ALIBABA_PATH) and text != ALIBABA_PATH:
        return text
    url = "https:" + text if text.startswith("//") else text
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as exc:
        raise ValueError(f"it is not a usable URL ({exc}); {_ACCEPTED}") from exc
    if parts.scheme == "file" or not parts.netloc or re.match(r"[A-Za-z]:[\\/]", text):
        raise ValueError(
            "it is not a URL, and the API wants a URL: upload a local picture to a web server "
            f"first; {_ACCEPTED}"
        )
    if parts.scheme not in {"http", "https"} or not re.fullmatch(_HOST, host or ""):
        raise ValueError(f"it is not a usable URL; {_ACCEPTED}")
    user, at, place = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, user + at + place.lower(), parts.path, parts.query, ""))
