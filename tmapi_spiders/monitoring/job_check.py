"""What stands in for a crawl where a job that has ended is judged: it asks nobody."""

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

__all__ = ["JudgedSpider", "judge"]

logger = logging.getLogger(__name__)

_NO_SUITE = (ImportError, AttributeError, NameError, TypeError, ValueError)


class JudgedSpider(Spider):
    """Stands where monitors and actions look for the spider."""

    def __init__(self, judged: JudgedJob) -> None:
        super().__init__(name=str(judged.facts.get("spider") or IMAGE_SEARCH))
        self.judged = judged

    @override
    def log(self, message: Any, level: int = logging.DEBUG, **kw: Any) -> None:
        """Keep spidermon's log to those who look for it: what it found is printed."""
        logger.debug("%s", message, **kw)


def judge(judged: JudgedJob, settings: Settings) -> None:
    """Run the suites of a crawl on a job that has ended; what they find is in its remarks.

    :param settings: a crawl's
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
    extension.judge()


def _problems(suites: Iterable[Any]) -> Iterator[str]:
    """Yield why suites can't be loaded; where a crawl begins, that is a crash."""
    for named in suites:
        try:
            suite = load_object(named)
        except _NO_SUITE as exc:
            yield f"{OWN_SUITES}: {shortened(named)} can't be loaded: {shortened(exc)}"
            continue
        if not (isinstance(suite, type) and issubclass(suite, MonitorSuite)):
            yield f"{OWN_SUITES}: {shortened(named)} is no MonitorSuite of spidermon's."
