"""Seeds: the images to search for, in the user's order."""

from __future__ import annotations

import re
from hashlib import blake2b
from io import BytesIO
from typing import TYPE_CHECKING

from tmapi_spiders.errors import UsageProblems, shortened
from tmapi_spiders.formats import to_json
from tmapi_spiders.inputs.seed import Seed, looks_like_image
from tmapi_spiders.inputs.seed_files.seed_columns import Layout
from tmapi_spiders.inputs.seed_files.seed_file import Origin, SeedFile, is_file
from tmapi_spiders.inputs.seed_files.seed_row import SeedRow
from tmapi_spiders.inputs.seed_tally import Tally
from tmapi_spiders.wording import ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


__all__ = ["Seeds", "StreamedSeeds", "joined"]

_SHOWN_PROBLEMS = 20

#: Wrong rows after which reading stops: the file is not a seeds file.
_MOST_PROBLEMS = 100_000
_NO_IMAGE = "it holds no image. Accepted: one image per line, # for comments; or a table."
_HASH = re.compile(r"[0-9a-f]{20}")
_PLAIN = Layout()
_BETWEEN_IMAGES = re.compile(r",(?=\s*(?:https?:|//|/))")

#: Characters of a script's list, which job.json holds; its size is limited.
_LONGEST_LIST = 4_000_000


class Seeds:
    """The distinct seeds of one job, in the user's order; can be iterated repeatedly.

    They are kept as one block of text, not as objects: 100,000 seeds of 80 characters take 8 MB.
    """

    def __init__(self, rows: Iterable[SeedRow], origin: Callable[[], Origin | None]) -> None:
        """Read and check *rows*.

        :param origin: returns where they come from, once they are read
        :raises UsageProblems: with all that is wrong
        """
        block = bytearray()
        self.tally = Tally()
        for seed in _checked(rows, self.tally, _Known(plain_too=True)):
            block += seed.record().encode() + b"\n"
        self._block = bytes(block)
        self.origin = origin()

    @classmethod
    def from_argument(cls, given: str, layout: Layout = _PLAIN) -> Seeds:
        """Read the argument ``seeds``: a file, or images separated by commas.

        A comma separates images only before ``http``, ``//`` or ``/``, since URLs may hold commas.

        >>> [seed.text for seed in Seeds.from_argument("//a.alicdn.com/1,2.jpg,/search/3.jpg")]
        ['//a.alicdn.com/1,2.jpg', '/search/3.jpg']

        :param layout: how the user describes a table
        :raises UsageProblems: with all that is wrong
        """
        given = given.strip()
        if looks_like_image(given) and not is_file(given):
            if layout.columns or layout.sheet:
                name = "columns" if layout.columns else "sheet"
                raise UsageProblems(
                    f"{name}: it is for tables, and seeds={shortened(given)} are images; leave it "
                    "out."
                )
            images = [image.strip() for image in _BETWEEN_IMAGES.split(given)]
            rows = (
                SeedRow(number, f"seeds, image {number}", image, is_plain=True)
                for number, image in enumerate(images, 1)
            )
            return cls(rows, lambda: None)
        file = SeedFile(given, layout)
        seeds = cls(file, lambda: file.origin)
        if not len(seeds):
            raise UsageProblems(f"seeds={given}: {_NO_IMAGE}")
        return seeds

    def __len__(self) -> int:
        return self.tally.seeds

    def __iter__(self) -> Iterator[Seed]:
        return (Seed.from_record(line.decode().rstrip("\n")) for line in BytesIO(self._block))


def joined(images: Sequence[object]) -> str:
    """Join a script's list of images to the text that :meth:`Seeds.from_argument` reads.

    >>> joined(["//a.alicdn.com/1,2.jpg", "/search/3.jpg "])
    '//a.alicdn.com/1,2.jpg,/search/3.jpg'

    :raises ValueError: if the text would not stand for these images
    """
    texts = []
    for number, image in enumerate(images, 1):
        text = image.strip() if isinstance(image, str) else ""
        if not looks_like_image(text):
            raise ValueError(
                f"image {number} is {shortened(repr(image))}; accepted in a list: images, each a "
                "URL, //host/path, or /search/…, as text. Give a file by itself: seeds='seeds.txt'."
            )
        if _BETWEEN_IMAGES.search(text):
            raise ValueError(
                f"image {number} is {shortened(repr(image))}, which looks like two images; list "
                "them separately, or write its comma as %2C."
            )
        texts.append(text)
    if not texts:
        raise ValueError("it is an empty list; accepted: images, or a file's name.")
    if sum(map(len, texts)) > _LONGEST_LIST:
        raise ValueError(
            f"a list may have {_LONGEST_LIST:,} characters in all; write the images to a file, one "
            "per line, and give its name."
        )
    return ",".join(texts)


