"""Images: what a run knows of each seed's image, and when it is converted.

The search reads images on Alibaba's hosts. Any other is converted first, once for all queries of
its seed. First pages without items are believed as soon as any query of the image has items by the
same path. If none has, once all have had their first page, the image is converted (again), and
those pages are asked for again, before they are believed. What becomes of a query hangs on what
the API answers to the image's queries, not on which answer comes first.
(Source: observed behaviour of the API, the last row of its table.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from tmapi_spiders.archive import Archive
    from tmapi_spiders.queries import Query
    from tmapi_spiders.seeds import Seed

__all__ = ["MOST_CONVERSIONS", "Image", "Images"]

#: Of one image in one job.
MOST_CONVERSIONS = 2


@attrs.define
class Image:
    """What is known of one seed's image.

    A **generation** is a path to it: as the seed has it, then after each conversion.
    """

    seed: Seed
    may_convert: bool
    owed: int
    """Queries whose outcome is not written yet."""
    expected: int
    """Queries whose first page is asked for in this generation."""
    paths: list[str | None]
    """What is sent to the search, by generation; None: nothing is sent before a conversion."""
    with_items: set[int]
    """Generations that have shown items to any query."""
    settled: set[str] = attrs.field(factory=set)
    """Ids of queries whose first page of this generation has come, or never will."""
    doubtful: list[Query] = attrs.field(factory=list)
    """Queries whose first page has no items, while those of others are still to come."""
    waiting: list[Query] = attrs.field(factory=list)
    """Queries that wait for the conversion that was asked for."""
    doubted: bool = False
    """Whether this generation is there since the one before was doubted."""
    kept: bool = False
    """Whether this generation's conversion was paid for by another job, so that it may be stale."""
    failure: tuple[int | None, str] | None = None
    """Code and message of the conversion that failed."""

    @property
    def generation(self) -> int:
        """The present generation: how many conversions there were."""
        return len(self.paths) - 1

    @property
    def is_decided(self) -> bool:
        """Whether it can be said what first pages without items mean."""
        return self.generation in self.with_items or len(self.settled) >= self.expected

    @property
    def believes(self) -> bool:
        """Whether first pages without items mean that nothing was found."""
        if not self.may_convert or self.generation in self.with_items:
            return True
        is_last = self.generation >= MOST_CONVERSIONS or (self.doubted and not self.kept)
        return self.is_decided and is_last

    def doubt(self) -> list[Query]:
        """Have the doubtful queries wait for another conversion; return them."""
        self.waiting, self.doubtful = self.doubtful, []
        self.doubted = True
        self.expected = len(self.waiting)
        self.settled.clear()
        return self.waiting

    def convert(self, path: str, *, kept: bool) -> list[Query]:
        """Begin a new generation; return the queries that waited for it."""
        self.paths.append(path)
        self.kept = kept
        return self.release()

    def release(self) -> list[Query]:
        """Let nobody wait any more; return those who did."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def take_doubtful(self) -> list[Query]:
        """Return the queries whose doubt is decided."""
        doubtful, self.doubtful = self.doubtful, []
        return doubtful


class Images:
    """The images of a run's open queries.

    :param convert: the argument: auto, always or never
    :param queries_each: how many queries an image has
    :param archive: what earlier runs of the job have learnt
    """

    def __init__(self, convert: str, queries_each: int, archive: Archive) -> None:
        self._convert = convert
        self._queries_each = queries_each
        self._archive = archive
        self._images: dict[str, Image] = {}

    def of(self, query: Query) -> Image:
        """Return what is known of a query's image."""
        seed = query.seed
        image = self._images.get(seed.seed_id)
        if image is None:
            may_convert = self._convert != "never" and seed.can_be_converted
            first = may_convert and (seed.needs_conversion or self._convert == "always")
            image = self._images[seed.seed_id] = Image(
                seed,
                may_convert,
                owed=self._queries_each,
                expected=self._queries_each,
                paths=[None if first else seed.img_url],
                with_items=self._archive.repeats_with_items(seed.seed_id),
            )
        return image

    def ended(self, seed_id: str) -> None:
        """Note that the outcome of a seed's query was written; forget the image after the last."""
        if (image := self._images.get(seed_id)) is not None:
            image.owed -= 1
            if not image.owed:
                del self._images[seed_id]
