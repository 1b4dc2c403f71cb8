"""The monitors: each judges one thing of a job that has ended, by a threshold of the settings.

They are spidermon's ``Monitor``, for any suite: a project may have them beside its own.
"""

from __future__ import annotations

from itertools import starmap
from typing import ClassVar
from unittest import SkipTest

from spidermon import Monitor
from spidermon.decorators import monitors

from tmapi_spiders import stats
from tmapi_spiders.compare.readings import read_otherwise
from tmapi_spiders.config import PREFIX
from tmapi_spiders.items import versions
from tmapi_spiders.job import PRODUCTS, SIGHTINGS
from tmapi_spiders.job_names import series_of
from tmapi_spiders.local_run import LocalRun
from tmapi_spiders.monitoring.products import Coverage, Moves, Volume, job_before, prices
from tmapi_spiders.phrases import plural
from tmapi_spiders.results.job_files import JobFiles
from tmapi_spiders.run import Run

__all__ = [
    "BudgetMonitor",
    "CallsMonitor",
    "DuplicatesMonitor",
    "FieldsMonitor",
    "GoneMonitor",
    "JobMonitor",
    "PricesMonitor",
    "QueriesMonitor",
    "RefusalsMonitor",
    "RejectedMonitor",
    "UnreadableMonitor",
    "VolumeMonitor",
    "percent",
]

#: Fewer products say nothing of all.
_FEWEST = 10

_FIELDS_SHOWN = 10


def percent(share: float) -> str:
    """Return a share in words.

    >>> percent(0.95), percent(1), percent(2 / 3)
    ('95 %', '100 %', '66.7 %')
    """
    return f"{round(100 * share, 1):g} %"


class JobMonitor(Monitor):
    """A monitor of a job that this process has crawled alone."""

    longMessage: ClassVar[bool] = False
    job: LocalRun
    """The run that is judged."""

    def setUp(self) -> None:
        """Take up the run; skip what is none, and fail where its figures are not final."""
        run = getattr(self.data.spider, "run", None)
        if not isinstance(run, Run):
            raise SkipTest("for crawls of image_search only")
        if not isinstance(run, LocalRun):
            raise SkipTest("not for workers: each sees a part of the job only")
        if not run.ended:
            self.fail(
                "the job's figures are not final yet; in EXTENSIONS, leave it to this package's "
                "add-on to put spidermon in (tmapi_spiders.monitoring.extension.JobSpidermon)"
            )
        self.job = run

    def before(self) -> JobFiles:
        """Return the last job of the series before this one; skip if there is none."""
        run = self.job
        if series_of(run.job.name) is None:
            raise SkipTest("the job is of no series: there is nothing to compare with")
        before = job_before(run.job.name, run.job.source, run.config.output_dir)
        if before is None:
            raise SkipTest("the series has no earlier job")
        return before

    def at_most(self, part: int, whole: int, what: str, setting: str) -> None:
        """Fail if *part* is more of *whole* than a setting allows.

        :param what: names the two in the message
        :param setting: the name of its field in the configuration
        """
        most: float = getattr(self.job.config, setting)
        if part > most * whole:
            self.fail(
                f"{part:,} of {what} ({percent(part / whole)}); at most {percent(most)} "
                f"({PREFIX}{setting.upper()})"
            )


@monitors.name("queries")
class QueriesMonitor(JobMonitor):
    """Share of queries that ended complete or empty."""

    @monitors.name("complete or empty")
    def test_queries(self) -> None:
        """TMAPI_MONITOR_QUERIES of them or more."""
        run, least = self.job, self.job.config.monitor_queries
        by_status, whole = run.ledger.by_status, len(run.queries)
        good = by_status["complete"] + by_status["empty"]
        if good >= least * whole:
            return
        rest = [f"{by_status[name]:,} {name}" for name in ("partial", "failed", "not_started")]
        others = ", ".join(words for words in rest if not words.startswith("0 "))
        why = f"stopped early: {run.stop_reason}" if run.stop_reason else ""
        if run.ledger.errors:
            ((error, _),) = run.ledger.errors.most_common(1)
            why = why or error
        self.fail(
            f"{good:,} of {plural(whole, 'query', 'queries')} ended complete or empty "
            f"({percent(good / whole)}); at least {percent(least)} (TMAPI_MONITOR_QUERIES). "
            f"The others: {others}" + (f" ({why})" if why else "")
        )


