"""What stands in a worker for the gate, the retries and the ledger of a crawl of its own.

Permits, budget, tries and progress are kept on Redis; here are the places where Scrapy's side asks
for them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tmapi_spiders.clock import utc_now
from tmapi_spiders.gate import GateClosed, Permit
from tmapi_spiders.retries import backoff, jittered

if TYPE_CHECKING:
    from scrapy import Request

    from tmapi_spiders.calls import Call
    from tmapi_spiders.distributed.holder import Holder
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.ledger import Progress

__all__ = ["LeaseGate", "LeaseLedger", "LeaseRetries"]

#: Seconds between two looks at whether Redis is back.
_POLL_SECONDS = 0.05

#: A call is not sent in the last part of a lease: somebody else might send it too.
_LAST_PART = 0.2


class LeaseGate:
    """Lets a call out if its lease is still this worker's, and none once it is closed.

    The lease is the permit, and holds the call's place in the budget.
    """

    def __init__(self, worker: Holder) -> None:
        self._worker = worker
        self.is_open = True
        self.sent = 0
        """Calls that left."""
        self.struck = 0
        """Those of them that turned out not to count."""
        self.in_flight = 0
        self.most_in_flight = 0

    def close(self) -> None:
        """Let no more calls out; those in flight are not touched."""
        self.is_open = False

    @property
    def allowed(self) -> int:
        """Calls in flight that the account bears, of all workers, as far as is known."""
        return self._worker.allowed

    async def admit(self, query_id: str, attempt: int = 1, *, first: bool = False) -> Permit:  # noqa: ARG002 - as the gate of a crawl of its own
        """Return leave to send one call.

        :raises GateClosed: if the job is stopping, or if the lease was lost
        """
        worker, loop = self._worker, asyncio.get_running_loop()
        lease = worker.held.get(query_id)
        while lease is not None and not lease.is_lost and self.is_open:
            margin = _LAST_PART * worker.config.lease_seconds
            if not worker.is_away and loop.time() < lease.valid_until - margin:
                break
            await asyncio.sleep(_POLL_SECONDS)
            lease = worker.held.get(query_id)
        if lease is None or lease.is_lost or not self.is_open:
            raise GateClosed("the job is stopping")
        lease.sent = True
        self.sent += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return Permit(int(lease.token), utc_now(), query_id)

    def answered(self, permit: Permit, *, counts: bool) -> None:
        """Take back the permit of a call that was answered, but for one over the limit."""
        self._back(permit, counts=counts, answered=True)

    def failed(self, permit: Permit, *, sent: bool) -> None:
        """Take back the permit of a call that brought no answer.

        :param sent: whether it may have reached the API
        """
        self._back(permit, counts=sent, answered=False)

    def refused(self, permit: Permit) -> None:
        """Take note that a call was over the account's limit; its lease is given back as such."""
        self._back(permit, counts=False, answered=False)

    def _back(self, permit: Permit, *, counts: bool, answered: bool) -> None:
        self.in_flight -= 1
        self.struck += not counts
        lease = self._worker.held.get(permit.query_id)
        if lease is not None and int(lease.token) == permit.number:
            lease.counts = counts
            if answered:
                self._worker.answered(lease)


class LeaseRetries:
    """Has calls tried again, by whichever worker comes first when it is time."""

    def __init__(self, worker: Holder) -> None:
        self._worker = worker

    def __len__(self) -> int:
        """Return 0: nothing waits in a worker."""
        return 0

    def try_again(self, request: Request, call: Call) -> bool:  # noqa: ARG002
        """Try again a call that failed for a passing reason; return False if it had its tries."""
        worker = self._worker
        lease = worker.held.get(call.query_id)
        if lease is None:
            return True  # it is somebody else's by now
        if lease.attempt > worker.config.retry_times:
            return False
        lease.set["attempt"] = lease.attempt + 1
        delay = jittered(backoff(worker.config.retry_delay, lease.attempt))
        worker.give_back(lease, "retry", delay=delay)
        return True

    def wait_for_room(self, request: Request, call: Call) -> None:  # noqa: ARG002
        """Try again a call that was over the account's limit, however often that happens."""
        worker = self._worker
        if (lease := worker.held.get(call.query_id)) is not None:
            lease.set["refusals"] = lease.refusals + 1
            wait = backoff(worker.config.retry_delay, lease.refusals) if lease.refusals else 0.0
            pause = max(worker.config.retry_delay, _POLL_SECONDS)
            worker.give_back(lease, "refused", delay=jittered(wait), pause=pause)


class LeaseLedger:
    """Knows the progress of the queries whose leases this worker holds."""

    def __init__(self, worker: Holder) -> None:
        self._worker = worker

    def __getitem__(self, query_id: str) -> Progress:
        """Return how far a query is.

        :raises KeyError: if its lease is not this worker's
        """
        return self._worker.held[query_id].progress

    def called(self, query_id: str, sent_at: str, *, again: bool) -> None:
        """Do nothing: Redis has counted the call when it was leased."""

    def not_counted(self, query_id: str, *, again: bool) -> None:
        """Do nothing: the lease says so when it ends."""

    def note(self, query_id: str, code: int | None, message: str) -> None:
        """Note an error that may not be the end of this query."""
        self._worker.note(query_id, code, message)

    def expect(self, query_id: str) -> None:
        """Note that a product goes into the pipelines."""
        if (lease := self._worker.held.get(query_id)) is not None:
            lease.unsettled += 1

    def settle(self, query_id: str, *, rejected: bool = False) -> None:
        """Note that a product has come out of the pipelines."""
        if (lease := self._worker.held.get(query_id)) is not None:
            lease.unsettled -= 1
            lease.progress.rejected_items += rejected
            self._worker.commit_if_whole(lease)

    def fail(self, query_id: str, code: int | None, message: str) -> None:
        """Note that the spider could not take an answer."""
        lease: Lease | None = self._worker.held.get(query_id)
        if lease is not None:
            self.note(query_id, code, message)
            lease.error = message
            lease.callback_ended = True
            self._worker.commit_if_whole(lease)
