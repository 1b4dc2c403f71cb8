"""The refusal of a crawl: it can't begin, and nothing was sent."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.settings import BaseSettings

__all__ = ["log_refusal", "tell_refusal"]

logger = logging.getLogger(__name__)


def _text(spider: str, problems: Sequence[str]) -> str:
    return "\n  ".join([f"{spider}: nothing was sent.", *problems])


def tell_refusal(spider: str, problems: Sequence[str], settings: BaseSettings) -> None:
    """Print why a command's crawl is refused; where Scrapy logs into a file, say it there too.

    A scheduler such as scrapyd shows that file, and nothing else.
    """
    print(_text(spider, problems), file=sys.stderr)
    if settings.get("LOG_FILE") and settings.getbool("LOG_ENABLED"):
        log_refusal(spider, problems)


def log_refusal(spider: str, problems: Sequence[str]) -> None:
    """Log why a crawl is refused, as one message."""
    logger.error("%s", _text(spider, problems))
