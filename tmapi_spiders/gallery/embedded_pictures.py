"""Chooses and fetches the pictures a gallery embeds: seeds first, then products, up to a limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import attrs

from tmapi_spiders.gallery.fetcher import PictureFetcher
from tmapi_spiders.gallery.thumbnail_store import ThumbnailStore
from tmapi_spiders.sandbox.server import PICTURE_OF, Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tmapi_spiders.gallery.model import Gallery, Group
    from tmapi_spiders.sandbox.options import SandboxOptions

__all__ = ["EmbeddedPictures", "PictureSource", "embed_pictures", "picture_address", "seed_address"]

#: Hosts of a sandbox the user may have started, which serves pictures, too.
_THIS_MACHINE: Final = ("127.0.0.1", "localhost", "::1")

#: Pictures fetched concurrently.
_BATCH: Final = 48


@attrs.define
class EmbeddedPictures:
    """The pictures in the page, and why others are missing."""

    urls: dict[str, str] = attrs.field(factory=dict)
    """``data:`` URLs by the picture's address."""
    wanted: int = 0
    """The number of different pictures."""
    failed: int = 0
    """The number that could not be fetched."""
    problems: dict[str, int] = attrs.field(factory=dict)
    """Why, and how many."""

    @property
    def left_out(self) -> int:
        """The number that the limit left no room for."""
        return self.wanted - self.failed - len(self.urls)


@attrs.frozen
class PictureSource:
    """Where a job's pictures come from."""

    folder: Path
    """The folder to keep thumbnails in."""
    source: str
    """The API's host and port, which may serve pictures even if it is on this machine."""
    made_up: SandboxOptions | None = None
    """The options of the sandbox the products come from; None if they come from the real API."""


async def embed_pictures(
    gallery: Gallery,
    pictures: PictureSource,
    limit: int,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> EmbeddedPictures:
    """Fetch the pictures that are not kept yet, and choose which to embed.

    :param limit: the most bytes all the pictures may take in the page
    :raises StorageError: if the store of thumbnails can't be used
    """
    addresses = list(dict.fromkeys(_in_order(gallery, made_up=pictures.made_up is not None)))
    embedded = EmbeddedPictures(wanted=len(addresses))
    if not limit or not addresses:
        return embedded
    sandbox = Sandbox(pictures.made_up) if pictures.made_up else None
    base = await sandbox.start() if sandbox else ""
    api = urlsplit(base).netloc if base else pictures.source
    inside = {api} if urlsplit(f"//{api}").hostname in _THIS_MACHINE else set()
    size = 0
    try:
        with ThumbnailStore(pictures.folder) as store:
            async with PictureFetcher(inside) as fetcher:
                for start in range(0, len(addresses), _BATCH):
                    batch = addresses[start : start + _BATCH]
                    known = {it: found for it in batch if (found := store.get(it))}
                    missing = [it for it in batch if it not in known]
                    made = await asyncio.gather(*(fetcher.fetch(base + it) for it in missing))
                    new = {it: made for it, made in zip(missing, made, strict=True) if made}
                    store.put(new)
                    for address in batch:
                        thumbnail = known.get(address) or new.get(address)
                        if thumbnail is None:
                            embedded.failed += 1
                            continue
                        url = thumbnail.url
                        size += len(url)
                        if size > limit:
                            break
                        embedded.urls[address] = url
                    on_progress(min(start + _BATCH, len(addresses)), len(addresses))
                    if size > limit:
                        break
                embedded.problems = dict(fetcher.problems.most_common())
    finally:
        if sandbox:
            await sandbox.stop()
    return embedded


def picture_address(url: str, *, made_up: bool) -> str:
    """Return the address of a product's picture; for the sandbox it is only the path.

    >>> picture_address("http://127.0.0.1:34345/img/612345678901.svg", made_up=True)
    '/img/612345678901.svg'
    """
    return urlsplit(url).path if made_up else url


def seed_address(group: Group, *, made_up: bool) -> str | None:
    """Return the address of a seed's picture; the sandbox draws what it sees in the image."""
    if made_up:
        return f"{PICTURE_OF}?img_url={quote(group.seed, safe='')}" if group.seed else None
    return group.link


def _in_order(gallery: Gallery, *, made_up: bool) -> Iterator[str]:
    for group in gallery.groups:
        if address := seed_address(group, made_up=made_up):
            yield address
    longest = max((len(group.cards) for group in gallery.groups), default=0)
    for place in range(longest):
        for group in gallery.groups:
            if place < len(group.cards) and (url := group.cards[place].product.picture):
                yield picture_address(url, made_up=made_up)
