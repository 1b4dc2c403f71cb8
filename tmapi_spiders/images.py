"""Images: what a job knows of each seed's image, and when it is converted.

The search reads images on Alibaba's hosts. Any other is converted first, once for all queries of
its seed. First pages without items are believed as soon as any query of the image has items by the
same path. If none has, once all have had their first page, the image is converted (again), and
those pages are asked for again, before they are believed. What becomes of a query hangs on what
the API answers to the image's queries, not on which answer comes first.
(Source: observed behaviour of the API, the last row of its table.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tmapi_spiders.archive import Archive
    from tmapi_spiders.queries import Queries
    from tmapi_spiders.seed import Seed

__all__ = ["MOST_CONVERSIONS", "Decision", "Image", "Images"]

#: Of one image in one job.
MOST_CONVERSIONS = 2


@attrs.frozen
class Decision:
    """What a first page that came, or never will, has decided."""

    believed: list[str] = attrs.field(factory=list)
    """Queries whose empty first page means that nothing was found."""
    convert: bool = False
    """Whether the image is to be converted (again); the queries in doubt now wait for that."""
    doubted: int = 0
    """How many queries were in doubt then."""


@attrs.define
class Image:
    """What is known of one seed's image: a state machine that tells queries apart by a key.

    A **generation** is a path to it: as the seed has it, then after each conversion.

    >>> image = Image(True, expected=2, paths=["/a.jpg", "/b.jpg"], with_items={0, 1},
    ...               settled={"q1"}, waiting=["q2"], kept=True, failure=(422, "no"))
    >>> Image.from_json(image.to_json()) == image
    True
    """

    may_convert: bool
    expected: int
    """Different searches whose first page is asked for in this generation."""
    paths: list[str | None]
    """What is sent to the search, by generation; None: nothing is sent before a conversion."""
    with_items: set[int] = attrs.field(factory=set)
    """Generations that have shown items to any query."""
    settled: set[str] = attrs.field(factory=set)
    """Searches whose first page of this generation has come, or never will."""
    doubtful: list[str] = attrs.field(factory=list)
    """Queries whose first page has no items, while those of others are still to come."""
    waiting: list[str] = attrs.field(factory=list)
    """Queries that wait for the conversion that was asked for; the first one pays for it."""
    doubted: bool = False
    """Whether this generation is there since the one before was doubted."""
    kept: bool = False
    """Whether this generation's conversion was paid for by another job, so that it may be stale."""
    failure: tuple[int | None, str] | None = None
    """Code and message of the conversion that failed."""

    @classmethod
    def first(
        cls, seed: Seed, convert: str, queries_each: int, with_items: Iterable[int] = ()
    ) -> Self:
        """Return what is known of a seed's image before anything is asked.

        :param convert: the argument: auto, always or never
        :param queries_each: how many queries an image has
        :param with_items: generations that have shown items in earlier runs
        """
        may_convert = convert != "never" and seed.can_be_converted
        converts_first = may_convert and (seed.needs_conversion or convert == "always")
        path = None if converts_first else seed.img_url
        return cls(may_convert, queries_each, [path], set(with_items))

    @property
    def generation(self) -> int:
        """The present generation: how many conversions there were."""
        return len(self.paths) - 1

    @property
    def converts_first(self) -> bool:
        """Whether nothing can be sent to the search before a conversion."""
        return self.paths[-1] is None

    @property
    def is_decided(self) -> bool:
        """Whether it can be said what first pages without items mean."""
        return self.generation in self.with_items or len(self.settled) >= self.expected

    @property
    def is_done(self) -> bool:
        """Whether no first page is to come any more, so that it can be forgotten."""
        if self.failure is not None:
            return True
        return len(self.settled) >= self.expected and not self.waiting and not self.doubtful

    @property
    def believes(self) -> bool:
        """Whether first pages without items mean that nothing was found."""
        if not self.may_convert or self.generation in self.with_items:
            return True
        is_last = self.generation >= MOST_CONVERSIONS or (self.doubted and not self.kept)
        return self.is_decided and is_last

    def settle(
        self,
        key: str,
        *,
        items: bool | None,
        generation: int | None = None,
        search: str | None = None,
    ) -> Decision:
        """Note that a query's first page has come, or never will, and decide what is in doubt.

        :param items: whether there are elements on it; None if it will never come
        :param generation: by which it was asked for; None for the present one
        :param search: what it asks, where others may ask the same; None: nobody else does
        """
        self.settled.add(search or key)
        if items:
            self.with_items.add(self.generation if generation is None else generation)
        elif items is not None:
            self.doubtful.append(key)
        if not self.doubtful:
            return Decision()
        if self.believes:
            believed, self.doubtful = self.doubtful, []
            return Decision(believed)
        if not self.is_decided:
            return Decision()
        self.waiting, self.doubtful = self.doubtful, []
        self.doubted = True
        self.expected = len(self.waiting)
        self.settled.clear()
        return Decision(convert=True, doubted=len(self.waiting))

    def wait(self, key: str) -> bool:
        """Have a query wait for a conversion; return whether that is to be asked for, as it is the
        first to wait.
        """
        self.waiting.append(key)
        return len(self.waiting) == 1

    def convert(self, path: str, *, kept: bool) -> list[str]:
        """Begin a new generation; return the queries that waited for it.

        :param path: what the conversion gave
        :param kept: whether another job has paid for the conversion
        """
        self.paths.append(path)
        self.kept = kept
        return self.release()

    def fail(self, code: int | None, message: str) -> list[str]:
        """Note as :attr:`failure` that a conversion failed; return the queries that waited for it.

        Those that come later fail by it, too.
        """
        self.failure = code, f"the image could not be converted: {message}"
        return self.release()

    def release(self) -> list[str]:
        """Let nobody wait any more; return those who did."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def to_json(self) -> dict[str, Any]:
        """Return all of it in what JSON knows; the same for the same image."""
        return attrs.asdict(
            self,
            value_serializer=lambda _, __, value: (
                sorted(value) if isinstance(value, set) else value
            ),
        )

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the image that :meth:`to_json` has told of; what else is in there is left out."""
        known = {field.name: content[field.name] for field in attrs.fields(cls)}
        for name in ("paths", "doubtful", "waiting"):
            known[name] = list(known[name])
        for name in ("with_items", "settled"):
            known[name] = set(known[name])
        if known["failure"] is not None:
            known["failure"] = tuple(known["failure"])
        return cls(**known)