class StreamedSeeds:
    """The seeds of a file, read anew for each iteration, duplicates included.

    A plain list of any length takes no memory, a table a hash or two per row. For callers that
    drop duplicates themselves.
    """

    def __init__(self, given: str, layout: Layout = _PLAIN) -> None:
        """Read and check the file.

        :param layout: how the user describes a table
        :raises UsageProblems: with all that is wrong, or if there is no seed
        """
        self._file = SeedFile(given, layout)
        self.tally = Tally()
        for _ in _checked(self._file, self.tally, _Known(plain_too=False)):
            pass
        self.origin: Origin | None = self._file.origin
        if not self.tally.seeds:
            raise UsageProblems(f"seeds={given}: {_NO_IMAGE}")

    @classmethod
    def from_argument(cls, given: str, layout: Layout = _PLAIN) -> StreamedSeeds | Seeds:
        """Read the argument ``seeds``; images, and input that can be read once, stay in memory.

        :param layout: how the user describes a table
        :raises UsageProblems: with all that is wrong
        """
        if is_file(given.strip()):
            return cls(given.strip(), layout)
        return Seeds.from_argument(given, layout)

    def __len__(self) -> int:
        return self.tally.seeds

    def __iter__(self) -> Iterator[Seed]:
        for row in self._file:
            try:
                yield row.seed()
            except ValueError as exc:
                raise UsageProblems(f"{row.where}: {exc}. The file has changed meanwhile.") from exc


class _Known:
    """The seeds that came before, as hashes.

    :param plain_too: whether to look for duplicates in plain lists too
    """

    def __init__(self, *, plain_too: bool) -> None:
        self._plain_too = plain_too
        self._plain: set[bytes] = set()
        self._rows: dict[bytes, tuple[bytes, int]] = {}
        """For each seed of a table, its row's content and number."""
        self._images: set[bytes] = set()
        """The images of seeds with an id from the user."""
        self._like_hashes: set[bytes] = set()
        """Ids from the user that look like the hash of an image."""

    def knows(self, row: SeedRow, seed: Seed) -> bool:
        """Return whether a row repeats an earlier one; a line of a plain list is also remembered.

        :raises ValueError: if it contradicts an earlier row of the same seed
        """
        key = bytes.fromhex(seed.key)
        if row.is_plain:  # and so is the whole file
            if not self._plain_too:
                return False
            is_known = key in self._plain
            self._plain.add(key)
            return is_known
        if (before := self._rows.get(key)) is None:
            return False
        if before[0] != _content(seed):
            place = row.where.rpartition(", ")[2].partition(" ")[0]
            what = f"its id {row.own_id!r}" if row.own_id else "its image"
            remedy = "give it another id" if row.own_id else "give each an id (column id)"
            raise ValueError(
                f"{what} is that of {place} {before[1]}, which says something else; {remedy}, or "
                "leave one of them out"
            )
        return True

    def note(self, row: SeedRow, seed: Seed) -> bool:
        """Add a row that is not known; return whether another seed has its image.

        :raises ValueError: if its id equals the hash that is another seed's id
        """
        if row.is_plain:
            return False
        key, image = bytes.fromhex(seed.key), bytes.fromhex(seed.image_id)
        looks_like = bytes.fromhex(seed.seed_id) if _HASH.fullmatch(seed.seed_id) else b""
        if (key == image and image in self._like_hashes) or (
            key != image and looks_like in self._rows
        ):
            raise ValueError(
                f"its id {seed.seed_id!r} is what another image has without one; give it another"
            )
        repeats = image in self._images or (image != key and image in self._rows)
        if key != image:
            self._images.add(image)
            if looks_like:
                self._like_hashes.add(looks_like)
        self._rows[key] = (_content(seed), row.number)
        return repeats


def _content(seed: Seed) -> bytes:
    """Return a hash of a row's content, whatever the order of its columns."""
    said = [seed.img_url, sorted(seed.overrides.given), seed.data]
    return blake2b(to_json(said, sort_keys=True).encode(), digest_size=10).digest()


def _checked(rows: Iterable[SeedRow], tally: Tally, known: _Known) -> Iterator[Seed]:
    """Yield the seeds of *rows* except duplicates, and count them.

    :raises UsageProblems: after the last one, with all that is wrong
    """
    problems: list[str] = []
    others: list[int] = []
    others_left = ""
    for row in rows:
        try:
            seed = row.seed()
            if known.knows(row, seed):
                tally.duplicates += 1
                continue
            repeats = known.note(row, seed)
        except ValueError as exc:
            if len(problems) < _SHOWN_PROBLEMS:
                problems.append(f"{row.where}: {str(exc).rstrip('.')}.")
            elif len(others) < _MOST_PROBLEMS:
                others.append(row.number)
            else:
                others_left = " and after"
                break
            continue
        tally.add(seed, row.number, repeats=repeats)
        yield seed
    if others:
        problems.append(
            f"seeds: {len(others):,} more like these, in lines {shortened(ranges(others))}"
            f"{others_left}."
        )
    if problems:
        raise UsageProblems(*problems)
