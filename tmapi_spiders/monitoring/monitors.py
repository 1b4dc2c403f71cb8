"""Monitors of a job that has ended: each compares one figure with a threshold from the settings.

They are spidermon monitors, which a project may add to its own suites.
"""

from __future__ import annotations

from collections import Counter
from itertools import starmap
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from spidermon.decorators import monitors

from tmapi_spiders.compare.comparable_fields import fields_read_differently
from tmapi_spiders.jobs.job import PRODUCTS
from tmapi_spiders.monitoring.job_monitor import JobMonitor, percent
from tmapi_spiders.monitoring.product_statistics import (
    FieldCoverage,
    PriceMoves,
    ProductVolume,
    prices,
)
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

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

#: With fewer products a share says nothing.
_FEWEST = 10

_FIELDS_SHOWN = 10


@monitors.name("queries")
class QueriesMonitor(JobMonitor):
    """The share of queries that ended complete or empty."""

    @monitors.name("complete or empty")
    def test_queries(self) -> None:
        """Fail if it is below TMAPI_MONITOR_QUERIES."""
        by_status, least = Counter(self.counts("queries")), self.job.config.monitor_queries
        whole, good = by_status["all"], by_status["complete"] + by_status["empty"]
        if good >= least * whole:
            return
        rest = [f"{by_status[name]:,} {name}" for name in ("partial", "failed", "not_started")]
        others = ", ".join(words for words in rest if not words.startswith("0 "))
        stop_reason, errors = self.job.facts.get("stop_reason"), self.job.counts("errors") or {}
        why = f"stopped early: {stop_reason}" if stop_reason else ""
        if errors:  # of equally frequent ones, the same one each time
            why = why or min(errors, key=lambda error: (-errors[error], error))
        self.fail(
            f"{good:,} of {plural(whole, 'query', 'queries')} ended complete or empty "
            f"({percent(good / whole)}); at least {percent(least)} (TMAPI_MONITOR_QUERIES). "
            f"The others: {others}" + (f" ({why})" if why else "")
        )


@monitors.name("fields")
class FieldsMonitor(JobMonitor):
    """For each field, the share of written products that have a value."""

    @monitors.name("have values")
    def test_fields(self) -> None:
        """Fail if it is below what TMAPI_MONITOR_FIELDS gives for the field."""
        wanted = self.job.config.monitor_fields
        found = FieldCoverage.of(self.job.products(), wanted)
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
                f"too few of {plural(found.products, 'product')} have a value: "
                f"{', '.join(list(shown)[:_FIELDS_SHOWN])}{more} (TMAPI_MONITOR_FIELDS)"
            )


@monitors.name("rejected")
class RejectedMonitor(JobMonitor):
    """The share of products that were rejected."""

    @monitors.name("few")
    def test_rejected(self) -> None:
        """Fail if it is above TMAPI_MONITOR_REJECTED."""
        products = self.counts("products")
        rejected, whole = products.get("rejected", 0), sum(products.values())
        what = f"{plural(whole, 'product')} rejected"
        self.at_most(rejected, whole, what, "monitor_rejected")


@monitors.name("unreadable")
class UnreadableMonitor(JobMonitor):
    """For each field, the share of items in which it was given but could not be read."""

    @monitors.name("few")
    def test_unreadable(self) -> None:
        """Fail if it is above TMAPI_MONITOR_UNREADABLE."""
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
                f"too many of {plural(whole, 'item')} have a value that can't be read: "
                f"{'; '.join(many[:_FIELDS_SHOWN])}{more}; at most {percent(most)} "
                "(TMAPI_MONITOR_UNREADABLE)"
            )


@monitors.name("duplicates")
class DuplicatesMonitor(JobMonitor):
    """The share of products that had been found before."""

    @monitors.name("not too many")
    def test_duplicates(self) -> None:
        """Fail if it is above TMAPI_MONITOR_DUPLICATES."""
        products = self.counts("products")
        duplicates = products.get("duplicates", 0)
        whole = duplicates + products.get("new", 0)
        what = f"{plural(whole, 'product')} duplicates"
        self.at_most(duplicates, whole, what, "monitor_duplicates")


