"""Seeds: the images that are searched for, as the user lists them."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Seeds", "StreamedSeeds"]

_SHOWN_PROBLEMS = 20
_NO_IMAGE = "it holds no image. Accepted: one image a line, # for comments."
_REMEDY = "Accepted: a text file with one image a line, or images separated by commas."
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_BETWEEN_IMAGES = re.compile(r",(?=\s*(?:https?:|//|/))")


class Seeds:
    """The distinct seeds of one job, in the user's order; can be gone through again and again.

    They are held as one block of text, not as objects: 100,000 seeds of 80 characters take 8 MB.
    """

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        """Read and check *lines*: pairs of (where it stands, text).

        :raises UsageProblems: with all that is wrong, or where there is no seed at all
        """
        known: set[bytes] = set()
        block = bytearray()
        self._count = 0
        self.duplicates = 0
        self.unconverted = 0
        """How many are on no host of Alibaba's, so that the search may not be able to read them."""
        self.convertible = 0
        """How many could be converted."""
        for seed in _checked(lines):
            digest = bytes.fromhex(seed.seed_id)
            if digest in known:
                self.duplicates += 1
                continue
            known.add(digest)
            block += seed.text.encode() + b"\n"
            self._count += 1
            self.unconverted += seed.needs_conversion
            self.convertible += seed.can_be_converted
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
        for seed in _checked(_lines_of(given)):
            self._count += 1
            self.unconverted += seed.needs_conversion
            self.convertible += seed.can_be_converted
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


def _checked(lines: Iterable[tuple[str, str]]) -> Iterator[Seed]:
    """Yield the seeds of *lines*: pairs of (where it stands, text).

    :raises UsageProblems: after the last one, with all that is wrong
    """
    problems: list[str] = []
    wrong = 0
    for where, text in lines:
        try:
            yield Seed.parse(text)
        except ValueError as exc:
            wrong += 1
            if wrong <= _SHOWN_PROBLEMS:
                problems.append(f"{where}: {text[:200]!r}: {exc}.")
    if wrong > _SHOWN_PROBLEMS:
        problems.append(f"seeds: {wrong - _SHOWN_PROBLEMS} more lines like these.")
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
