"""Reports why a crawl can't begin; nothing has been sent then."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.settings import BaseSettings

__all__ = ["log_refusal", "report_refusal"]

logger = logging.getLogger(__name__)


def _text(spider: str, problems: Sequence[str]) -> str:
    return "\n  ".join([f"{spider}: nothing was sent.", *problems])


def report_refusal(spider: str, problems: Sequence[str], settings: BaseSettings) -> None:
    """Print why a command's crawl is refused; if Scrapy logs to a file, log it there too.

    A scheduler such as scrapyd shows only that file.
    """
    print(_text(spider, problems), file=sys.stderr)
    if settings.get("LOG_FILE") and settings.getbool("LOG_ENABLED"):
        log_refusal(spider, problems)


def log_refusal(spider: str, problems: Sequence[str]) -> None:
    """Log why a crawl is refused, in one message."""
    logger.error("%s", _text(spider, problems))
