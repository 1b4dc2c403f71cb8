"""Pipelines: validation first, dedupe last, and at the end the outcomes that are still owed.

A product that goes no further is a stat and a DEBUG line, never a warning: duplicates are most of
what an image search brings.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter
from scrapy.exceptions import DropItem
from typing_extensions import override

from tmapi_spiders import stats
from tmapi_spiders.crawl.dedupe import identity_of
from tmapi_spiders.crawl.run import run_of
from tmapi_spiders.errors import shortened
from tmapi_spiders.formats import to_line
from tmapi_spiders.items import Product
from tmapi_spiders.local.local_run import local_run_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler

__all__ = [
    "DedupePipeline",
    "Duplicate",
    "OutcomePipeline",
    "Rejected",
    "RowPipeline",
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


class RowPipeline(_RunPipeline):
    """Keeps out what no feed could write: the last pipeline of a worker, which dedupes on Redis."""

    def process_item(self, item: Any) -> Any:
        """Let items through.

        :raises TypeError: if a pipeline has returned something else, or has forgotten to
        :raises ValueError: if it has put a value into the item that JSON can't hold
        """
        if not ItemAdapter.is_item(item):
            raise TypeError(
                f"the pipelines have returned {shortened(repr(item))}, which is no item: "
                "process_item has to return the item, or raise DropItem"
            )
        try:
            to_line(item)
        except (TypeError, ValueError, RecursionError) as exc:
            raise ValueError(
                f"the pipelines have returned an item that can't be written as JSON ({exc})"
            ) from exc
        return item


class DedupePipeline(RowPipeline):
    """Writes a product once per language and job, seed or query (``TMAPI_DEDUPE``).

    It is the last pipeline, so that a project's own see every valid product, and a product that
    one of them drops or fails on gets its next chance. A set of ids for each scope, and no Bloom
    filter: that would take products never seen for written ones.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._dedupe = self.run.config.dedupe
        self._seen: defaultdict[str, set[int | str]] = defaultdict(set)

    @override
    def process_item(self, item: Any) -> Any:
        """Let a product through the first time.

        :raises Duplicate: from then on
        :raises TypeError: if it is no item
        """
        identity = identity_of(super().process_item(item), self._dedupe)
        if identity is None:
            return item
        scope, item_id = identity
        seen, key = self._seen[scope], _compact(item_id)
        if key in seen:
            self.run.count(stats.PRODUCT_DUPLICATE)
            raise Duplicate(f"item_id={item_id}: written already", log_level="DEBUG")
        seen.add(key)
        return item


def _compact(item_id: str) -> int | str:
    """Return an id as the API's are, a number, which takes half of the memory.

    >>> _compact("600000000001"), _compact("007"), _compact("٣")
    (600000000001, '007', '٣')
    """
    is_number = item_id.isascii() and item_id.isdigit() and len(item_id) < 20
    return int(item_id) if is_number and str(int(item_id)) == item_id else item_id


class OutcomePipeline(_RunPipeline):
    """Settles every query's outcome when no more pages will come.

    It is a pipeline since that is after the last product, and before the feeds are closed.
    """

    def close_spider(self) -> None:
        """Write the outcomes that are still owed."""
        local_run_of(self.crawler).write_missing_outcomes()
