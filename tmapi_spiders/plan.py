"""The plan: what is said of a crawl's seeds before anything is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmapi_spiders.phrases import plural, sharing_images
from tmapi_spiders.target_price import CNY, IN_CNY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tmapi_spiders.queries import Queries

__all__ = ["described", "plan_of", "remarks"]


def described(queries: Queries) -> str:
    """Return what is searched for, and where it comes from: the sum, the file, its columns."""
    seeds = queries.seeds
    repeated = f", {seeds.tally.duplicates:,} repeated left out" if seeds.tally.duplicates else ""
    origin = f" {seeds.origin.describe()}" if seeds.origin is not None else ""
    return f"{plural(len(queries), 'query', 'queries')} ({queries.describe()}{repeated}){origin}"


def remarks(
    queries: Queries, rates: Mapping[str, Decimal], dedupe: str, *, by_workers: bool = False
) -> list[str]:
    """Return what is to be known of the seeds: links to pages, targets, images that several have.

    :param rates: of target prices
    :param dedupe: within what a product is written once
    :param by_workers: who each pay for an image that several seeds have
    """
    seeds, tally = queries.seeds, queries.seeds.tally
    origin = seeds.origin
    lines = [f"note: {origin.remark}"] if origin is not None and origin.remark else []
    noun = "image" if origin is None else "row" if origin.sheet else "line"
    lines += [f"warning: {line}" for line in tally.page_links.lines(noun)]
    if tally.targets:
        has = "has" if tally.targets == 1 else "have"
        by = ", ".join(f"{currency} {rate}" for currency, rate in rates.items())
        converted = f"; others by TMAPI_RATES ({by}), as the column {IN_CNY}" if by else ""
        lines.append(
            f"note: {plural(tally.targets, 'seed')} {has} a target price; it is compared with "
            f"prices in {CNY}{converted}"
        )
    if tally.repeated_images:
        paid = "each is paid for" if by_workers else "what both ask is paid for once"
        lines.append(f"note: {sharing_images(tally.sharing, dedupe)}; {paid}")
    return [f"  {line}." for line in lines]


def plan_of(queries: Queries, rates: Mapping[str, Decimal], dedupe: str) -> list[str]:
    """Return what is said of seeds that are put into a job on Redis, a line each."""
    put_in = f"  put in: {described(queries)}"
    return [put_in, *remarks(queries, rates, dedupe, by_workers=True)]