@monitors.name("refusals")
class RefusalsMonitor(JobMonitor):
    """The share of calls refused because the account was over its limit (503)."""

    @monitors.name("few")
    def test_refusals(self) -> None:
        """Fail if it is above TMAPI_MONITOR_REFUSALS."""
        refusals = self.counts("refusals")
        sent, refused = refusals.get("sent", 0), refusals.get("refused", 0)
        if not sent:
            raise SkipTest("no call was made")
        what = f"{plural(sent, 'call')} refused, over the account's limit"
        self.at_most(refused, sent, what, "monitor_refusals")


@monitors.name("calls")
class CallsMonitor(JobMonitor):
    """The number of calls per product written, over all runs."""

    @monitors.name("per new product")
    def test_calls(self) -> None:
        """Fail if it is above TMAPI_MONITOR_CALLS."""
        calls, most = self.job.calls, self.job.config.monitor_calls
        new = self.counts("products").get("new", 0)
        if calls > most * new:
            each = f"{calls / new:.3g} each" if new else "nothing for the money"
            self.fail(
                f"{plural(calls, 'call')} for {plural(new, 'product')}: {each}; at most {most:g} "
                "per product (TMAPI_MONITOR_CALLS)"
            )


@monitors.name("budget")
class BudgetMonitor(JobMonitor):
    """The share of the budget that is spent."""

    @monitors.name("is enough")
    def test_budget(self) -> None:
        """Fail if it is above TMAPI_MONITOR_BUDGET."""
        budget, calls = self.job.facts.get("budget") or 0, self.job.calls
        if not budget:
            raise SkipTest("no budget")
        self.at_most(calls, budget, f"{plural(budget, 'call')} of the budget", "monitor_budget")


@monitors.name("prices")
class PricesMonitor(JobMonitor):
    """The share of products whose price moved far since the previous job of the series."""

    @monitors.name("are sane")
    def test_prices(self) -> None:
        """Fail if more than TMAPI_MONITOR_PRICES_MOVED moved by over TMAPI_MONITOR_PRICE_MOVE."""
        job, config = self.job, self.job.config
        before = self.before()
        if "price" in fields_read_differently(before.facts, job.facts):
            raise SkipTest(
                f"{before.name} was read by another version, which read prices differently"
            )
        old, new = (prices(files.rows(PRODUCTS)) for files in (before, job.files))
        found = PriceMoves.between(old, new, config.monitor_price_move)
        if found.products < _FEWEST:
            raise SkipTest(f"too few products are in {before.name} as well: {found.products}")
        what = (
            f"{plural(found.products, 'price')} moved by more than "
            f"{percent(config.monitor_price_move)} (TMAPI_MONITOR_PRICE_MOVE) since {before.name}, "
            f"the median to {percent(found.times)} of what it was"
        )
        self.at_most(found.moved, found.products, what, "monitor_prices_moved")


class _VolumeMonitor(JobMonitor):
    def volume(self) -> tuple[ProductVolume, str]:
        """Return how many products both jobs have, and the name of the previous one."""
        before = self.before()
        found = ProductVolume.between(before.rows(PRODUCTS), self.job.products())
        if found.before < _FEWEST:
            raise SkipTest(f"{before.name} has too few products: {found.before}")
        return found, before.name


@monitors.name("volume")
class VolumeMonitor(_VolumeMonitor):
    """The number of products, as a share of that in the previous job of the series."""

    @monitors.name("is as it was")
    def test_volume(self) -> None:
        """Fail if it is below TMAPI_MONITOR_VOLUME."""
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
    """The share of the previous job's products that this one does not have."""

    @monitors.name("few")
    def test_gone(self) -> None:
        """Fail if it is above TMAPI_MONITOR_GONE."""
        found, before = self.volume()
        what = f"{plural(found.before, 'product')} of {before} gone"
        self.at_most(found.gone, found.before, what, "monitor_gone")


def _most_items_first(found: tuple[str, Mapping[str, Any]]) -> tuple[int, str]:
    field, facts = found
    return -facts["items"], field
