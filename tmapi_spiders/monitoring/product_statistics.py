"""Statistics of a job's products: coverage of fields, price moves and volume."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import suppress
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import attrs

from tmapi_spiders.errors import StorageError, UsageProblems
from tmapi_spiders.inputs.job_names import series_of
from tmapi_spiders.jobs.job_files import JobFiles
from tmapi_spiders.jobs.series import jobs_in_series

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["FieldCoverage", "PriceMoves", "ProductVolume", "job_before", "prices"]

Price = tuple[float, Any]
"""Amount and currency."""


@attrs.frozen
class FieldCoverage:
    """How many products there are, and how many of them have a value in each field."""

    products: int
    having: Mapping[str, int]
    """By field; those without any are missing."""

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], fields: Iterable[str]) -> Self:
        """Count the products that have a value in each of some fields.

        >>> FieldCoverage.of([{"a": 0, "b": ""}, {"a": None, "b": "x"}, {"b": []}], "ab")
        FieldCoverage(products=3, having={'a': 1, 'b': 1})
        """
        having: Counter[str] = Counter()
        number = 0
        for number, row in enumerate(rows, 1):  # noqa: B007 - used after the loop
            having.update([name for name in fields if row.get(name) not in (None, "", [], {})])
        return cls(number, dict(sorted(having.items())))

    def share(self, field: str) -> float:
        """Return the share of products that have a value in a field."""
        return self.having.get(field, 0) / self.products


def prices(rows: Iterable[Mapping[str, Any]]) -> dict[int, Price]:
    """Return the price of each product that has one.

    >>> prices([{"item_id": 1, "price": "9.50", "currency": "CNY"}, {"item_id": 2, "price": None}])
    {1: (9.5, 'CNY')}
    """
    found = {}
    for row in rows:
        with suppress(KeyError, TypeError, ValueError):
            amount = float(row["price"])
            if math.isfinite(amount) and amount >= 0:
                found[row["item_id"]] = amount, row.get("currency")
    return found


@attrs.frozen
class PriceMoves:
    """How prices moved between two jobs."""

    products: int
    """How many have a price in both."""
    moved: int
    """How many of these moved by more than the given share, or changed currency."""
    times: float
    """The median ratio of new to old price."""

    @classmethod
    def between(cls, old: Mapping[int, Price], new: Mapping[int, Price], by: float) -> Self:
        """Compare the prices of two jobs.

        :param by: the share of the old price that a price may move by

        >>> old = {1: (10, "CNY"), 2: (4, "CNY")}
        >>> PriceMoves.between(old, {1: (14, "CNY"), 2: (400, "CNY")}, 0.5)
        PriceMoves(products=2, moved=1, times=50.7)
        """
        ratios, products, moved = [], 0, 0
        for item, (amount, currency) in new.items():
            if item not in old:
                continue
            before, currency_before = old[item]
            products += 1
            moved += currency != currency_before or abs(amount - before) > by * before
            if before:
                ratios.append(amount / before)
        return cls(products, moved, round(median(ratios), 4) if ratios else math.nan)


@attrs.frozen
class ProductVolume:
    """How many products two jobs have, each counted once per language."""

    before: int
    now: int
    gone: int
    """How many the old job has and the new one does not."""

    @classmethod
    def between(cls, old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> Self:
        """Count the products of two jobs.

        >>> en, ru = {"item_id": 1, "language": "en"}, {"item_id": 1, "language": "ru"}
        >>> ProductVolume.between([en, ru], [ru, ru])
        ProductVolume(before=2, now=1, gone=1)
        """
        was, is_now = (
            {(row.get("language"), row["item_id"]) for row in rows} for rows in (old, new)
        )
        return cls(len(was), len(is_now), len(was - is_now))


def job_before(name: str, source: object, output_dir: Path) -> JobFiles | None:
    """Return the previous job of the series; None if there is none with products.

    :param source: where this job's products come from; only jobs of the same source are compared
    """
    for job in jobs_in_series(series_of(name) or "", output_dir):
        is_earlier = job.name < name and job.facts.get("source") == source
        if is_earlier and not job.facts.get("running"):
            with suppress(UsageProblems, StorageError):
                return JobFiles.open(job.name, output_dir)
    return None
