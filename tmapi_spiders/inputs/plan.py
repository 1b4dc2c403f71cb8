"""The plan: what is said of a crawl's seeds before anything is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tmapi_spiders.fields.target_price import CNY, IN_CNY
from tmapi_spiders.wording import plural, sharing_images

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tmapi_spiders.inputs.arguments import Arguments
    from tmapi_spiders.inputs.queries import Queries

__all__ = ["described", "put_in", "remarks"]

#: Source: the vendor's page of the endpoint.
_DOCUMENTED_PAGE_SIZE = 20


def described(queries: Queries) -> str:
    """Return what is searched for, and where it comes from: the sum, the file, its columns."""
    seeds = queries.seeds
    repeated = f", {seeds.tally.duplicates:,} repeated left out" if seeds.tally.duplicates else ""
    origin = f" {seeds.origin.describe()}" if seeds.origin is not None else ""
    return f"{plural(len(queries), 'query', 'queries')} ({queries.describe()}{repeated}){origin}"


def put_in(queries: Queries, new_queries: int, new_seeds: int) -> str:
    """Return what was put into a job on Redis, and where it came from.

    :param new_queries: how many of the queries were not there yet
    :param new_seeds: likewise
    """
    seeds = queries.seeds
    origin = f" {seeds.origin.describe()}" if seeds.origin is not None else ""
    return (
        f"{plural(new_queries, 'query', 'queries')} put in "
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
    """Return what is to be known before: links to pages, targets, images that several seeds have.

    :param rates: of target prices
    :param dedupe: within what a product is written once
    :param by_workers: who each pay for an image that several seeds have
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
        paid = "each is paid for" if by_workers else "what both ask is paid for once"
        lines.append(f"note: {sharing_images(tally.sharing, dedupe)}; {paid}")
    if tally.unconverted_images and arguments.convert == "never":
        lines.append(
            f"warning: {plural(tally.unconverted_images, 'seed')} on no Alibaba host, and "
            "convert=never: the search may not be able to read the image, and refuse it or find "
            "nothing"
        )
    return [f"  {line}." for line in lines]
