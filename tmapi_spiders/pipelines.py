"""Item pipelines: validation comes first, dedupe last, and then the outcomes still to be written.

A product that is dropped is a stat and a DEBUG line, never a warning: most of what an image search
finds are duplicates.
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
    """This product was written before, for this query or another."""


class Rejected(DropItem):
    """This product is invalid."""


class _RunPipeline:
    """A pipeline that knows its run."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.run = run_of(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the pipeline of this crawl's run."""
        return cls(crawler)


class ValidationPipeline(_RunPipeline):
    """Drops products that would be invented or unusable rows."""

    def process_item(self, item: Any) -> Any:
        """Let valid products through, and items of other classes.

        :raises Rejected: if a product is invalid; it names the product and the field
        """
        if isinstance(item, Product) and (problem := _problem(item)):
            self.run.count(stats.PRODUCT_REJECTED)
            raise Rejected(f"item_id={item.item_id!r}: {problem}", log_level="DEBUG")
        return item


def _problem(product: Product) -> str | None:
    """Return what is wrong with *product*; None if it is valid.

    >>> _problem(Product(item_id=1, job="j", query_id="q", page=1, rank=1))
    >>> _problem(Product(item_id=-1, job="j", query_id="q", page=1, rank=1))
    'item_id is not a positive integer'
    """
    for name in ("item_id", "page", "rank"):
        number = getattr(product, name)
        if type(number) is not int or number < 1:
            return f"{name} is not a positive integer"
    for name in ("job", "query_id"):
        if not getattr(product, name):
            return f"{name} is missing"
    return None


class RowPipeline(_RunPipeline):
    """Refuses what can't be written: a worker's last pipeline, since Redis does the dedupe."""

    def process_item(self, item: Any) -> Any:
        """Let items through.

        :raises TypeError: if a pipeline returned something else, or nothing
        :raises ValueError: if a pipeline put a value into the item that JSON can't hold
        """
        if not ItemAdapter.is_item(item):
            raise TypeError(
                f"the pipelines have returned {shortened(repr(item))}, which is not an item: "
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

    It is the last pipeline, so a project's own pipelines get every valid product, and one that they
    drop or fail on may be written when it is found again. Ids are kept in sets, not in a Bloom
    filter, which would drop products that were never written.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._dedupe = self.run.config.dedupe
        self._seen: defaultdict[str, set[int | str]] = defaultdict(set)

    @override
    def process_item(self, item: Any) -> Any:
        """Let a product through the first time.

        :raises Duplicate: every other time
        :raises TypeError: if it isn't an item
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
    """Return an id as a number if it is one, as the API's are: it takes half the memory.

    >>> _compact("600000000001"), _compact("007"), _compact("٣")
    (600000000001, '007', '٣')
    """
    is_number = item_id.isascii() and item_id.isdigit() and len(item_id) < 20
    return int(item_id) if is_number and str(int(item_id)) == item_id else item_id


class OutcomePipeline(_RunPipeline):
    """Writes every outcome that is not written yet when the spider closes.

    A pipeline, since it is closed after the last product and before the feeds are.
    """

    def close_spider(self) -> None:
        """Write the outcomes that are still owed."""
        local_run_of(self.crawler).write_missing_outcomes()
