"""Describes a crawl's seeds and queries to the user before anything is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmapi_spiders.inputs.target_price import CNY, IN_CNY
from tmapi_spiders.wording import plural, sharing_images

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tmapi_spiders.inputs.arguments import Arguments
    from tmapi_spiders.inputs.queries import Queries

__all__ = ["describe_added", "describe_crawl", "remarks"]

#: Source: the vendor's page of the endpoint.
_DOCUMENTED_PAGE_SIZE = 20


def describe_crawl(queries: Queries) -> str:
    """Return how many queries there are and where they come from: the file and its columns."""
    seeds = queries.seeds
    count = seeds.tally.duplicates
    repeated = f", {plural(count, 'duplicate')} left out" if count else ""
    origin = f" {seeds.origin.describe()}" if seeds.origin is not None else ""
    return f"{plural(len(queries), 'query', 'queries')} ({queries.describe()}{repeated}){origin}"


def describe_added(queries: Queries, new_queries: int, new_seeds: int) -> str:
    """Return how many queries were added to a job on Redis, and where they came from.

    :param new_queries: how many of the queries the job did not have yet
    :param new_seeds: how many of the seeds the job did not have yet
    """
    seeds = queries.seeds
    origin = f" {seeds.origin.describe()}" if seeds.origin is not None else ""
    return (
        f"{plural(new_queries, 'query', 'queries')} added "
        f"({plural(new_seeds, 'new seed')} of {len(seeds):,}){origin}"
    )


def remarks(
    queries: Queries,
    arguments: Arguments,
    rates: Mapping[str, Decimal],
    dedupe: str,
    *,
    by_workers: bool = False,
) -> list[str]:
    """Return notes and warnings about the seeds: links to pages, target prices, shared images.

    :param rates: how many CNY one unit is, by currency
    :param dedupe: within what a product is written once
    :param by_workers: whether workers crawl them, which pay once per seed for a shared image
    """
    seeds, tally = queries.seeds, queries.seeds.tally
    origin = seeds.origin
    lines = []
    if arguments.page_size > _DOCUMENTED_PAGE_SIZE:
        lines.append(
            f"warning: page_size={arguments.page_size}: above {_DOCUMENTED_PAGE_SIZE} is not "
            "documented; the API may answer with fewer items or an error"
        )
    if origin is not None and origin.remark:
        lines.append(f"note: {origin.remark}")
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
        paid = "each query is paid for" if by_workers else "queries they share are paid for once"
        lines.append(f"note: {sharing_images(tally.sharing, dedupe)}; {paid}")
    if tally.unconverted_images and arguments.convert == "never":
        lines.append(
            f"warning: {plural(tally.unconverted_images, 'seed')} not on an Alibaba host, and "
            "convert=never: the search may be unable to read the image, and refuse it or find "
            "nothing"
        )
    return [f"  {line}." for line in lines]
