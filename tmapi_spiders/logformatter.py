"""Skips Scrapy's log lines for each page and each item where no handler takes them.

``LOG_LEVEL`` is the level of Scrapy's handlers, not of its loggers. So even at INFO, a record is
built for every item and thrown away, which takes a twentieth of a crawl's time.
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
    """Formats only what a handler takes (``LOG_FORMATTER``); Scrapy does not log a None."""

    @override
    def crawled(self, request: Request, response: Response, spider: Spider) -> Any:
        return super().crawled(request, response, spider) if _takes_debug() else None

    @override
    def scraped(self, item: Any, response: Response | Failure | None, spider: Spider) -> Any:
        return super().scraped(item, response, spider) if _takes_debug() else None

    @override
    def dropped(
        self,
        item: Any,
        exception: BaseException,
        response: Response | Failure | None,
        spider: Spider,
    ) -> Any:
        line = super().dropped(item, exception, response, spider)
        return line if line["level"] > logging.DEBUG or _takes_debug() else None


def _takes_debug() -> bool:
    """Return whether any handler takes DEBUG records."""
    return any(handler.level <= logging.DEBUG for logger in _LOGGERS for handler in logger.handlers)
