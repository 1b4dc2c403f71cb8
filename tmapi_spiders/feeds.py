"""The job's files as Scrapy feeds: what goes where, how a line is written, where it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import orjson
from itemadapter import ItemAdapter
from scrapy.exporters import BaseItemExporter
from scrapy.extensions.feedexport import ItemFilter

from tmapi_spiders.items import Outcome, Sightings
from tmapi_spiders.job import OUTCOMES, PRODUCTS, SIGHTINGS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from scrapy import Spider
    from scrapy.crawler import Crawler

    from tmapi_spiders.job import JobFile
    from tmapi_spiders.run import Run

__all__ = [
    "FEED_EXPORTERS",
    "FEED_STORAGES",
    "JobFeedStorage",
    "LinesExporter",
    "ProductFilter",
    "job_feeds",
    "only_products",
]

_SCHEME = "tmapi-job"
_FORMAT = "tmapi-jsonl"

FEED_STORAGES = {_SCHEME: "tmapi_spiders.feeds.JobFeedStorage"}
FEED_EXPORTERS = {_FORMAT: "tmapi_spiders.feeds.LinesExporter"}


class ProductFilter(ItemFilter):
    """Accepts the crawl's items, whatever a project's pipelines made of them.

    Outcomes and sightings are this package's own bookkeeping: in somebody's CSV of products they
    would be made-up rows.
    """

    def accepts(self, item: Any) -> bool:
        """Accept all but outcomes and sightings."""
        return not isinstance(item, Outcome | Sightings)


def job_feeds(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the FEEDS of a job whose files lie in *folder*."""
    accepts: dict[str, dict[str, Any]] = {
        PRODUCTS: {"item_filter": ProductFilter},
        SIGHTINGS: {"item_classes": [Sightings]},
        OUTCOMES: {"item_classes": [Outcome]},
    }
    return {
        f"{_SCHEME}:{folder / name}": {"format": _FORMAT, "store_empty": True, **what}
        for name, what in accepts.items()
    }


def only_products(feeds: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    """Return a user's own FEEDS so that they hold products, unless they say what they want.

    >>> only_products({"mine.csv": {"format": "csv"}})["mine.csv"]["item_filter"].__name__
    'ProductFilter'
    """
    return {
        uri: options
        if options.get("item_classes") or options.get("item_filter")
        else {**options, "item_filter": ProductFilter}
        for uri, options in feeds.items()
    }


class LinesExporter(BaseItemExporter):
    """Writes items as JSON lines in UTF-8, every key in every line, in the class's order."""

    def __init__(self, file: IO[bytes], **kwargs: Any) -> None:
        kwargs.pop("fields_to_export", None)  # FEED_EXPORT_FIELDS is about the user's own feeds
        super().__init__(dont_fail=True, **kwargs)
        self.file = file

    def export_item(self, item: Any) -> None:
        """Write one line, or one for each row of :class:`Sightings`."""
        rows = item.rows if isinstance(item, Sightings) else (item,)
        self.file.write(to_lines(rows))


def to_lines(items: Iterable[Any]) -> bytes:
    """Return *items* as JSON lines.

    >>> to_lines([{"item_id": 1, "title": "灯"}]).decode()
    '{"item_id":1,"title":"灯"}\\n'
    """
    return b"".join(
        orjson.dumps(_to_dict(item), option=orjson.OPT_APPEND_NEWLINE) for item in items
    )


def _to_dict(item: Any) -> dict[str, Any]:
    slots = getattr(item, "__attrs_attrs__", None)
    if slots is None:
        return ItemAdapter(item).asdict()
    return {slot.name: getattr(item, slot.name) for slot in slots}


class JobFeedStorage:
    """Stores a feed as a file of the job.

    Scrapy's own file storage leaves a failed write as a log line and exit status 0, and overwrites
    the last run's file at the start of this one.
    """

    def __init__(self, crawler: Crawler, uri: str) -> None:
        self._run: Run = crawler.spider.run  # type: ignore[union-attr]
        self._name = Path(uri).name

    @classmethod
    def from_crawler(
        cls,
        crawler: Crawler,
        uri: str,
        *,
        feed_options: dict[str, Any] | None = None,  # noqa: ARG003 - Scrapy's signature
    ) -> Self:
        """Make the storage; the file is begun at :meth:`open`."""
        return cls(crawler, uri)

    def open(self, spider: Spider) -> IO[bytes]:  # noqa: ARG002 - Scrapy's signature
        """Return the file to write to: begun before the first call, when the run started."""
        return cast("IO[bytes]", self._run.job.files[self._name])

    def store(self, file: IO[bytes]) -> None:
        """Put the file in its place."""
        cast("JobFile", file).publish(complete=self._run.stop_reason is None)
