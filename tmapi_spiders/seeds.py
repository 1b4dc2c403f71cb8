"""Seeds: the images that are searched for, as the user lists them."""

from __future__ import annotations

import re
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import attrs

from tmapi_spiders.errors import UsageProblems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["ALIBABA_HOSTS", "Seed", "Seeds", "StreamedSeeds", "stable_hash"]

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

_SHOWN_PROBLEMS = 20
_NO_IMAGE = "it holds no image. Accepted: one image a line, # for comments."
_REMEDY = "Accepted: a text file with one image a line, or images separated by commas."
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_BETWEEN_IMAGES = re.compile(r",(?=\s*(?:https?:|//|/))")
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


class Seeds:
    """The distinct seeds of one job, in the user's order; can be gone through again and again.

    They are held as one block of text, not as objects: 100,000 seeds of 80 characters take 8 MB.
    """

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        """Read and check *lines*: pairs of (where it stands, text).

        :raises UsageProblems: with all that is wrong, or where there is no seed at all
        """
        problems: list[str] = []
        known: set[bytes] = set()
        block = bytearray()
        self._count = 0
        self.duplicates = 0
        self.unconverted = 0
        """How many are on no host of Alibaba's, so that the search may not be able to read them."""
        self.convertible = 0
        """How many could be converted."""
        for where, text in lines:
            try:
                seed = Seed.parse(text)
            except ValueError as exc:
                problems.append(_problem(where, text, exc))
                continue
            digest = bytes.fromhex(seed.seed_id)
            if digest in known:
                self.duplicates += 1
                continue
            known.add(digest)
            block += text.encode() + b"\n"
            self._count += 1
            self.unconverted += seed.needs_conversion
            self.convertible += seed.can_be_converted
        _refuse(problems)
        self._block = bytes(block)

    @classmethod
    def from_argument(cls, given: str) -> Seeds:
        """Read the argument ``seeds``: a file, or images separated by commas.

        A comma splits only before ``http``, ``//`` or ``/``, since URLs may hold commas.

        >>> [seed.text for seed in Seeds.from_argument("//a.alicdn.com/1,2.jpg,/search/3.jpg")]
        ['//a.alicdn.com/1,2.jpg', '/search/3.jpg']

        :raises UsageProblems: with all that is wrong
        """
        given = given.strip()
        if re.match(r"https?:|//|/search/", given) and not _is_file(given):
            images = [image.strip() for image in _BETWEEN_IMAGES.split(given)]
            return cls((f"seeds, image {n}", image) for n, image in enumerate(images, 1))
        seeds = cls(_lines_of(given))
        if not len(seeds):
            raise UsageProblems(f"seeds={given}: {_NO_IMAGE}")
        return seeds

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Seed]:
        return (Seed.parse(line.decode().rstrip("\n")) for line in BytesIO(self._block))


class StreamedSeeds:
    """The seeds of a file, read anew each time they are gone through, repeated ones included.

    However many there are, they take no memory. For those who leave out repeated ones themselves.
    """

    duplicates = 0
    """Not known."""

    def __init__(self, given: str) -> None:
        """Read and check the file.

        :raises UsageProblems: with all that is wrong, or where there is no seed at all
        """
        self._given = given
        self._count = 0
        self.unconverted = 0
        """How many are on no host of Alibaba's."""
        self.convertible = 0
        """How many could be converted."""
        problems: list[str] = []
        for where, text in _lines_of(given):
            try:
                seed = Seed.parse(text)
            except ValueError as exc:
                problems.append(_problem(where, text, exc))
                continue
            self._count += 1
            self.unconverted += seed.needs_conversion
            self.convertible += seed.can_be_converted
        _refuse(problems)
        if not self._count:
            raise UsageProblems(f"seeds={given}: {_NO_IMAGE}")

    @classmethod
    def from_argument(cls, given: str) -> StreamedSeeds | Seeds:
        """Read the argument ``seeds``; what can be read once only, and images, are held in memory.

        :raises UsageProblems: with all that is wrong
        """
        return cls(given.strip()) if _is_file(given.strip()) else Seeds.from_argument(given)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Seed]:
        return (Seed.parse(text) for _, text in _lines_of(self._given))


def _problem(where: str, text: str, exc: ValueError) -> str:
    return f"{where}: {text[:200]!r}: {exc}."


def _refuse(problems: list[str]) -> None:
    """Raise what is wrong, if anything is."""
    if len(problems) > _SHOWN_PROBLEMS:
        more = len(problems) - _SHOWN_PROBLEMS
        problems = [*problems[:_SHOWN_PROBLEMS], f"seeds: {more} more lines like these."]
    if problems:
        raise UsageProblems(*problems)


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except (OSError, ValueError):
        return False


def _lines_of(given: str) -> Iterator[tuple[str, str]]:
    """Yield (where, image) of each line of a seeds file that is no comment."""
    path = Path(given)
    try:
        path = path.expanduser()
        if path.is_dir():
            raise UsageProblems(f"seeds={given}: it is a folder. {_REMEDY}")
        with path.open("rb") as file:
            if is_picture(file.peek(16)):
                raise UsageProblems(
                    f"seeds={given}: it is a picture, and the API wants a URL: put the picture on "
                    f"a web server, and give its address. {_REMEDY}"
                )
            number = 0
            for raw in file:
                for text in _decode(raw, given, number + 1).split("\r"):
                    number += 1
                    image = _COMMENT.sub("", text).strip()
                    if image:
                        yield f"{path}, line {number}", image
    except FileNotFoundError:
        raise UsageProblems(
            f"seeds={given}: no such file (looked for {path.absolute()}). {_REMEDY}"
        ) from None
    except (OSError, ValueError, RuntimeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise UsageProblems(f"seeds={given}: it can't be read ({reason}). {_REMEDY}") from exc


def _decode(raw: bytes, given: str, number: int) -> str:
    """Return a line of a seeds file without its end."""
    if b"\0" in raw:
        raise UsageProblems(
            f"seeds={given}: it is no text file, or one in UTF-16; save it as UTF-8. {_REMEDY}"
        )
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as exc:
        raise UsageProblems(
            f"seeds={given}, line {number}: it is not UTF-8; save the file as UTF-8. {_REMEDY}"
        ) from exc


def is_picture(content: bytes) -> bool:
    """Say whether *content* begins like a JPEG, PNG, GIF, BMP, TIFF or WebP.

    >>> is_picture(b"\\xff\\xd8\\xff\\xe0"), is_picture(b"https://a.alicdn.com/x.jpg")
    (True, False)
    """
    return content.startswith(
        (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
    ) or (content[:4] == b"RIFF" and content[8:12] == b"WEBP")
