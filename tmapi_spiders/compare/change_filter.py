"""Decides which changes to report, by the options ``--only`` and ``--min-…-change``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Self

import attrs

from tmapi_spiders.compare.changes import KINDS
from tmapi_spiders.errors import UsageProblems, did_you_mean, shortened

if TYPE_CHECKING:
    from tmapi_spiders.compare.changes import Change

__all__ = ["ChangeFilter", "Threshold"]

_THRESHOLD = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(%?)")


@attrs.frozen
class Threshold:
    """The least change that counts: a number, or a percentage of the value before."""

    least: Decimal = Decimal(0)
    is_percent: bool = False

    @classmethod
    def read(cls, option: str, given: str | None, *, may_be_percent: bool = True) -> Self:
        """Read an option's value.

        >>> Threshold.read("--min-price-change", "5%")
        Threshold(least=Decimal('5'), is_percent=True)

        :raises ValueError: if it is not a threshold
        """
        if given is None:
            return cls()
        found = _THRESHOLD.fullmatch(given.strip())
        if not found:
            raise ValueError(
                f"{option} {shortened(given)}: accepted: a number, or one with %: 0.50, 5%."
            )
        if found[2] and not may_be_percent:
            raise ValueError(f"{option} {shortened(given)}: accepted: a number of places: 3.")
        return cls(Decimal(found[1]), bool(found[2]))

    def passes(self, change: Change) -> bool:
        """Return whether a change is large enough; any change from 0 is, in per cent."""
        if self.is_percent and change.percent is not None:
            size, before = Decimal(change.difference or 0), Decimal(change.before or 0)
            return abs(size) * 100 >= self.least * abs(before)
        if self.is_percent:
            return True
        return change.difference is None or abs(Decimal(change.difference)) >= self.least


@attrs.frozen
class ChangeFilter:
    """Passes changes of some kinds that are large enough."""

    kinds: frozenset[str] = frozenset(KINDS)
    thresholds: dict[str, Threshold] = attrs.field(factory=dict)

    @classmethod
    def read(cls, only: str | None, **thresholds: str | None) -> Self:
        """Read the options.

        :param only: kinds separated by commas; None for all
        :param thresholds: the options' values by kind; None lets any change pass
        :raises UsageProblems: with all that is wrong
        """
        kinds = [word.strip() for word in only.split(",")] if only is not None else list(KINDS)
        problems = [
            f"--only {shortened(word)}: accepted: {', '.join(KINDS)}.{did_you_mean(word, KINDS)}"
            for word in kinds
            if word not in KINDS
        ]
        read = {}
        for kind, given in thresholds.items():
            try:
                option = f"--min-{kind}-change"
                read[kind] = Threshold.read(option, given, may_be_percent=kind != "rank")
            except ValueError as exc:
                problems.append(str(exc))
        if problems:
            raise UsageProblems(*problems)
        return cls(frozenset(kinds), read)

    def passes(self, change: Change) -> bool:
        """Return whether to report a change."""
        if change.change not in self.kinds:
            return False
        threshold = self.thresholds.get(change.change)
        return threshold is None or threshold.passes(change)
