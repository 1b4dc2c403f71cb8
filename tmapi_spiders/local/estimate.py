"""Estimates the least and the most calls that a job can still need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from tmapi_spiders.crawl.image_state import MOST_CONVERSIONS
from tmapi_spiders.jobs.archive import ARCHIVE, Archive
from tmapi_spiders.jobs.conversions import Conversions
from tmapi_spiders.jobs.job_json import read_job_json
from tmapi_spiders.wording import calls, plural

if TYPE_CHECKING:
    from pathlib import Path

    from tmapi_spiders.config.settings import Config
    from tmapi_spiders.inputs.arguments import Arguments
    from tmapi_spiders.inputs.queries import Queries

__all__ = ["Estimate"]

#: The most queries, or images, that are looked up one by one to see what is already paid or known.
_COUNTED = 20_000


@attrs.frozen
class Estimate:
    """The calls that a job still needs to be complete."""

    least: int
    """A page per query, and a conversion per image that needs one, except those already paid."""
    most: int | None
    """Without retries; None if there is no upper limit, since neither pages nor items have one."""
    pages: int | None
    """The pages among the most calls: those that the arguments ask for."""
    retry_times: int
    budget: int
    """0: no cap."""
    spent: int
    """Calls of earlier runs of the job."""
    price: float
    """Money per call; 0: not known."""
    conversions: int = 0
    """Images that are converted before any search, by this job or an earlier one."""
    unproven: int = 0
    """Images that are searched for as they are; the API may want them converted first."""
    conversion_days: float = 0.0
    """For how many days a conversion is used."""

    @classmethod
    def of(
        cls,
        config: Config,
        arguments: Arguments,
        queries: Queries,
        archive: Archive | None,
        conversions: Conversions,
    ) -> Estimate:
        """Estimate; nothing is sent.

        :param archive: the answers that the job has paid for; None: none
        :param conversions: the conversions that other jobs have paid for
        """
        tally = queries.seeds.tally
        first = unproven = 0
        if arguments.convert == "always":
            first = tally.convertible_images
        elif arguments.convert == "auto":
            first = tally.unconverted_images + _known_refused(queries, conversions)
            unproven = tally.convertible_images - first
        least = len(queries)
        paid = archive.searches_with_pages() if archive is not None and archive.pages else set()
        if paid or tally.repeated_images:
            if least <= _COUNTED:
                least = len({query.search_id for query in queries} - paid)
            else:
                most_each = max(group.queries_each for group in queries.groups())
                least -= len(paid) + tally.repeated_images * most_each
        if first:
            kept = len(conversions) + (archive.conversions if archive else 0)
            least = max(least, 0) + max(first - kept, 0)
        pages = _most_pages(queries, arguments.max_items)
        most = pages
        if most is not None and arguments.convert != "never":
            # Each of these may be refused once, and then be converted like the others.
            most += first + 2 * unproven
            for group in queries.groups():
                most += group.convertible * (group.queries_each + MOST_CONVERSIONS - 1)
        return cls(
            max(least, 0),
            most,
            pages,
            config.retry_times,
            config.budget,
            archive.journal.calls if archive else 0,
            config.call_price,
            first,
            unproven,
            config.conversion_days,
        )

    @classmethod
    def of_job(
        cls, config: Config, arguments: Arguments, queries: Queries, folder: Path | None
    ) -> Estimate:
        """Estimate a job that is not running.

        :param folder: the job's folder, if it has one
        :raises UsageProblems: if it comes from another source
        :raises StorageError: if its archive can't be read
        """
        archive = None
        if folder is not None and read_job_json(folder):
            archive = Archive.open(folder / ARCHIVE, config.source, must_exist=True, read_only=True)
        conversions = Conversions.of(config)
        try:
            return cls.of(config, arguments, queries, archive, conversions)
        finally:
            conversions.close()
            if archive is not None:
                archive.close()

    @property
    def left(self) -> int | None:
        """Calls that the budget still allows; None: no cap."""
        return max(self.budget - self.spent, 0) if self.budget else None

    def sentence(self) -> str:
        """Return the estimate in one line, for the crawl's announcement."""
        if self.most is None:
            most = "no upper limit (max_pages=0)"
        else:
            most = f"at most {calls(self.most, self.price)} without retries"
        return f"at least {calls(self.least, self.price)}, {most}, {self.budget_phrase()}"

    def budget_phrase(self) -> str:
        """Return the budget, and how much of it is spent."""
        if not self.budget:
            return "no budget"
        spent = f", {self.spent:,} of them spent" if self.spent else ""
        return f"budget {plural(self.budget, 'call')}{spent}"

    def lines(self) -> list[str]:
        """Return the estimate at length."""
        least = f"  least   {calls(self.least, self.price)}: "
        least += "a page per query, and a conversion per image that needs one"
        if self.spent:
            least += "; answers that earlier runs paid for cost nothing"
        lines = [least]
        if self.most is None or self.pages is None:
            lines.append(
                "  most    no upper limit: neither max_pages nor max_items is set; "
                "TMAPI_BUDGET would be one"
            )
        else:
            most = f"  most    {calls(self.most, self.price)}: {plural(self.pages, 'page')}"
            if self.most > self.pages:
                most += (
                    f"; {self.most - self.pages:,} more if images turn out to need a conversion "
                    "(it, and their first pages again)"
                )
            lines.append(most)
            if self.retry_times:
                tried = self.most * (1 + self.retry_times)
                lines.append(
                    f"          {calls(tried, self.price)} if each of them needs all of its "
                    f"retries (TMAPI_RETRY_TIMES={self.retry_times})"
                )
        lines += self._conversion_lines()
        phrase = self.budget_phrase().removeprefix("budget ") if self.budget else "none"
        lines.append(f"  budget  {phrase}")
        if self.left is not None:
            lines[-1] += f": {calls(self.left, self.price)} at most from now on"
        return lines

    def _conversion_lines(self) -> list[str]:
        lines = []
        if self.conversions:
            if self.conversion_days:
                used = f"is used for {self.conversion_days:g} days, by any job"
            else:
                used = "is used only by its job"
            lines.append(
                f"  convert {plural(self.conversions, 'image')} before anything is asked; a "
                f"conversion {used} (TMAPI_CONVERSION_DAYS)"
            )
            if self.conversion_days < 1:
                each_day = calls(self.conversions, self.price)
                lines.append(f"          a daily series pays for them each day: {each_day}")
        if self.unproven:
            lines.append(
                f"  images  {plural(self.unproven, 'image')} on Alibaba's hosts may be refused "
                "until converted, at a call each:"
            )
            lines.append(
                f"          {calls(self.unproven, self.price)} that convert=always saves, for the "
                "price of a conversion each; later jobs know them"
            )
        return lines


def _known_refused(queries: Queries, conversions: Conversions) -> int:
    """Return how many images on Alibaba's hosts are known to be refused by their own URL.

    In a very long list that is not looked up: 0.
    """
    if not conversions.has_refused or len(queries.seeds) > _COUNTED:
        return 0
    own = {seed.img_url for seed in queries.seeds if not seed.needs_conversion}
    return sum(map(conversions.is_refused, own))


def _most_pages(queries: Queries, max_items: int) -> int | None:
    """Return how many pages all queries may have; None if there is no upper limit."""
    pages = 0
    for group in queries.groups():
        # Each page of a query except the last has a new item, so max_items limits pages, too.
        limits = [limit for limit in (group.max_pages, max_items) if limit]
        if not limits:
            return None
        pages += group.seeds * group.queries_each * min(limits)
    return pages
