"""Pipelines: validation, dedupe, and at the end the outcomes that are still owed.

A product that goes no further is a stat and a DEBUG line, never a warning: duplicates are most of
what an image search brings.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from scrapy.exceptions import DropItem

from tmapi_spiders import stats
from tmapi_spiders.items import Product
from tmapi_spiders.local_run import local_run_of
from tmapi_spiders.run import run_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

__all__ = [
    "SCOPES",
    "DedupePipeline",
    "Duplicate",
    "OutcomePipeline",
    "Rejected",
    "ValidationPipeline",
]


class Duplicate(DropItem):
    """Another query, or this one, has brought this product already."""


class Rejected(DropItem):
    """This is no valid product."""


class _RunPipeline:
    """A pipeline of a run."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.run = run_of(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the pipeline of this crawl's run."""
        return cls(crawler)


class ValidationPipeline(_RunPipeline):
    """Keeps out what would be an invented or an unusable row."""

    def process_item(self, item: Any) -> Any:
        """Let valid products, and items of other classes, through.

        :raises Rejected: saying which field of which product is wrong
        """
        if isinstance(item, Product) and (problem := _problem(item)):
            self.run.count(stats.PRODUCT_REJECTED)
            raise Rejected(f"item_id={item.item_id!r}: {problem}", log_level="DEBUG")
        return item


def _problem(product: Product) -> str | None:
    """Return what is wrong with *product*.

    >>> _problem(Product(item_id=1, job="j", query_id="q", page=1, rank=1))
    >>> _problem(Product(item_id=-1, job="j", query_id="q", page=1, rank=1))
    'item_id is no positive integer'
    """
    for name in ("item_id", "page", "rank"):
        number = getattr(product, name)
        if type(number) is not int or number < 1:
            return f"{name} is no positive integer"
    for name in ("job", "query_id"):
        if not getattr(product, name):
            return f"{name} is missing"
    return None


#: Within what a product is written once, by ``TMAPI_DEDUPE``: the columns that have to be the same.
SCOPES = {"job": ("language",), "seed": ("language", "seed_id"), "query": ("query_id",)}


class DedupePipeline(_RunPipeline):
    """Writes a product once per language and job, seed or query (``TMAPI_DEDUPE``).

    A set of integers for each scope, and no Bloom filter: that would take products never seen for
    written ones.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._scope = self.run.config.dedupe
        self._seen: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
        self._first: WeakValueDictionary[int, Product] = WeakValueDictionary()
        """The products let through that are still on their way, by identity."""

    def process_item(self, item: Any) -> Any:
        """Let a product through the first time.

        :raises Duplicate: from then on
        """
        if not isinstance(item, Product):
            return item
        seen = self._seen[self._scope_of(item)]
        if item.item_id in seen:
            self.run.count(stats.PRODUCT_DUPLICATE)
            raise Duplicate(f"item_id={item.item_id}: written already", log_level="DEBUG")
        seen.add(item.item_id)
        self._first[id(item)] = item
        return item

    def forget(self, item: Any) -> None:
        """Forget a product that a later pipeline dropped or failed on: it was not written.

        The extension tells of it, which hears of each dropped item anyway: a receiver of a signal
        takes more than all that is done here.
        """
        if self._first.pop(id(item), None) is item and item is not None:
            self._seen[self._scope_of(item)].discard(item.item_id)

    def _scope_of(self, product: Product) -> tuple[str, ...]:
        return tuple(getattr(product, name) for name in SCOPES[self._scope])


class OutcomePipeline(_RunPipeline):
    """Settles every query's outcome when no more pages will come.

    It is a pipeline since that is after the last product, and before the feeds are closed.
    """

    def close_spider(self) -> None:
        """Write the outcomes that are still owed."""
        local_run_of(self.crawler).settle_outcomes()
