"""What stands in a worker for the gate, the retries and the ledger of a crawl of its own.

Permits, budget, tries and progress are kept on Redis; here are the places where Scrapy's side asks
for them.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tmapi_spiders.crawl.backoff import backoff
from tmapi_spiders.crawl.interfaces import Gate, GateClosed, Ledger, Permit, Retries
from tmapi_spiders.distributed.keys import OVER_LIMIT, STRUCK
from tmapi_spiders.formats import utc_now
from tmapi_spiders.local.retries import wait_of
from tmapi_spiders.middlewares import QueryEnded, why_not_sent

if TYPE_CHECKING:
    from scrapy import Request

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.distributed.exchange import Exchange
    from tmapi_spiders.distributed.held_leases import HeldLeases
    from tmapi_spiders.distributed.lease import Lease

__all__ = ["LeaseGate", "LeaseLedger", "LeaseRetries"]

#: Seconds between two looks at whether Redis is back.
_POLL_SECONDS = 0.05

#: Seconds between two tries to get leave for a call that has no lease.
_STARVED = 0.1

#: A call is not sent in the last part of a lease: somebody else might send it too.
_LAST_PART = 0.2


class LeaseGate(Gate):
    """Lets a call out if its lease is still this worker's, and none once it is closed.

    The lease is the permit, and holds the call's place in the budget.
    """

    def __init__(self, holding: HeldLeases, exchange: Exchange, lease_seconds: float) -> None:
        self._holding = holding
        self._exchange = exchange
        self._margin = _LAST_PART * lease_seconds
        self._open = True
        self._others: dict[int, str] = {}
        """Of calls in flight that have no lease of their own, by number: the task they count to."""
        self.waiting = 0
        """Those of them that wait for leave."""
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
        """Numbers of the calls in flight that have no lease of their own."""
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
        """Wait for leave to send a call besides those that leases are for.

        :param lease: whose request is sent once more; None of a request of the project's own
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
            self._holding.failed(lease, sign)  # else its permit comes back with it

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


class LeaseRetries(Retries):
    """Has calls tried again, by whichever worker comes first when it is time.

    :param times: tries after the first (``TMAPI_RETRY_TIMES``)
    :param delay: seconds before the first of them (``TMAPI_RETRY_DELAY``); it doubles
    """

    def __init__(self, holding: HeldLeases, times: int, delay: float) -> None:
        self._holding = holding
        self._times = times
        self._delay = delay

    @override
    def __len__(self) -> int:
        return 0  # nothing waits in a worker

    @override
    def try_again(self, request: Request, call: Call) -> bool:
        lease = self._holding.of(call)
        if lease is None:
            return True  # it is somebody else's by now
        if call.tries > self._times:
            return False
        lease.set["attempt"] = call.attempt + 1
        lease.set["spared"] = call.spared + call.is_spared or None
        if call.rejections:
            lease.set["rejections"] = call.rejections
        delay = wait_of(call, backoff(self._delay, max(call.tries, 1)))
        self._holding.give_back(lease, "retry", delay=delay)
        return True

    @override
    def wait_for_room(self, request: Request, call: Call) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.set["refusals"] = lease.refusals + 1
            wait = backoff(self._delay, lease.refusals) if lease.refusals else 0.0
            pause = max(self._delay, _POLL_SECONDS)
            self._holding.give_back(lease, "refused", delay=wait_of(call, wait), pause=pause)


class LeaseLedger(Ledger):
    """Knows the progress of the queries whose leases this worker holds."""

    def __init__(self, holding: HeldLeases) -> None:
        self._holding = holding

    @override
    def __getitem__(self, query_id: str) -> Progress:
        lease = self._holding.get(query_id)
        if lease is None:
            raise KeyError(query_id)
        return lease.progress

    @override
    def called(self, query_id: str, sent_at: str, *, again: bool) -> None:
        pass  # Redis has counted the call when it was leased

    @override
    def not_counted(self, query_id: str, *, again: bool) -> None:
        pass  # the lease says so when it ends

    @override
    def note(self, query_id: str, code: int | None, message: str) -> None:
        if (lease := self._holding.get(query_id)) is not None:
            self._holding.note(lease, code, message)

    @override
    def expect(self, call: Call, item: Any) -> bool:
        lease = self._holding.of(call)
        return lease is None or lease.expects(item)

    @override
    def settle(self, call: Call, *, new: bool = False, rejected: bool = False) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.unsettled -= 1
            lease.progress.rejected_items += rejected
            lease.rejected += rejected
            self._holding.commit_if_whole(lease)

    @override
    def spoil(self, call: Call, item: Any, error: str) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.failed.append(lease.names.of(item))
            lease.error = lease.error or error

    @override
    def bury(self, call: Call, error: str) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.error, lease.is_parsed = error, False
            lease.callback_ended = True
            self._holding.commit_if_whole(lease)
