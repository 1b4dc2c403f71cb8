"""Scrapy's lines for each page and each item: made only where somebody reads them.

``LOG_LEVEL`` is the level of Scrapy's handlers, not of its loggers: at INFO, too, a record is built
for every item, and then thrown away, which takes a twentieth of a crawl's time.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.logformatter import LogFormatter
from typing_extensions import override

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.http import Response
    from twisted.python.failure import Failure

__all__ = ["ReadLogFormatter"]

_LOGGERS = tuple(
    logging.getLogger(name) for name in ("scrapy.core.scraper", "scrapy.core", "scrapy", None)
)


class ReadLogFormatter(LogFormatter):
    """Formats what a handler takes (``LOG_FORMATTER``); a None is logged nowhere."""

    @override
    def crawled(self, request: Request, response: Response, spider: Spider) -> Any:
        return super().crawled(request, response, spider) if _are_read() else None

    @override
    def scraped(self, item: Any, response: Response | Failure | None, spider: Spider) -> Any:
        return super().scraped(item, response, spider) if _are_read() else None

    @override
    def dropped(
        self,
        item: Any,
        exception: BaseException,
        response: Response | Failure | None,
        spider: Spider,
    ) -> Any:
        line = super().dropped(item, exception, response, spider)
        return line if line["level"] > logging.DEBUG or _are_read() else None


def _are_read() -> bool:
    """Say whether any handler takes records of DEBUG."""
    return any(handler.level <= logging.DEBUG for logger in _LOGGERS for handler in logger.handlers)