@monitors.name("fields")
class FieldsMonitor(JobMonitor):
    """Share of the products written that have a value, field by field."""

    @monitors.name("have values")
    def test_fields(self) -> None:
        """TMAPI_MONITOR_FIELDS says how large it has to be at least."""
        wanted = self.job.config.monitor_fields
        found = Coverage.of(_files_of(self.job).rows(PRODUCTS), wanted)
        if not found.products:
            raise SkipTest("no products")
        short = [
            (name, found.share(name), least)
            for name, least in wanted.items()
            if found.having.get(name, 0) < least * found.products
        ]
        if short:
            words = "{} {} (at least {})".format
            shown = starmap(words, ((n, percent(s), percent(m)) for n, s, m in short))
            more = f", and {len(short) - _FIELDS_SHOWN} more" if len(short) > _FIELDS_SHOWN else ""
            self.fail(
                f"of {plural(found.products, 'product')} too few have a value: "
                f"{', '.join(list(shown)[:_FIELDS_SHOWN])}{more} (TMAPI_MONITOR_FIELDS)"
            )


@monitors.name("rejected")
class RejectedMonitor(JobMonitor):
    """Share of products that were rejected."""

    @monitors.name("few")
    def test_rejected(self) -> None:
        """TMAPI_MONITOR_REJECTED of them or fewer."""
        rejected = self.job.counted(stats.PRODUCT_REJECTED)
        whole = rejected + self.job.counted(stats.PRODUCT_NEW)
        whole += self.job.counted(stats.PRODUCT_DUPLICATE)
        what = f"{plural(whole, 'product')} rejected"
        self.at_most(rejected, whole, what, "monitor_rejected")


@monitors.name("unreadable")
class UnreadableMonitor(JobMonitor):
    """Share of items in which a field was given and could not be read, field by field."""

    @monitors.name("few")
    def test_unreadable(self) -> None:
        """TMAPI_MONITOR_UNREADABLE of them or fewer."""
        run, most = self.job, self.job.config.monitor_unreadable
        whole = run.job.files[SIGHTINGS].lines + run.counted(stats.PRODUCT_REJECTED)
        if not whole:
            raise SkipTest("no items")
        many = [
            f"{field} {found['items']:,} ({percent(found['items'] / whole)}), such as "
            f"{found['example']}"
            for field, found in run.unreadable.facts.items()
            if found["items"] > most * whole and field != "item_id"  # those are rejected
        ]
        if many:
            more = f", and {len(many) - _FIELDS_SHOWN} more" if len(many) > _FIELDS_SHOWN else ""
            self.fail(
                f"of {plural(whole, 'item')} too many have a value that can't be read: "
                f"{'; '.join(many[:_FIELDS_SHOWN])}{more}; at most {percent(most)} "
                "(TMAPI_MONITOR_UNREADABLE)"
            )


@monitors.name("duplicates")
class DuplicatesMonitor(JobMonitor):
    """Share of products that had been found before."""

    @monitors.name("not too many")
    def test_duplicates(self) -> None:
        """TMAPI_MONITOR_DUPLICATES of them or fewer."""
        duplicates = self.job.counted(stats.PRODUCT_DUPLICATE)
        whole = duplicates + self.job.counted(stats.PRODUCT_NEW)
        what = f"{plural(whole, 'product')} duplicates"
        self.at_most(duplicates, whole, what, "monitor_duplicates")


@monitors.name("refusals")
class RefusalsMonitor(JobMonitor):
    """Share of calls refused since the account was over its limit (503)."""

    @monitors.name("few")
    def test_refusals(self) -> None:
        """TMAPI_MONITOR_REFUSALS of them or fewer."""
        sent = self.job.gate.sent
        if not sent:
            raise SkipTest("no call was made")
        refused = self.job.counted(stats.CALL_OVER_LIMIT)
        what = f"{plural(sent, 'call')} refused, over the account's limit"
        self.at_most(refused, sent, what, "monitor_refusals")


