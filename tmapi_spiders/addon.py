"""The Scrapy add-on, which activates this package with one line in a project's settings.

ADDONS = {"tmapi_spiders.addon.TmapiAddon": 500}
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy.settings import SETTINGS_PRIORITIES

from tmapi_spiders.config.channels import ENABLED, OWN_SUITES, SUITE, from_environment
from tmapi_spiders.config.redis_settings import share_redis_url
from tmapi_spiders.crawl.requirements import CrawlAddon
from tmapi_spiders.feeds import FEED_EXPORTERS, FEED_STORAGES, job_feeds
from tmapi_spiders.jobs.resume import with_profile
from tmapi_spiders.local.local_run import LocalRun
from tmapi_spiders.spiders.image_search import ImageSearchSpider, refuse_look

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings, Settings

    from tmapi_spiders.crawl.run import Run

__all__ = ["TmapiAddon"]

logger = logging.getLogger(__name__)

#: What this package's guarantees depend on. At spider priority, since a new project's template sets
#: a delay of 1 s and one request per domain, and obeys robots.txt. The command line still wins.
_NEEDED: dict[str, Any] = {
    "AUTOTHROTTLE_ENABLED": False,  # it takes a quick refusal for a quick server
    "COOKIES_ENABLED": False,
    "DEPTH_LIMIT": 0,  # it would drop pages silently
    "DOWNLOAD_DELAY": 0,
    "DOWNLOAD_SLOTS": {},
    "DOWNLOAD_TIMEOUT": 60,  # as the vendor recommends
    "DOWNLOAD_VERIFY_CERTIFICATES": True,
    "HTTPCACHE_ENABLED": True,  # it is the job's archive
    "HTTPCACHE_IGNORE_MISSING": False,
    "HTTPCACHE_POLICY": "tmapi_spiders.httpcache.ArchivePolicy",
    "HTTPCACHE_STORAGE": "tmapi_spiders.httpcache.ArchiveStorage",
    "HTTPERROR_ALLOW_ALL": True,  # the spider judges every answer itself
    "JOBDIR": None,  # a crawl resumes from the job's archive
    "METAREFRESH_ENABLED": False,
    "REDIRECT_ENABLED": False,
    "REFERER_ENABLED": False,
    "RETRY_ENABLED": False,  # the run's Retries decide
    "ROBOTSTXT_OBEY": False,  # this is an API, and the user has an account
    "URLLENGTH_LIMIT": 0,  # it would drop long image URLs silently
}

#: What is better for this package's crawls; a project's own settings win.
_PREFERRED: dict[str, Any] = {
    "CONCURRENT_ITEMS": 4,  # a hundred tasks for each page cost more than they gain
    "LOG_FORMATTER": "tmapi_spiders.logformatter.ReadLogFormatter",
    "REMOTE_CONTROL_ENABLED": False,  # both of these let others run code next to the token
    "TELNETCONSOLE_ENABLED": False,
}

_PIPELINES = {
    "tmapi_spiders.pipelines.ValidationPipeline": 100,
    "tmapi_spiders.pipelines.OutcomePipeline": 900,
}

#: One of them runs after all pipelines of the project, whatever their order.
_DEDUPE = "tmapi_spiders.pipelines.DedupePipeline"
_ROWS = "tmapi_spiders.pipelines.RowPipeline"
_LAST_PIPELINE = 1000

#: Before Scrapy's own, which are at 0: the job's files must be begun before the feeds open.
_EXTENSIONS = {"tmapi_spiders.extensions.LocalExtension": -100}

#: Next to the engine.
_SPIDER_MIDDLEWARES = {"tmapi_spiders.middlewares.LedgerSpiderMiddleware": 10}

#: In place of Scrapy's RetryMiddleware; the HTTP cache is further in, so it stores first.
_DOWNLOADER_MIDDLEWARES = {"tmapi_spiders.middlewares.AnswerMiddleware": 550}

_SPIDERMON = "tmapi_spiders.monitoring.extension.JobSpidermon"
_STOCK_MODULE = "spidermon.contrib.scrapy.extensions"
_STOCK_SPIDERMON = f"{_STOCK_MODULE}.Spidermon"

#: After this package's own extension, which ends the run.
_AFTER_ALL = 900

#: Requests beyond the concurrency limit, so that the next one already waits at the gate.
_WAITING_AT_THE_GATE = 8

_HANDLER = "tmapi_spiders.handler.SigningDownloadHandler"


class TmapiAddon(CrawlAddon):
    """Adds the spider, and configures its crawls; other spiders are left alone."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Make the add-on."""
        return cls(crawler)

    @classmethod
    def update_pre_crawler_settings(cls, settings: BaseSettings) -> None:
        """Add the spider to those of the project."""
        settings.add_to_list("SPIDER_MODULES", "tmapi_spiders.spiders")

    def update_settings(self, settings: Settings) -> None:
        """Configure a crawl of this package's spider."""
        spider = self._crawler.spider
        if spider is None and issubclass(self._crawler.spidercls, ImageSearchSpider):
            refuse_look(self._crawler.spidercls.name)  # the shell, which makes its spider later
        if not isinstance(spider, ImageSearchSpider):
            return
        run = spider.run
        share_redis_url(settings)
        for name, value in _NEEDED.items():
            settings.set(name, value, "spider")
        # The gate limits the calls in flight. A few more requests wait there, so that a permit is
        # used as soon as it is free.
        for name in ("CONCURRENT_REQUESTS", "CONCURRENT_REQUESTS_PER_DOMAIN"):
            settings.set(name, run.max_concurrency + _WAITING_AT_THE_GATE, "spider")
        for name, value in _PREFERRED.items():
            settings.set(name, value, "addon")
        _merge(settings, "DOWNLOADER_MIDDLEWARES", _DOWNLOADER_MIDDLEWARES)
        _merge(settings, "DOWNLOAD_HANDLERS", {"http": _HANDLER, "https": _HANDLER})
        if isinstance(run, LocalRun):
            _configure_local(settings, run)
        else:
            _configure_worker(settings)
        _configure_monitors(settings, run)


