"""The gate: what every call passes on its way out, and what stops them all.

A call leaves once it has a permit and a place in the budget. Both come back when it is over; the
place only if the answer does not count.
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.crawl.permits import Permits
    from tmapi_spiders.jobs.journal import Journal

__all__ = ["LocalGate"]

logger = logging.getLogger(__name__)

_Waiting = tuple[tuple[int, int], str, int, asyncio.Future[Permit]]
"""Priority and arrival; query, attempt; what it waits for."""


class LocalGate(Gate):
    """Lets as many calls out as permits and budget allow, and none once it is closed.

    Scrapy's own slot concurrency is no limit to rely on: requests that a middleware sends, or that
    are queued when a spider closes, leave all the same.

    :param permits: how many calls may be in flight
    :param journal: counts the calls of all runs; the budget is exact since every call is in it
        before it leaves
    :param budget: calls that the job may make in all its runs; 0 = no cap
    :param exhausted: told once the budget is spent, all of its calls are answered, and another
        wants to leave
    :param storage_failed: told that the journal can't be written
    :param outage: judges whether the API fails everything; none: nobody does
    :param failing: told that it does, of which the job is to stop: the reason, and what it was
    """

    def __init__(
        self,
        permits: Permits,
        journal: Journal,
        budget: int = 0,
        exhausted: Callable[[], None] = lambda: None,
        *,
        storage_failed: Callable[[StorageError], None] = lambda _: None,
        outage: Outage | None = None,
        failing: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self.permits = permits
        self._journal = journal
        self._budget = budget
        self._exhausted = exhausted
        self._storage_failed = storage_failed
        self.outage = outage or Outage(0)
        self._failing = failing
        self._probe: int | None = None
        """The number of the last call that left as a probe."""
        self._open = True
        self._waiting: list[_Waiting] = []
        """A heap: by priority, and those of one priority as they came."""
        self._arrivals = count()
        self._pause: asyncio.TimerHandle | None = None
        self._probing: asyncio.TimerHandle | None = None
        self.wanted = 0
        """Calls that would be in flight by now, were none held back before they came here."""
        self.in_flight = 0
        self.most_in_flight = 0

    @property
    @override
    def is_open(self) -> bool:
        return self._open

    @property
    @override
    def allowed(self) -> int:
        return self.permits.allowed

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
        self._let_out()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_back(future.result(), counts=False)  # it was let out and did not go
                self._leave()
            raise

    @override
    def answered(self, permit: Permit, *, counts: bool, sign: Sign | None = None) -> None:
        self.permits.answered(max(self.in_flight, self.wanted))
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
        pause = self.permits.refused(self.in_flight - 1)
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
            self._storage_failed(exc)

    def _judge(self, permit: Permit, sign: Sign | None) -> None:
        """Learn what the end of a call tells of the API as a whole."""
        outage = self.outage
        if sign is None:
            return
        was_probing = outage.is_probing
        if sign.works:
            outage.worked()
            if was_probing:
                logger.warning("The API works again: the crawl goes on.")
            return
        outage.failed(permit.query_id, sign, is_probe=permit.number == self._probe)
        if outage.is_over:
            if self._open:
                self._failing(sign.reason, str(outage))
        elif outage.is_probing and not was_probing:
            logger.warning(
                "The API fails everything: %s. From now on one call at a time probes it; when %d "
                "have failed, the job stops.",
                *(outage, MOST_PROBES),
            )

    def _leave(self) -> None:
        self.in_flight -= 1
        self._let_out()

    def _go_on(self) -> None:
        self._pause = None
        self._let_out()

    def _probe_now(self) -> None:
        self._probing = None
        self._let_out()

    @property
    def _has_room(self) -> bool:
        """Whether one more call may be in flight; looks again when it is time for a probe."""
        if self._pause is not None or self.in_flight >= self.permits.allowed:
            return False
        room = self.outage.room
        if room == 0 and self._probing is None and self._open:
            loop = asyncio.get_running_loop()
            self._probing = loop.call_later(self.outage.seconds_to_probe, self._probe_now)
        return room is None or self.in_flight < room

    def _let_out(self) -> None:
        """Let out as many of those that wait as may go."""
        while self._waiting and self._has_room:
            if self._budget and self._journal.calls >= self._budget:
                if not self.in_flight:  # else one of them may turn out not to count
                    self._exhausted()
                return
            _, query_id, attempt, future = heappop(self._waiting)
            if future.done():
                continue
            try:
                sent_at = utc_now()
                number = self._journal.note(query_id, attempt, sent_at)
            except StorageError as exc:
                future.set_exception(GateClosed("the job is stopping"))
                self._storage_failed(exc)
                return
            self.sent += 1
            self._probe = number if self.outage.is_probing else None
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            future.set_result(Permit(number, sent_at, query_id))
