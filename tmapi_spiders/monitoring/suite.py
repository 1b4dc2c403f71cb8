"""The suite of all monitors, which notifies the channels the user has set up."""

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
    """The monitors that judge each job.

    For a project's own monitors, subclass it, or name it in ``SPIDERMON_SPIDER_CLOSE_MONITORS``
    together with other suites.
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
        """Make the suite of a crawl; its channels are notified when a monitor fails."""
        super().__init__(*args, crawler=crawler, **options)
        self._stats = None if crawler is None else crawler.stats
        self._judged: JudgedJob | None = None
        if crawler is not None:
            self.add_monitors_failed_actions(
                [load_object(channel.action) for channel in channels(crawler.settings)]
            )

    def init_data(self, data: Any) -> None:
        """Find the job to judge."""
        super().init_data(data)
        self._judged = judged_of(data)

    def on_monitors_finished(self, result: Any) -> None:
        """Add the result to the summary and the stats."""
        judged = self._judged
        if judged is None:
            return
        failed = len(result.monitors_failed_results)
        if self._stats is not None:
            self._stats.inc_value(stats.MONITOR_FAILED, failed)
            self._stats.inc_value(stats.MONITOR_PASSED, len(result.monitor_results) - failed)
        judged.add_remarks(
            f"monitors: {headline(result)}", *(f"  {one}" for one in failures(result))
        )
        judged.skipped.extend(skips(result))
