"""Retries in a worker: calls go back to Redis, with a delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders.crawl.interfaces import Retries

if TYPE_CHECKING:
    from scrapy import Request

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.retry_policy import RetryPolicy
    from tmapi_spiders.distributed.held_leases import HeldLeases

__all__ = ["LeaseRetries"]

_SHORTEST_PAUSE = 0.05
"""The shortest pause after a 503, in seconds."""


class LeaseRetries(Retries):
    """Gives calls back to Redis, from where any worker retries them when their delay is over."""

    def __init__(self, holding: HeldLeases, policy: RetryPolicy) -> None:
        self._holding = holding
        self._policy = policy

    @override
    def __len__(self) -> int:
        return 0  # nothing waits in a worker

    @override
    def retry(self, request: Request, call: Call) -> bool:
        lease = self._holding.of(call)
        if lease is None:
            return True  # another worker has it by now
        delay = self._policy.delay_after_failure(call)
        if delay is None:
            return False
        lease.set["attempt"] = call.attempt + 1
        lease.set["spared"] = call.spared + call.is_spared or None
        if call.rejections:
            lease.set["rejections"] = call.rejections
        self._holding.give_back(lease, "retry", delay=delay)
        return True

    @override
    def wait_for_room(self, request: Request, call: Call) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.set["refusals"] = lease.refusals + 1
            delay = self._policy.delay_over_limit(call, lease.refusals)
            pause = max(self._policy.delay, _SHORTEST_PAUSE)
            self._holding.give_back(lease, "refused", delay=delay, pause=pause)
