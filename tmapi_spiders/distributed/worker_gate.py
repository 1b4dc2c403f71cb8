"""The gate of a worker: a call is sent under its lease, which holds its place in the budget.

Permits and budget are kept on Redis.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders.crawl.interfaces import Gate, GateClosed, Permit
from tmapi_spiders.distributed.keys import OVER_LIMIT, STRUCK
from tmapi_spiders.formats import utc_now
from tmapi_spiders.middlewares import QueryEnded, why_not_sent

if TYPE_CHECKING:
    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.distributed.exchange import Exchange
    from tmapi_spiders.distributed.held_leases import HeldLeases
    from tmapi_spiders.distributed.lease import Lease

__all__ = ["LeaseGate"]

#: Seconds between two checks whether Redis is back.
_POLL_SECONDS = 0.05

#: Seconds between two requests for the permit of a call that has no lease.
_STARVED = 0.1

#: The last part of a lease in which no call is sent, since another worker might send it too.
_LAST_PART = 0.2


class LeaseGate(Gate):
    """Admits a call if this worker still holds its lease, and none once it is closed.

    The lease is the permit, and holds the call's place in the budget.
    """

    def __init__(self, holding: HeldLeases, exchange: Exchange, lease_seconds: float) -> None:
        self._holding = holding
        self._exchange = exchange
        self._margin = _LAST_PART * lease_seconds
        self._open = True
        self._others: dict[int, str] = {}
        """By number, for calls in flight without a separate lease: the task that they count for."""
        self.waiting = 0
        """Calls without a separate lease that wait for a permit."""
        self.others_refused = 0
        """Requests of the project's own that were not sent, since the job was stopping."""

    @property
    @override
    def is_open(self) -> bool:
        return self._open

    @override
    def close(self) -> None:
        self._open = False

    @property
    def others(self) -> list[int]:
        """Numbers of the calls in flight without a separate lease."""
        return list(self._others)

    @property
    @override
    def allowed(self) -> int:
        return self._exchange.allowed

    @override
    async def admit(self, call: Call | None = None, *, priority: int = 0) -> Permit:
        if call is None:
            return await self._admit_other(None)
        loop = asyncio.get_running_loop()
        lease = self._holding.of(call)
        if lease is None and self._open:
            raise QueryEnded(why_not_sent(call))
        if lease is not None and lease.sent:
            return await self._admit_other(lease)
        while lease is not None and not lease.is_lost and self._open:
            if not self._exchange.is_away and loop.time() < lease.valid_until - self._margin:
                break
            await asyncio.sleep(_POLL_SECONDS)
            lease = self._holding.of(call)
        if lease is None or lease.is_lost or not self._open:
            raise GateClosed("the job is stopping")
        lease.sent = True
        self.sent += 1
        return Permit(int(lease.token), utc_now(), call.query_id)

    async def _admit_other(self, lease: Lease | None) -> Permit:
        """Wait for the permit of a call that no separate lease is for.

        :param lease: the lease whose request is sent once more; None for a request of the project's
            own
        """
        task = "" if lease is None else lease.task
        number = uuid.uuid4().int % 10**15
        self.waiting += 1
        try:
            while self._may_leave(lease):
                answer = await self._exchange.ask_permit(number, task)
                if answer and not self._may_leave(lease):
                    self._exchange.release(number, task, "failed", counts=False)
                elif answer > 0:
                    self.sent += 1
                    self._others[number] = task
                    return Permit(number, utc_now(), "" if lease is None else lease.query.query_id)
                elif answer < 0:
                    break
                await asyncio.sleep(_STARVED)
        except asyncio.CancelledError:
            self._exchange.release(number, task, "failed", counts=False)
            raise
        finally:
            self.waiting -= 1
            self._exchange.check_for_leases()
        self.others_refused += lease is None
        raise GateClosed("the job is stopping")

    def _may_leave(self, lease: Lease | None) -> bool:
        return self._open and (lease is None or not lease.is_lost)

    @override
    def answered(self, permit: Permit, *, counts: bool, sign: Sign | None = None) -> None:
        lease = self._back(permit, "answered", counts=counts, sign=sign)
        if lease is not None:
            self._holding.answered(lease, sign)

    @override
    def failed(self, permit: Permit, *, sent: bool, sign: Sign | None = None) -> None:
        lease = self._back(permit, "failed", counts=sent, sign=sign)
        if lease is not None and sign is not None:
            self._holding.failed(lease, sign)  # else its permit comes back with the lease

    @override
    async def is_spared(self, permit: Permit) -> bool:
        return self._lease_of(permit) is not None and await self._exchange.is_spared()

    @override
    def refused(self, permit: Permit) -> None:
        if (lease := self._back(permit, "refused", counts=False)) is not None:
            lease.count[OVER_LIMIT] = 1  # it is given back as refused

    def _back(
        self, permit: Permit, how: str, *, counts: bool, sign: Sign | None = None
    ) -> Lease | None:
        self.struck += not counts
        if (task := self._others.pop(permit.number, None)) is not None:
            self._exchange.release(permit.number, task, how, counts=counts, sign=sign)
            return None
        lease = self._lease_of(permit)
        if lease is not None:
            lease.counts = counts
            if not counts:
                lease.count[STRUCK] = 1
        return lease

    def _lease_of(self, permit: Permit) -> Lease | None:
        lease = self._holding.get(permit.query_id)
        return lease if lease is not None and int(lease.token) == permit.number else None
