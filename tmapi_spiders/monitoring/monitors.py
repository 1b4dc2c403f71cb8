"""The monitors: each judges one thing of a job that has ended, by a threshold of the settings.

They are spidermon's ``Monitor``, for any suite: a project may have them beside its own.
"""

from __future__ import annotations

from collections import Counter
from itertools import starmap
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import SkipTest

from spidermon import Monitor
from spidermon.decorators import monitors

from tmapi_spiders.compare.comparable_fields import fields_read_differently
from tmapi_spiders.config.settings import PREFIX
from tmapi_spiders.crawl.run import Run
from tmapi_spiders.inputs.job_names import series_of
from tmapi_spiders.jobs.job import PRODUCTS
from tmapi_spiders.local.local_run import LocalRun
from tmapi_spiders.monitoring.judged_job import JudgedJob, judged_of
from tmapi_spiders.monitoring.product_statistics import Coverage, Moves, Volume, job_before, prices
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tmapi_spiders.jobs.job_files import JobFiles

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
    """A monitor of a job that has ended, for a project's own to be based on."""

    longMessage: ClassVar[bool] = False
    job: JudgedJob
    """What is judged."""

    def setUp(self) -> None:
        """Take up the job; skip what is none, and fail where its figures are not final."""
        job, run = judged_of(self.data), getattr(self.data.spider, "run", None)
        if job is None:
            raise SkipTest("for jobs of image_search only")
        if isinstance(run, Run) and not isinstance(run, LocalRun):
            raise SkipTest(
                "not for workers: each sees a part of the job only; once it is exported: "
                f"scrapy tmapi check {job.name}"
            )
        if isinstance(run, LocalRun) and not run.ended:
            self.fail(
                "the job's figures are not final yet; in EXTENSIONS, leave it to this package's "
                "add-on to put spidermon in (tmapi_spiders.monitoring.extension.JobSpidermon)"
            )
        self.job = job

    def counts(self, key: str) -> Mapping[str, int]:
        """Return one of the objects of numbers in job.json; skip if that is not known.

        :param key: ``queries``, ``products`` or ``refusals``
        """
        found = self.job.counts(key)
        if found is None:
            raise SkipTest(f"not known ({key}): an earlier version has run the job, or begun it")
        return found

    def before(self) -> JobFiles:
        """Return the last job of the series before this one; skip if there is none."""
        folder = self.job.folder
        if series_of(folder.name) is None:
            raise SkipTest("the job is of no series: there is nothing to compare with")
        before = job_before(folder.name, self.job.facts.get("source"), folder.parent)
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
        by_status, least = Counter(self.counts("queries")), self.job.config.monitor_queries
        whole, good = by_status["all"], by_status["complete"] + by_status["empty"]
        if good >= least * whole:
            return
        rest = [f"{by_status[name]:,} {name}" for name in ("partial", "failed", "not_started")]
        others = ", ".join(words for words in rest if not words.startswith("0 "))
        stop_reason, errors = self.job.facts.get("stop_reason"), self.job.counts("errors") or {}
        why = f"stopped early: {stop_reason}" if stop_reason else ""
        if errors:  # of those that are as frequent, the same one each time
            why = why or min(errors, key=lambda error: (-errors[error], error))
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
        found = Coverage.of(self.job.products(), wanted)
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
        products = self.counts("products")
        rejected, whole = products.get("rejected", 0), sum(products.values())
        what = f"{plural(whole, 'product')} rejected"
        self.at_most(rejected, whole, what, "monitor_rejected")


@monitors.name("unreadable")
class UnreadableMonitor(JobMonitor):
    """Share of items in which a field was given and could not be read, field by field."""

    @monitors.name("few")
    def test_unreadable(self) -> None:
        """TMAPI_MONITOR_UNREADABLE of them or fewer."""
        most = self.job.config.monitor_unreadable
        whole = self.job.sightings + self.counts("products").get("rejected", 0)
        if not whole:
            raise SkipTest("no items")
        many = [
            f"{field} {found['items']:,} ({percent(found['items'] / whole)}), such as "
            f"{found['example']}"
            for field, found in sorted(self.job.unreadable.items(), key=_most_items_first)
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
        products = self.counts("products")
        duplicates = products.get("duplicates", 0)
        whole = duplicates + products.get("new", 0)
        what = f"{plural(whole, 'product')} duplicates"
        self.at_most(duplicates, whole, what, "monitor_duplicates")


@monitors.name("refusals")
class RefusalsMonitor(JobMonitor):
    """Share of calls refused since the account was over its limit (503)."""

    @monitors.name("few")
    def test_refusals(self) -> None:
        """TMAPI_MONITOR_REFUSALS of them or fewer."""
        refusals = self.counts("refusals")
        sent, refused = refusals.get("sent", 0), refusals.get("refused", 0)
        if not sent:
            raise SkipTest("no call was made")
        what = f"{plural(sent, 'call')} refused, over the account's limit"
        self.at_most(refused, sent, what, "monitor_refusals")


@monitors.name("calls")
class CallsMonitor(JobMonitor):
    """Calls of all runs by products written."""

    @monitors.name("a new product")
    def test_calls(self) -> None:
        """TMAPI_MONITOR_CALLS or fewer."""
        calls, most = self.job.calls, self.job.config.monitor_calls
        new = self.counts("products").get("new", 0)
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
        budget, calls = self.job.facts.get("budget") or 0, self.job.calls
        if not budget:
            raise SkipTest("no budget")
        self.at_most(calls, budget, f"{plural(budget, 'call')} of the budget", "monitor_budget")


@monitors.name("prices")
class PricesMonitor(JobMonitor):
    """Share of products whose price moved far since the last job of the series."""

    @monitors.name("are sane")
    def test_prices(self) -> None:
        """TMAPI_MONITOR_PRICES_MOVED or fewer, by more than TMAPI_MONITOR_PRICE_MOVE."""
        job, config = self.job, self.job.config
        before = self.before()
        if "price" in fields_read_differently(before.facts, job.facts):
            raise SkipTest(f"{before.name} was read by another version, prices otherwise than now")
        old, new = (prices(files.rows(PRODUCTS)) for files in (before, job.files))
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
        found = Volume.between(before.rows(PRODUCTS), self.job.products())
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


def _most_items_first(found: tuple[str, Mapping[str, Any]]) -> tuple[int, str]:
    field, facts = found
    return -facts["items"], field
