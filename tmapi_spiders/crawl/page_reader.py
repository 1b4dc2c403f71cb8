"""Reads pages: makes products of their elements, and sightings of the products."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import attrs

from tmapi_spiders import stats
from tmapi_spiders.api.calls import call_of
from tmapi_spiders.crawl.paging import PageReading
from tmapi_spiders.formats import utc_now
from tmapi_spiders.items import Sighting

if TYPE_CHECKING:
    from scrapy.http import Response

    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.crawl.run import Run
    from tmapi_spiders.fields.field_reader import Lost
    from tmapi_spiders.fields.unreadable import Unread
    from tmapi_spiders.items import Product
    from tmapi_spiders.loaders import ProductLoader

__all__ = ["PageReader", "count_page", "fetched_at"]

logger = logging.getLogger(__name__)

#: Elements of a page that are read: twenty times the largest page that can be requested. Each one
#: costs memory, and time in which the process does nothing else.
MOST_ELEMENTS = 1000


def fetched_at(response: Response) -> str:
    """Return when a response was paid for."""
    call = call_of(response)
    return (call.fetched_at if call else None) or utc_now()


def count_page(run: Run, progress: Progress, answer: Page, fetched_at: str) -> None:
    """Count a page of a query; a first page without items only once it is believed."""
    run.count(stats.PAGE_READ)
    progress.pages += 1
    if answer.total_count or progress.total_count is None:
        # An empty last page whose count is 0 does not replace an earlier count.
        progress.total_count = answer.total_count
    progress.finished_at = fetched_at


class PageReader:
    """Reads the pages of a run's queries.

    :param loader: makes products of the elements of a page
    """

    def __init__(self, run: Run, loader: type[ProductLoader]) -> None:
        self._run = run
        self._loader = loader

    def read(self, response: Response, progress: Progress, page: int, answer: Page) -> PageReading:
        """Read a page: load its products, give them their ranks, and write their sightings."""
        run, query = self._run, progress.query
        unread: list[Unread] = []
        loaded = self._load(response, progress, page, answer, unread.append)
        count_page(run, progress, answer, fetched_at(response))
        room = run.arguments.max_items - progress.items
        truncated = bool(run.arguments.max_items) and len(loaded) > room
        if truncated:
            beyond = list(loaded)[room]
            unread = [one for one in unread if one.row < beyond]
            loaded = {place: product for place, product in loaded.items() if place < beyond}
        products = list(loaded.values())
        for one in unread:
            product = loaded.get(one.row)
            run.note_unread(query.query_id, one, None if product is None else product.item_id)
        for rank, product in enumerate(products, progress.items + 1):
            product.rank = rank
            run.write_sighting(
                Sighting(
                    job=product.job,
                    query_id=query.query_id,
                    seed_id=query.seed.seed_id,
                    seed_data=query.seed.data,
                    item_id=product.item_id,
                    page=page,
                    rank=rank,
                    price=product.price,
                    fetched_at=product.fetched_at,
                )
            )
        progress.items += len(products)
        fresh = {product.item_id for product in products} - progress.seen
        progress.seen |= fresh
        return PageReading(products, len(fresh), truncated)

    def _load(
        self, response: Response, progress: Progress, page: int, answer: Page, lost: Lost
    ) -> dict[int, Product]:
        """Load the page's elements; leave out, count and log those that are not items.

        :param lost: called with each value that can't be read
        :return: the products by their place on the page, which the values also name
        """
        beyond = len(answer.elements) - MOST_ELEMENTS
        if beyond > 0:
            logger.warning(
                "Query %s (%s), page %d has %d elements: those after the first %d are left out "
                "and counted as rejected",
                *(progress.query.query_id, progress.query.seed.text, page),
                *(len(answer.elements), MOST_ELEMENTS),
            )
        objects = {
            place: element
            for place, element in enumerate(answer.elements[:MOST_ELEMENTS])
            if isinstance(element, dict)
        }
        common: dict[str, Any] = {
            "job": self._run.job_name,
            **progress.identity(),
            "page": page,
            "total_count": answer.total_count,
            "fetched_at": fetched_at(response),
        }
        places = list(objects)
        loaded = self._loader.load_rows(
            list(objects.values()),
            lost=lambda one: lost(attrs.evolve(one, row=places[one.row])),
            **common,
        )
        by_place = {
            place: product
            for place, product in zip(places, loaded, strict=True)
            if product.item_id is not None
        }
        rejected = len(answer.elements) - len(by_place)
        if rejected:
            self._run.count(stats.PRODUCT_REJECTED, rejected)
            if not progress.unreadable:
                first = next(n for n in range(len(answer.elements)) if n not in by_place)
                logger.warning(
                    "Query %s (%s), page %d: data.items[%d] is not an object with a usable "
                    "item_id; it is left out, and so are others like it (they are not logged)",
                    progress.query.query_id,
                    progress.query.seed.text,
                    page,
                    first,
                )
            progress.rejected_items += rejected
            progress.unreadable += rejected
        return by_place
