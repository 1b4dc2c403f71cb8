"""The suite: all monitors, and the channels that the user's credentials say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.utils.misc import load_object
from spidermon import MonitorSuite

from tmapi_spiders import stats
from tmapi_spiders.config.channels import channels
from tmapi_spiders.monitoring import monitors
from tmapi_spiders.monitoring.judged_job import judged_of
from tmapi_spiders.monitoring.message import failures, headline, skips

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from tmapi_spiders.monitoring.judged_job import JudgedJob

__all__ = ["JobMonitors"]


class JobMonitors(MonitorSuite):
    """What is judged of each job.

    For a project's own: subclass it, or name it in ``SPIDERMON_SPIDER_CLOSE_MONITORS`` beside
    others.
    """

    monitors: ClassVar[Any] = [
        monitors.QueriesMonitor,
        monitors.FieldsMonitor,
        monitors.RejectedMonitor,
        monitors.UnreadableMonitor,
        monitors.PricesMonitor,
        monitors.VolumeMonitor,
        monitors.GoneMonitor,
        monitors.DuplicatesMonitor,
        monitors.RefusalsMonitor,
        monitors.CallsMonitor,
        monitors.BudgetMonitor,
    ]

    def __init__(self, *args: Any, crawler: Crawler | None = None, **options: Any) -> None:
        """Make the suite of a crawl; its channels are told when a monitor fails."""
        super().__init__(*args, crawler=crawler, **options)
        self._stats = None if crawler is None else crawler.stats
        self._judged: JudgedJob | None = None
        if crawler is not None:
            self.add_monitors_failed_actions(
                [load_object(channel.action) for channel in channels(crawler.settings)]
            )

    def init_data(self, data: Any) -> None:
        """Take up what is judged."""
        super().init_data(data)
        self._judged = judged_of(data)

    def on_monitors_finished(self, result: Any) -> None:
        """Have the summary and the stats tell of it, whoever else is told."""
        judged = self._judged
        if judged is None:
            return
        failed = len(result.monitors_failed_results)
        if self._stats is not None:
            self._stats.inc_value(stats.MONITOR_FAILED, failed)
            self._stats.inc_value(stats.MONITOR_PASSED, len(result.monitor_results) - failed)
        judged.tell(f"monitors: {headline(result)}", *(f"  {one}" for one in failures(result)))
        judged.skipped.extend(skips(result))
