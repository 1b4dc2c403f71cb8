"""Counts of a job's seeds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.inputs.overrides import NO_OVERRIDES
from tmapi_spiders.inputs.seed_links import PageLinks
from tmapi_spiders.inputs.target_price import has_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tmapi_spiders.inputs.overrides import Overrides
    from tmapi_spiders.inputs.seed import Seed

__all__ = ["Tally"]


@attrs.define
class Tally:
    """Counts of seeds, by what the crawl's estimate and its warnings need."""

    seeds: int = 0
    duplicates: int = 0
    """Rows that repeat an earlier one; 0 where that is not checked."""
    convertible: int = 0
    """Seeds whose image could be converted."""
    unconverted_images: int = 0
    """Images not on an Alibaba host, which the search may be unable to read."""
    convertible_images: int = 0
    repeated_images: int = 0
    """Seeds with the image of an earlier seed, under another id."""
    shared: set[str] = attrs.field(factory=set)
    """The ids of those images."""
    own: Counter[Overrides] = attrs.field(factory=Counter)
    """How many seeds have the same overrides."""
    own_convertible: Counter[Overrides] = attrs.field(factory=Counter)
    """How many of them could be converted."""
    targets: int = 0
    """Seeds that have a target price."""
    page_links: PageLinks = attrs.field(factory=PageLinks)
    """Seeds that are addresses of pages, not of pictures."""

    @property
    def sharing(self) -> int:
        """How many seeds share their image with another."""
        return self.repeated_images + len(self.shared)

    def add(self, seed: Seed, number: int, *, repeats: bool) -> None:
        """Count a seed.

        :param number: its line or row
        :param repeats: whether an earlier seed has the same image
        """
        self.seeds += 1
        self.targets += has_target(seed.data)
        self.page_links.add(seed.img_url, number)
        is_convertible = seed.can_be_converted
        self.convertible += is_convertible
        if repeats:
            self.repeated_images += 1
            self.shared.add(seed.image_id)
        else:
            self.unconverted_images += seed.needs_conversion
            self.convertible_images += is_convertible
        if seed.overrides is not NO_OVERRIDES:
            self.own[seed.overrides] += 1
            self.own_convertible[seed.overrides] += is_convertible

    def groups(self) -> Iterator[tuple[Overrides, int, int]]:
        """Yield overrides, how many seeds have them, and how many of those could be converted."""
        if usual := self.seeds - self.own.total():
            yield NO_OVERRIDES, usual, self.convertible - self.own_convertible.total()
        for overrides, seeds in self.own.items():
            yield overrides, seeds, self.own_convertible[overrides]
