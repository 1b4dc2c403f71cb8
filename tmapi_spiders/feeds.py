"""The Scrapy feed that writes products.jsonl: its exporter and its storage."""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from scrapy.exporters import BaseItemExporter

from tmapi_spiders.formats import to_line
from tmapi_spiders.jobs.job import PRODUCTS
from tmapi_spiders.local.local_run import local_run_of

if TYPE_CHECKING:
    from typing import Self

    from scrapy import Spider
    from scrapy.crawler import Crawler

    from tmapi_spiders.jobs.output_file import OutputFile

__all__ = ["FEED_EXPORTERS", "FEED_STORAGES", "JobFeedStorage", "LinesExporter", "job_feeds"]

_SCHEME = "tmapi-job"
_FORMAT = "tmapi-jsonl"

FEED_STORAGES = {_SCHEME: "tmapi_spiders.feeds.JobFeedStorage"}
FEED_EXPORTERS = {_FORMAT: "tmapi_spiders.feeds.LinesExporter"}


def job_feeds(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the FEEDS of a job whose files are in *folder*."""
    options = {"format": _FORMAT, "store_empty": True, "batch_item_count": 0}
    return {f"{_SCHEME}:{folder / PRODUCTS}": options}


class LinesExporter(BaseItemExporter):
    """Writes items as JSON lines in UTF-8: every key in every line, in the order of the class."""

    def __init__(self, file: IO[bytes], **kwargs: Any) -> None:
        kwargs.pop("fields_to_export", None)  # FEED_EXPORT_FIELDS is for the user's own feeds
        super().__init__(dont_fail=True, **kwargs)
        self.file = file

    def export_item(self, item: Any) -> None:
        """Write one line."""
        self.file.write(to_line(item))


class JobFeedStorage:
    """Stores a feed as a file of the job.

    With Scrapy's own file storage, a failed write is a log line and exit status 0, and the last
    run's file is overwritten when this one starts.
    """

    def __init__(self, crawler: Crawler, uri: str) -> None:
        self._run = local_run_of(crawler)
        self._name = Path(uri).name

    @classmethod
    def from_crawler(
        cls,
        crawler: Crawler,
        uri: str,
        *,
        feed_options: dict[str, Any] | None = None,  # noqa: ARG003 - Scrapy's signature
    ) -> Self:
        """Make the storage; the run has begun the file."""
        return cls(crawler, uri)

    def open(self, spider: Spider) -> IO[bytes]:  # noqa: ARG002 - Scrapy's signature
        """Return the file to write to."""
        return cast("IO[bytes]", self._run.job.files[self._name])

    def store(self, file: IO[bytes]) -> None:
        """Publish the file under its name."""
        cast("OutputFile", file).publish(complete=self._run.replays_on)
