"""Runs the monitors on a job that has ended, without a crawl (``scrapy tmapi check``)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.utils.misc import load_object
from spidermon import MonitorSuite
from spidermon.exceptions import NotConfigured
from typing_extensions import override

from tmapi_spiders.config.channels import ENABLED, OWN_SUITES, SUITE, from_environment
from tmapi_spiders.errors import UsageProblems, shortened
from tmapi_spiders.inputs.spider_kind import IMAGE_SEARCH
from tmapi_spiders.monitoring.extension import JobSpidermon

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scrapy.settings import Settings

    from tmapi_spiders.monitoring.judged_job import JudgedJob

__all__ = ["JudgedSpider", "run_monitors"]

logger = logging.getLogger(__name__)

_NO_SUITE = (ImportError, AttributeError, NameError, TypeError, ValueError)


class JudgedSpider(Spider):
    """Takes the spider's place for monitors and actions."""

    def __init__(self, judged: JudgedJob) -> None:
        super().__init__(name=str(judged.facts.get("spider") or IMAGE_SEARCH))
        self.judged = judged

    @override
    def log(self, message: Any, level: int = logging.DEBUG, **kw: Any) -> None:
        """Log spidermon's lines on level DEBUG: its findings are printed."""
        logger.debug("%s", message, **kw)


def run_monitors(judged: JudgedJob, settings: Settings) -> None:
    """Run a crawl's suites on a job that has ended; their findings are added to its remarks.

    :param settings: the settings of a crawl
    :raises UsageProblems: if a suite can't be loaded
    """
    settings = settings.copy()
    settings.set(ENABLED, True, "cmdline")
    for name, value in from_environment(settings).items():
        settings.set(name, value, "addon")
    if settings.get(OWN_SUITES) is None:
        settings.set(OWN_SUITES, [SUITE], "addon")
    if problems := list(_problems(settings.getlist(OWN_SUITES))):
        raise UsageProblems(*problems)
    crawler = Crawler(JudgedSpider, settings)
    crawler.spider = JudgedSpider(judged)
    crawler.stats = load_object(settings["STATS_CLASS"])(crawler)
    crawler.stats.set_stats(judged.stats())
    try:
        extension = JobSpidermon.from_crawler(crawler)
    except NotConfigured as exc:
        raise UsageProblems(f"{OWN_SUITES}: {exc}") from exc
    extension.run_suites()


def _problems(suites: Iterable[Any]) -> Iterator[str]:
    """Yield why suites can't be loaded; in a crawl, this would be a crash."""
    for given in suites:
        try:
            suite = load_object(given)
        except _NO_SUITE as exc:
            yield f"{OWN_SUITES}: {shortened(given)} can't be loaded: {shortened(exc)}"
            continue
        if not (isinstance(suite, type) and issubclass(suite, MonitorSuite)):
            yield f"{OWN_SUITES}: {shortened(given)} is not a MonitorSuite of spidermon."
