"""Admits calls as the concurrency limit, the budget and outages allow.

A call is sent once it has a permit and a place in the budget. The permit comes back when the call
has ended, and so does the place in the budget if the answer does not count.
"""

from __future__ import annotations

import asyncio
import logging
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from typing_extensions import override

from tmapi_spiders.crawl.interfaces import Gate, GateClosed, Permit
from tmapi_spiders.crawl.outage import MOST_PROBES, Outage
from tmapi_spiders.errors import StorageError
from tmapi_spiders.formats import utc_now
from tmapi_spiders.wording import plural

if TYPE_CHECKING:
    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.concurrency_limit import ConcurrencyLimit
    from tmapi_spiders.crawl.interfaces import Stopper
    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.jobs.journal import Journal

__all__ = ["LocalGate"]

logger = logging.getLogger(__name__)

_Waiting = tuple[tuple[int, int], str, int, asyncio.Future[Permit]]
"""Priority and arrival; query; attempt; the permit that it waits for."""


class LocalGate(Gate):
    """The gate of a job in one process.

    Scrapy's own slot concurrency can't be relied on as a limit: requests that a middleware sends,
    or that are queued when a spider closes, leave in spite of it.

    :param limit: how many calls may be in flight
    :param journal: has the calls of all runs; each is written to it before it is sent, which makes
        the budget exact
    :param stopper: stops the job: when the budget is spent, all of its calls are answered and
        another one waits; when the API fails every call; when the journal can't be written
    :param budget: calls that the job may make in all its runs; 0 = no cap
    :param outage: judges whether the API fails every call; by default nothing does
    """

    def __init__(
        self,
        limit: ConcurrencyLimit,
        journal: Journal,
        stopper: Stopper,
        *,
        budget: int = 0,
        outage: Outage | None = None,
    ) -> None:
        self.limit = limit
        self._journal = journal
        self._stopper = stopper
        self._budget = budget
        self.outage = outage or Outage(0)
        self._probe: int | None = None
        """The number of the last call that was sent as a probe."""
        self._open = True
        self._waiting: list[_Waiting] = []
        """A heap: by priority, and in order of arrival among equals."""
        self._arrivals = count()
        self._pause: asyncio.TimerHandle | None = None
        self._probing: asyncio.TimerHandle | None = None
        self.wanted = 0
        """Calls that would be in flight by now if none had been held back before the gate."""
        self.in_flight = 0
        self.most_in_flight = 0

    @property
    @override
    def is_open(self) -> bool:
        return self._open

    @property
    @override
    def allowed(self) -> int:
        return self.limit.allowed

    @override
    def close(self) -> None:
        self._open = False
        for timer in (self._pause, self._probing):
            if timer is not None:
                timer.cancel()
        self._pause = self._probing = None
        while self._waiting:
            *_, future = heappop(self._waiting)
            if not future.done():
                future.set_exception(GateClosed("the job is stopping"))

    @override
    async def admit(self, call: Call | None = None, *, priority: int = 0) -> Permit:
        if not self._open:
            raise GateClosed("the job is stopping")
        future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        place = -priority, next(self._arrivals)
        whose = ("", 1) if call is None else (call.query_id, call.attempt)
        heappush(self._waiting, (place, *whose, future))
        self._admit_waiting()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_back(future.result(), counts=False)  # admitted, but never sent
                self._leave()
            raise

    @override
    def answered(self, permit: Permit, *, counts: bool, sign: Sign | None = None) -> None:
        self.limit.answered(max(self.in_flight, self.wanted))
        self._give_back(permit, counts=counts)
        self._judge(permit, sign)
        self._leave()

    @override
    def failed(self, permit: Permit, *, sent: bool, sign: Sign | None = None) -> None:
        self._give_back(permit, counts=sent)
        self._judge(permit, sign)
        self._leave()

    @override
    async def is_spared(self, permit: Permit) -> bool:
        return self.outage.spares

    @override
    def refused(self, permit: Permit) -> None:
        self._give_back(permit, counts=False)
        pause = self.limit.refused(self.in_flight - 1)
        if pause and self._open:
            if self._pause is not None:
                self._pause.cancel()
            self._pause = asyncio.get_running_loop().call_later(pause, self._go_on)
        self._leave()

    def _give_back(self, permit: Permit, *, counts: bool) -> None:
        if counts:
            return
        self.struck += 1
        try:
            self._journal.strike(permit.number)
        except StorageError as exc:
            self._stopper.storage_failed(exc)

    def _judge(self, permit: Permit, sign: Sign | None) -> None:
        """Learn what the end of a call shows about the API as a whole."""
        outage = self.outage
        if sign is None:
            return
        was_probing = outage.is_probing
        if sign.works:
            outage.worked()
            if was_probing:
                logger.warning("The API works again: the crawl continues.")
            return
        outage.failed(permit.query_id, sign, is_probe=permit.number == self._probe)
        if outage.is_over:
            if self._open:
                self._stopper.stop(sign.reason, str(outage))
        elif outage.is_probing and not was_probing:
            logger.warning(
                "The API fails everything: %s. From now on one call at a time probes it; when %d "
                "have failed, the job stops.",
                *(outage, MOST_PROBES),
            )

    def _stop_for_budget(self) -> None:
        made = plural(self._journal.calls, "call")
        self._stopper.stop(
            "budget", f"{made} made in all runs, and TMAPI_BUDGET allows {self._budget:,}"
        )

    def _leave(self) -> None:
        self.in_flight -= 1
        self._admit_waiting()

    def _go_on(self) -> None:
        self._pause = None
        self._admit_waiting()

    def _probe_now(self) -> None:
        self._probing = None
        self._admit_waiting()

    @property
    def _has_room(self) -> bool:
        """Whether one more call may be in flight; if not, a timer is set for the next probe."""
        if self._pause is not None or self.in_flight >= self.limit.allowed:
            return False
        room = self.outage.room
        if room == 0 and self._probing is None and self._open:
            loop = asyncio.get_running_loop()
            self._probing = loop.call_later(self.outage.seconds_to_probe, self._probe_now)
        return room is None or self.in_flight < room

    def _admit_waiting(self) -> None:
        """Admit as many of the calls that wait as may be sent."""
        while self._waiting and self._has_room:
            if self._budget and self._journal.calls >= self._budget:
                if not self.in_flight:  # else one of them may turn out not to count
                    self._stop_for_budget()
                return
            _, query_id, attempt, future = heappop(self._waiting)
            if future.done():
                continue
            try:
                sent_at = utc_now()
                number = self._journal.note(query_id, attempt, sent_at)
            except StorageError as exc:
                future.set_exception(GateClosed("the job is stopping"))
                self._stopper.storage_failed(exc)
                return
            self.sent += 1
            self._probe = number if self.outage.is_probing else None
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            future.set_result(Permit(number, sent_at, query_id))
