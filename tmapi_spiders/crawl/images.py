"""What is known about the images of a run's open queries: from all runs, and from other jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmapi_spiders.crawl.image_state import Image
from tmapi_spiders.errors import StorageError

if TYPE_CHECKING:
    from tmapi_spiders.crawl.interfaces import Stopper
    from tmapi_spiders.inputs.queries import Queries
    from tmapi_spiders.inputs.seed import Seed
    from tmapi_spiders.jobs.archive import Archive
    from tmapi_spiders.jobs.conversions import Conversions

__all__ = ["Images"]


class Images:
    """The images of a run's open queries; an image knows each query by its id.

    Seeds with the same image share what is known about it, and its conversions.

    :param convert: the argument: auto, always or never
    :param archive: what earlier runs of the job learned
    :param conversions: what other jobs learned
    :param stopper: stops the run if the conversions can't be read
    """

    def __init__(
        self,
        convert: str,
        queries: Queries,
        archive: Archive,
        conversions: Conversions,
        stopper: Stopper,
    ) -> None:
        self._convert = convert
        self._queries = queries
        self._archive = archive
        self._conversions = conversions
        self._stopper = stopper
        self._images: dict[str, Image] = {}
        self._owed: dict[str, int] = {}
        """By image: its queries whose outcome is not written yet."""
        self._seeds: dict[str, tuple[str, int]] = {}
        """By seed: its image, and its queries whose outcome is not written yet."""

    def of(self, seed: Seed) -> Image:
        """Return what is known about a seed's image."""
        image = self._images.get(seed.image_id)
        if image is None:
            searches, self._owed[seed.image_id] = self._queries.of_image(seed)
            image = self._images[seed.image_id] = self._first(seed, searches)
        if seed.seed_id not in self._seeds:
            self._seeds[seed.seed_id] = seed.image_id, self._queries.of_seed(seed)
        return image

    def _first(self, seed: Seed, searches: int) -> Image:
        known = self._archive.repeats_with_items(seed.image_id)
        # Items that the job paid for by the image's own URL outweigh what another job learned.
        refused = 0 not in known and self._is_refused(seed)
        return Image.first(seed, self._convert, searches, known, refused=refused)

    def _is_refused(self, seed: Seed) -> bool:
        try:
            return self._conversions.is_refused(seed.img_url)
        except StorageError as exc:
            self._stopper.storage_failed(exc)
            return False

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
