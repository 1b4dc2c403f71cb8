"""The spider middleware that tells the ledger which items are on their way to the pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.spidermiddlewares.base import BaseSpiderMiddleware

from tmapi_spiders.api.calls import call_of
from tmapi_spiders.crawl.run import run_of

if TYPE_CHECKING:
    from scrapy.http import Response

__all__ = ["LedgerSpiderMiddleware"]


class LedgerSpiderMiddleware(BaseSpiderMiddleware):
    """Counts what leaves the spider for the pipelines.

    It stands next to the engine, so that it counts what a project's own middlewares left over, and
    what they added.
    """

    def get_processed_item(self, item: Any, response: Response | None) -> Any:
        """Note the item and let it through, unless it has been through the pipelines before."""
        call = call_of(response)
        if call is None or run_of(self.crawler).ledger.expect(call, item):
            return item
        return None
