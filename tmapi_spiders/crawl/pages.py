"""Pages: a page's elements become products, and sightings of them."""

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

#: Elements of a page that are read: twenty times the largest page that can be asked for. Each costs
#: time in which nothing else is done, and memory.
MOST_ELEMENTS = 1000


def fetched_at(response: Response) -> str:
    """Return when a response was paid for."""
    call = call_of(response)
    return (call.fetched_at if call else None) or utc_now()


def count_page(run: Run, progress: Progress, answer: Page, fetched_at: str) -> None:
    """Count a page as one of its query's; one without items, once it is believed."""
    run.count(stats.PAGE_READ)
    progress.pages += 1
    if answer.total_count or progress.total_count is None:
        # An empty last page that counts nothing does not take back what was counted.
        progress.total_count = answer.total_count
    progress.finished_at = fetched_at


class PageReader:
    """Reads the pages of a run's queries.

    :param loader: makes products of a page's elements
    """

    def __init__(self, run: Run, loader: type[ProductLoader]) -> None:
        self._run = run
        self._loader = loader

    def read(self, response: Response, progress: Progress, page: int, answer: Page) -> PageReading:
        """Read a page: its products get their ranks, and their sightings are written."""
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
        """Load the page's elements, leaving out, counting and naming those that are no items.

        :param lost: told of each value that can't be read; the products are by the same numbers
        """
        beyond = len(answer.elements) - MOST_ELEMENTS
        if beyond > 0:
            logger.warning(
                "Query %s (%s), page %d has %d elements: those after the first %d are left out, "
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
                    "Query %s (%s), page %d: data.items[%d] is no object with a usable item_id; "
                    "it is left out (and so are others like it, without a further line)",
                    progress.query.query_id,
                    progress.query.seed.text,
                    page,
                    first,
                )
            progress.rejected_items += rejected
            progress.unreadable += rejected
        return by_place
