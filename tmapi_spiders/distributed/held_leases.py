"""Leases this worker holds until Redis acknowledges their end."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tmapi_spiders import stats
from tmapi_spiders.distributed.lease_fields import read_image
from tmapi_spiders.distributed.staged_commit import stage_dead_letter, stage_failure
from tmapi_spiders.formats import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.outbox import Outbox
    from tmapi_spiders.distributed.shared_job import SharedJob
    from tmapi_spiders.distributed.store import Step

__all__ = ["HeldLeases"]

logger = logging.getLogger(__name__)


class HeldLeases:
    """The leases a worker holds, by query, and how each of them ends.

    :param outbox: takes the steps that end them
    :param worker: the worker's name
    :param count: adds to a stat
    """

    def __init__(
        self, outbox: Outbox, job: SharedJob, worker: str, count: Callable[..., None]
    ) -> None:
        self._outbox = outbox
        self._job = job
        self._worker = worker
        self._count = count
        self._held: dict[str, Lease] = {}

    def __len__(self) -> int:
        """Return how many are held."""
        return len(self._held)

    def __iter__(self) -> Iterator[Lease]:
        """Return an iterator over the leases held now; they may end meanwhile."""
        return iter(list(self._held.values()))

    def get(self, query_id: str) -> Lease | None:
        """Return the lease of a query, if it is held."""
        return self._held.get(query_id)

    def of(self, call: Call | None) -> Lease | None:
        """Return the lease a call is made for, if it is held.

        A request of the project's own may have another's call in its ``meta``, and come late.
        """
        lease = self._held.get(call.query_id) if call is not None else None
        return lease if lease is not None and lease.call is call else None

    def take(self, lease: Lease) -> None:
        """Hold a lease from now on."""
        self._held[lease.query.query_id] = lease
        self._count(stats.LEASE_TAKEN)

    def clear(self) -> None:
        """Drop all leases; other workers get the tasks once the leases expire."""
        self._held.clear()

    def lose(self, lease: Lease) -> None:
        """Note that another worker has the task by now, so that nothing is committed for it.

        The lease is held until its request is over, so that the answer can't be mistaken for one to
        another lease of the same query.
        """
        if not lease.is_ended and not lease.is_lost:
            logger.warning(
                "Lost the lease of %s, page %d: this worker was silent for longer than "
                "TMAPI_LEASE_SECONDS. It goes to another worker.",
                *(lease.query.query_id, lease.page),
            )
            lease.is_lost = True
            self._count(stats.LEASE_LOST)

    def answered(self, lease: Lease, sign: Sign | None) -> None:
        """Return the permit of an answered call, before its page is parsed."""
        if lease.sends and not lease.answered:
            lease.answered = True
            self._outbox.answered(lease, sign)

    def failed(self, lease: Lease, sign: Sign) -> None:
        """Return the permit of a call that got no answer, and what that says about the API."""
        if lease.sends and not lease.answered:
            lease.answered = True
            self._outbox.failed(lease, sign)

    def note(self, lease: Lease, code: int | None, message: str) -> None:
        """Note an error of a query that may not be its end."""
        progress = lease.progress
        progress.code, progress.message, progress.finished_at = code, message, utc_now()

    def commit(self, lease: Lease) -> None:
        """Commit what is staged in a lease."""
        self._end(lease, lease.commit(lambda reply: self._committed(lease, reply)))

    def commit_if_whole(self, lease: Lease) -> None:
        """Commit a parsed page once all of its products have left the pipelines."""
        if not lease.is_whole or lease.is_ended:
            return
        if not lease.is_staged:
            lease.error = (
                lease.error or "its answer did not reach the spider: a middleware held it back"
            )
            lease.is_parsed = False
        if lease.error is not None:
            self._keep_dead_letter(lease, lease.error)
        self.commit(lease)

    def give_back(self, lease: Lease, how: str, **options: float) -> None:
        """Give a lease back; see :meth:`Lease.give_back`."""
        self._end(lease, lease.give_back(how, lambda _: self._let_go(lease), **options))

    def fail(self, lease: Lease, code: int | None, message: str) -> None:
        """End a query, or those that wait for a conversion, by an error."""
        if lease.is_mend:
            lease.error, lease.callback_ended, lease.goes_on = message, True, True
            self.commit_if_whole(lease)
            return
        self.note(lease, code, message)
        stage_failure(lease)
        self.commit(lease)

    def _keep_dead_letter(self, lease: Lease, error: str) -> None:
        """Keep an answer as a dead letter, so that it is not paid for again."""
        what = "a pipeline failed on its items" if lease.is_parsed else "its answer can't be parsed"
        logger.error(
            "Query %s, page %d: %s (%s); the answer is kept as a dead letter",
            *(lease.query.query_id, lease.page, what, error),
        )
        self._count(stats.ANSWER_DEAD)
        if not lease.is_parsed and not lease.is_mend:
            self.note(lease, None, error)
            stage_dead_letter(lease)
        lease.letter_json = lease.new_letter().to_json(
            query_id=lease.query.query_id,
            seed=lease.query.seed.text,
            error=error,
            at=utc_now(),
            worker=self._worker,
        )

    def _end(self, lease: Lease, step: Step) -> None:
        """Queue the step that commits a lease or gives it back; only the first one counts."""
        if lease.is_ended:
            return
        lease.is_ended = True
        if lease.is_lost:
            self._let_go(lease)
        else:
            self._outbox.add(step)

    def _committed(self, lease: Lease, reply: list[Any]) -> None:
        if reply[0] == b"conflict":
            later = lease.progress if lease.page > 1 else None
            lease.replace_image(*read_image(reply[1], lease.query, self._job, later))
            self._outbox.add(lease.commit(lambda again: self._committed(lease, again)))
            return
        if reply[0] == b"done":
            new = int(reply[1])
            self._count(stats.PRODUCT_NEW, new)
            self._count(stats.PRODUCT_DUPLICATE, len(lease.rows) - new)
            self._count(stats.LEASE_COMMITTED)
            self._count(stats.PAGE_READ, lease.believed)
        else:
            self._count(stats.LEASE_LOST)
        self._let_go(lease)

    def _let_go(self, lease: Lease) -> None:
        if self._held.get(lease.query.query_id) is lease:
            del self._held[lease.query.query_id]
        self._outbox.check_for_leases()