def _configure_local(settings: Settings, run: LocalRun) -> None:
    """Configure a local crawl, which writes into the job's folder."""
    _merge(settings, "ITEM_PIPELINES", _PIPELINES)
    _add_last_pipeline(settings, _DEDUPE)
    _merge(settings, "EXTENSIONS", _EXTENSIONS)
    _merge(settings, "SPIDER_MIDDLEWARES", _SPIDER_MIDDLEWARES)
    _merge(settings, "FEED_STORAGES", FEED_STORAGES)
    _merge(settings, "FEED_EXPORTERS", FEED_EXPORTERS)
    _merge(settings, "FEEDS", job_feeds(run.job.folder))


def _configure_worker(settings: Settings) -> None:
    """Configure a worker, which commits items to Redis, together with their page."""
    settings.set(
        "HTTPCACHE_STORAGE", "tmapi_spiders.distributed.lease_cache.LeaseStorage", "spider"
    )
    settings.set("FEEDS", {}, "spider")
    validation = "tmapi_spiders.pipelines.ValidationPipeline"
    _merge(settings, "ITEM_PIPELINES", {validation: _PIPELINES[validation]})
    _add_last_pipeline(settings, _ROWS)
    for name, component in (
        ("EXTENSIONS", "tmapi_spiders.distributed.components.WorkerExtension"),
        ("SPIDER_MIDDLEWARES", "tmapi_spiders.distributed.components.LeaseSpiderMiddleware"),
    ):
        (place,) = (_EXTENSIONS if name == "EXTENSIONS" else _SPIDER_MIDDLEWARES).values()
        _merge(settings, name, {component: place})


def _configure_monitors(settings: Settings, run: Run) -> None:
    """Add spidermon, and this package's suite unless the project names its own."""
    for name, value in from_environment(settings).items():
        settings.set(name, value, "addon")
    if not settings.getbool(ENABLED):
        return
    if not isinstance(run, LocalRun):
        logger.warning(
            "SPIDERMON_ENABLED: this package's monitors don't run in workers, each of which sees "
            "only a part of the job. When the job has ended, check it as a whole: %s, then %s",
            with_profile(f"scrapy tmapi export {run.job_name}"),
            with_profile(f"scrapy tmapi check {run.job_name}"),
        )
        return
    if settings.get(OWN_SUITES) is None:
        settings.set(OWN_SUITES, [SUITE], "addon")
    ours: dict[Any, int | None] = {_SPIDERMON: _AFTER_ALL}
    for name in settings.getdict("EXTENSIONS"):
        # The stock one would check as well, before the figures are final.
        if name == _STOCK_SPIDERMON or getattr(name, "__module__", "") == _STOCK_MODULE:
            ours[name] = None
    _merge(settings, "EXTENSIONS", ours)


def _add_last_pipeline(settings: Settings, pipeline: str) -> None:
    """Add a pipeline after all others."""
    places = [place for place in settings.getdict("ITEM_PIPELINES").values() if place is not None]
    _merge(settings, "ITEM_PIPELINES", {pipeline: max(_LAST_PIPELINE, *places) + 1})


def _merge(settings: Settings, name: str, ours: dict[str, Any]) -> None:
    """Add *ours* to a dictionary setting, at spider priority or that of its value, if higher.

    Ours come first, since a feed exporter that fails keeps an item from those after it.
    """
    theirs = {key: value for key, value in settings.getdict(name).items() if key not in ours}
    priority = max(settings.getpriority(name) or 0, SETTINGS_PRIORITIES["spider"])
    settings.set(name, {**ours, **theirs}, priority)
