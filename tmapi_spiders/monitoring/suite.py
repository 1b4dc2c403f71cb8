"""The suite: all monitors, and the channels that the user's credentials say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.utils.misc import load_object
from spidermon import MonitorSuite

from tmapi_spiders import stats
from tmapi_spiders.monitoring import monitors
from tmapi_spiders.monitoring.channels import channels
from tmapi_spiders.monitoring.message import failures, headline
from tmapi_spiders.run import Run

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

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
        self._run = getattr(crawler.spider, "run", None) if crawler is not None else None
        if crawler is not None:
            self.add_monitors_failed_actions(
                [load_object(channel.action) for channel in channels(crawler.settings)]
            )

    def on_monitors_finished(self, result: Any) -> None:
        """Have the summary and the stats tell of it, whoever else is told."""
        run = self._run
        if not isinstance(run, Run):
            return
        failed = len(result.monitors_failed_results)
        run.count(stats.MONITOR_FAILED, failed)
        run.count(stats.MONITOR_PASSED, len(result.monitor_results) - failed)
        run.remarks.append(f"monitors: {headline(result)}")
        run.remarks += [f"  {run.config.token.strike_out(words)}" for words in failures(result)]
