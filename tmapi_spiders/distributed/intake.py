"""Turns leases from Redis into requests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson

from tmapi_spiders.api.calls import call_of
from tmapi_spiders.distributed.store import Step
from tmapi_spiders.formats import utc_now

if TYPE_CHECKING:
    from scrapy import Request

    from tmapi_spiders.crawl.interfaces import Requests
    from tmapi_spiders.distributed.lease import Lease

__all__ = ["request_of", "unreadable_step"]

logger = logging.getLogger(__name__)


def request_of(lease: Lease, requests: Requests) -> Request:
    """Return the request for a lease, and note its call in the lease."""
    query, progress = lease.query, lease.progress
    if lease.is_conversion:
        request = requests.request_conversion(query.seed, query.query_id, lease.repeat)
    else:
        request = requests.request_page(
            query, lease.page, img_url=progress.img_url, generation=progress.generation
        )
    lease.call = call = call_of(request)
    assert call is not None
    call.attempt, call.spared, call.refusals = lease.attempt, lease.spared, lease.refusals
    call.rejections = lease.rejections
    return request


def unreadable_step(row: list[Any], problem: str) -> Step:
    """Return the step that moves a task that can't be read to the dead letters.

    :param row: the lease as Redis returned it
    """
    logger.error("Task %r: %s", row[0], problem)
    letter = orjson.dumps({"task": repr(row[0]), "error": problem, "at": utc_now()}).decode()
    rest: dict[str, Any] = {"how": "unreadable", "counts": False, "delay": 0, "letter": letter}
    return Step("give_back", [row[0], row[1], orjson.dumps(rest)])
