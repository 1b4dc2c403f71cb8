"""Settings of scrapy-redis: those this package reads, and those its workers ignore."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from scrapy.settings import SETTINGS_PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scrapy.settings import BaseSettings

__all__ = ["redis_url", "share_redis_url", "without_meaning"]

_URL = "REDIS_URL"

#: Settings of scrapy-redis's scheduler, dupefilter, spiders and connections.
_WITHOUT_MEANING = (
    *("DUPEFILTER_CLASS", "SCHEDULER_DUPEFILTER_KEY", "SCHEDULER_FLUSH_ON_START"),
    *("SCHEDULER_IDLE_BEFORE_CLOSE", "SCHEDULER_PERSIST", "SCHEDULER_QUEUE_CLASS"),
    *("SCHEDULER_QUEUE_KEY", "SCHEDULER_SERIALIZER", "REDIS_START_URLS_KEY"),
    *("REDIS_START_URLS_AS_SET", "REDIS_START_URLS_AS_ZSET", "REDIS_START_URLS_BATCH_SIZE"),
    *("MAX_IDLE_TIME_BEFORE_CLOSE", "REDIS_DECODE_RESPONSES", "REDIS_ENCODING"),
)


def redis_url(settings: BaseSettings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return ``REDIS_URL``: the setting, else the environment's unless a setting names a server.

    >>> from scrapy.settings import Settings
    >>> redis_url(Settings(), {"REDIS_URL": "redis://a"})
    'redis://a'
    >>> redis_url(Settings({"REDIS_HOST": "b"}), {"REDIS_URL": "redis://a"}) is None
    True
    """
    url: str | None = settings.get(_URL)
    if not url and not settings.get("REDIS_HOST") and not settings.get("REDIS_PORT"):
        url = environ.get(_URL)
    return url


def share_redis_url(settings: BaseSettings) -> None:
    """Show the environment's ``REDIS_URL`` to scrapy-redis's own components."""
    if not settings.get(_URL) and (url := redis_url(settings)):
        # It must override a setting that is empty.
        priority = max(settings.getpriority(_URL) or 0, SETTINGS_PRIORITIES["addon"])
        settings.set(_URL, url, priority)


def without_meaning(settings: BaseSettings) -> list[str]:
    """Return the settings of scrapy-redis that are given and that a worker ignores.

    >>> from scrapy.settings import Settings
    >>> without_meaning(Settings({"SCHEDULER_PERSIST": True, "REDIS_ITEMS_KEY": "a"}))
    ['SCHEDULER_PERSIST']
    """
    return [
        name
        for name in _WITHOUT_MEANING
        if (settings.getpriority(name) or 0) > SETTINGS_PRIORITIES["default"]
    ]