class Images:
    """The images of a run's open queries; their keys are the queries' ids.

    Seeds with the same image share what is known of it, and its conversions.

    :param convert: the argument: auto, always or never
    :param archive: what earlier runs of the job have learnt
    """

    def __init__(self, convert: str, queries: Queries, archive: Archive) -> None:
        self._convert = convert
        self._queries = queries
        self._archive = archive
        self._images: dict[str, Image] = {}
        self._owed: dict[str, int] = {}
        """Queries whose outcome is not written yet, by image."""
        self._seeds: dict[str, tuple[str, int]] = {}
        """Of each seed: its image, and its queries whose outcome is not written yet."""

    def of(self, seed: Seed) -> Image:
        """Return what is known of a seed's image."""
        image = self._images.get(seed.image_id)
        if image is None:
            known = self._archive.repeats_with_items(seed.image_id)
            searches, self._owed[seed.image_id] = self._queries.of_image(seed)
            image = Image.first(seed, self._convert, searches, known)
            self._images[seed.image_id] = image
        if seed.seed_id not in self._seeds:
            self._seeds[seed.seed_id] = seed.image_id, self._queries.of_seed(seed)
        return image

    def ended(self, seed_id: str) -> None:
        """Note that the outcome of a seed's query was written; forget the image after the last."""
        if seed_id not in self._seeds:
            return
        image_id, owed = self._seeds.pop(seed_id)
        if owed > 1:
            self._seeds[seed_id] = image_id, owed - 1
        self._owed[image_id] -= 1
        if not self._owed[image_id]:
            del self._images[image_id], self._owed[image_id]