@monitors.name("calls")
class CallsMonitor(JobMonitor):
    """Calls of all runs by products written."""

    @monitors.name("a new product")
    def test_calls(self) -> None:
        """TMAPI_MONITOR_CALLS or fewer."""
        run, most = self.job, self.job.config.monitor_calls
        calls, new = run.archive.journal.calls, run.counted(stats.PRODUCT_NEW)
        if calls > most * new:
            each = f"{calls / new:.3g} each" if new else "nothing for the money"
            self.fail(
                f"{plural(calls, 'call')} for {plural(new, 'product')}: {each}; at most {most:g} "
                f"a product (TMAPI_MONITOR_CALLS)"
            )


@monitors.name("budget")
class BudgetMonitor(JobMonitor):
    """Share of the budget that is spent."""

    @monitors.name("is enough")
    def test_budget(self) -> None:
        """TMAPI_MONITOR_BUDGET of it or less."""
        budget, calls = self.job.config.budget, self.job.archive.journal.calls
        if not budget:
            raise SkipTest("no budget")
        self.at_most(calls, budget, f"{plural(budget, 'call')} of the budget", "monitor_budget")


@monitors.name("prices")
class PricesMonitor(JobMonitor):
    """Share of products whose price moved far since the last job of the series."""

    @monitors.name("are sane")
    def test_prices(self) -> None:
        """TMAPI_MONITOR_PRICES_MOVED or fewer, by more than TMAPI_MONITOR_PRICE_MOVE."""
        run, config = self.job, self.job.config
        before = self.before()
        if "price" in read_otherwise(before.facts, {"readers": versions()}):
            raise SkipTest(f"{before.name} was read by another version, prices otherwise than now")
        old, new = (prices(files.rows(PRODUCTS)) for files in (before, _files_of(run)))
        found = Moves.between(old, new, config.monitor_price_move)
        if found.products < _FEWEST:
            raise SkipTest(f"too few products are in {before.name} as well: {found.products}")
        what = (
            f"{plural(found.products, 'price')} moved by more than "
            f"{percent(config.monitor_price_move)} (TMAPI_MONITOR_PRICE_MOVE) since {before.name}, "
            f"the median to {percent(found.times)} of what it was"
        )
        self.at_most(found.moved, found.products, what, "monitor_prices_moved")


class _VolumeMonitor(JobMonitor):
    def volume(self) -> tuple[Volume, str]:
        """Return how many products there are, and the job that they are compared with."""
        before = self.before()
        found = Volume.between(before.rows(PRODUCTS), _files_of(self.job).rows(PRODUCTS))
        if found.before < _FEWEST:
            raise SkipTest(f"{before.name} has too few products: {found.before}")
        return found, before.name


@monitors.name("volume")
class VolumeMonitor(_VolumeMonitor):
    """Products, by those of the last job of the series."""

    @monitors.name("is as it was")
    def test_volume(self) -> None:
        """TMAPI_MONITOR_VOLUME of them or more."""
        found, before = self.volume()
        least = self.job.config.monitor_volume
        if found.now < least * found.before:
            self.fail(
                f"{plural(found.now, 'product')}, and {found.before:,} in {before} "
                f"({percent(found.now / found.before)}); at least {percent(least)} "
                "(TMAPI_MONITOR_VOLUME)"
            )


@monitors.name("gone")
class GoneMonitor(_VolumeMonitor):
    """Share of the last job's products that this one has not."""

    @monitors.name("few")
    def test_gone(self) -> None:
        """TMAPI_MONITOR_GONE of them or fewer."""
        found, before = self.volume()
        what = f"{plural(found.before, 'product')} of {before} gone"
        self.at_most(found.gone, found.before, what, "monitor_gone")


def _files_of(run: LocalRun) -> JobFiles:
    return JobFiles(run.job.name, run.job.folder, {})
