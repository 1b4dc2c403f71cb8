"""Keeps the progress of each query in memory until its one outcome is written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tmapi_spiders.crawl.interfaces import Ledger
from tmapi_spiders.crawl.paging import Ending
from tmapi_spiders.crawl.progress import Progress
from tmapi_spiders.formats import not_before, utc_now
from tmapi_spiders.items import Outcome
from tmapi_spiders.jobs.journal import CallHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.inputs.queries import Query

__all__ = ["LocalLedger"]


#: Different errors that are counted.
_KEPT_ERRORS = 100

#: The most frequent of them, which are written to job.json.
_WRITTEN_ERRORS = 10


class LocalLedger(Ledger):
    """Follows every query from its first request to its outcome, of which it writes exactly one.

    A query's outcome is written when its last page is read **and** each of its products has left
    the pipelines, so that ``new_items`` is right whatever other pipelines do.
    """

    def __init__(
        self,
        job: str,
        write: Callable[[Outcome], None],
        history: Callable[[str], CallHistory] = lambda _: CallHistory(),
    ) -> None:
        """Make a ledger without queries.

        :param job: its name
        :param write: writes an outcome
        :param history: returns what a query, given its id, cost in earlier runs
        """
        self._job = job
        self._write = write
        self._history = history
        self._open: dict[str, Progress] = {}
        self.by_status: Counter[str] = Counter()
        """By status: queries that have ended."""
        self.evidence: Counter[str] = Counter()
        """By code, and ``all``: queries that have ended with evidence against their ending."""
        self.failures = 0
        """Queries that failed, or ended partial with an error."""
        self.errors: Counter[str] = Counter()
        """The errors that queries ended with, as code and message: a limited number of them."""
        self.rejected = 0
        """Rejected items of all queries."""
        self.dead_letters = 0
        """Answers of which not everything could be turned into rows."""

    def open(self, query: Query) -> Progress:
        """Begin to follow a query."""
        progress = self._open[query.query_id] = self._begin(query)
        return progress

    def __len__(self) -> int:
        """Return how many queries are open."""
        return len(self._open)

    def __iter__(self) -> Iterator[Progress]:
        """Yield the progress of each open query."""
        return iter(self._open.values())

    def __contains__(self, query_id: str) -> bool:
        """Return whether a query is open."""
        return query_id in self._open

    @override
    def __getitem__(self, query_id: str) -> Progress:
        return self._open[query_id]

    @override
    def called(self, query_id: str, sent_at: str, *, again: bool) -> None:
        progress = self._open[query_id]
        progress.calls += 1
        progress.retries += again
        if progress.started_at is None:
            progress.started_at = sent_at

    @override
    def not_counted(self, query_id: str, *, again: bool) -> None:
        if (progress := self._open.get(query_id)) is not None:
            progress.calls -= 1
            progress.retries -= again
            if not progress.calls:
                progress.started_at = None

    @override
    def note(self, query_id: str, code: int | None, message: str) -> None:
        if (progress := self._open.get(query_id)) is not None:
            progress.code, progress.message = code, message
            progress.finished_at = utc_now()

    @override
    def expect(self, call: Call, item: Any) -> bool:
        if (progress := self._open.get(call.query_id)) is not None:
            progress.in_pipelines += 1
        return True

    @override
    def item_done(self, call: Call, *, new: bool = False, rejected: bool = False) -> None:
        progress = self._open.get(call.query_id)
        if progress is None:  # its outcome was written when the crawl was cut short
            return
        progress.in_pipelines -= 1
        progress.new_items += new
        progress.rejected_items += rejected
        self._close_if_done(progress)

    def end(self, query_id: str, ending: Ending) -> None:
        """Note how a query ended: no further page of it will be requested."""
        progress = self._open[query_id]
        progress.ending = ending
        self._close_if_done(progress)

    @override
    def item_failed(self, call: Call, item: Any, error: str) -> None:
        progress = self._open.get(call.query_id)
        if progress is not None and call.page not in progress.dead_letters:
            progress.dead_letters.add(call.page)
            self.dead_letters += 1

    @override
    def answer_failed(self, call: Call, error: str) -> None:
        self.item_failed(call, None, error)
        self.fail(call.query_id, None, error)

    def fail(self, query_id: str, code: int | None, message: str) -> None:
        """Note that a query has ended with an error."""
        progress = self._open.get(query_id)
        if progress is None or progress.ending is not None:
            return
        self.note(query_id, code, message)
        status = "partial" if progress.pages else "failed"
        self.end(query_id, Ending(status, "error", progress.evidence))

    def cut_short(self, query_id: str, reason: str) -> None:
        """Note that a query ends early, since the job is stopping."""
        progress = self._open.get(query_id)
        if progress is not None and progress.ending is None:
            self.end(query_id, _cut_short(progress, reason))

    def leave_out(self, query: Query, reason: str | None) -> None:
        """Write the outcome of a query that does not begin, since the job is stopping."""
        progress = self._begin(query)
        progress.ending = _cut_short(progress, reason)
        self._close(progress)

    def finish(self, reason: str | None, not_begun: Iterable[Query]) -> None:
        """Write the outcomes that are still missing.

        :param reason: why the job was stopped; None if it ran to its end, in which case a query
            that is still open was lost by a bug
        :param not_begun: the queries that were never opened
        """
        for progress in list(self._open.values()):
            if progress.ending is None or (reason is not None and progress.in_pipelines):
                progress.ending = _cut_short(progress, reason)
            self._close(progress)
        for query in not_begun:
            self.leave_out(query, reason)

    def _begin(self, query: Query) -> Progress:
        history = self._history(query.query_id)
        return Progress(
            query,
            calls=history.calls,
            retries=history.retries,
            started_at=history.first_sent_at,
            finished_at=history.last_sent_at,
        )

    def _close_if_done(self, progress: Progress) -> None:
        if progress.ending is not None and not progress.in_pipelines:
            self._close(progress)

    def _close(self, progress: Progress) -> None:
        assert progress.ending is not None
        self._open.pop(progress.query.query_id, None)
        status, reason = progress.ending.status, progress.ending.reason
        if status in {"complete", "empty"}:
            progress.code = progress.message = None  # of an attempt that a better one followed
        evidence = progress.ending.evidence
        self.by_status[status] += 1
        if evidence:
            self.evidence.update(("all", *evidence))
        self.rejected += progress.rejected_items
        self.failures += status == "failed" or (status == "partial" and reason == "error")
        if reason == "error":
            self._count_error(progress)
        outcome = Outcome(
            job=self._job,
            **progress.identity(),  # type: ignore[arg-type]
            status=status,
            reason=reason,
            code=progress.code,
            message=progress.message,
            pages=progress.pages,
            items=progress.items,
            new_items=progress.new_items,
            rejected_items=progress.rejected_items,
            calls=progress.calls,
            retries=progress.retries,
            total_count=progress.total_count,
            started_at=progress.started_at,
            finished_at=not_before(progress.started_at, progress.finished_at),
            evidence=list(evidence),
        )
        self._write(outcome)

    def _count_error(self, progress: Progress) -> None:
        if not progress.message:
            return
        code, message = progress.code, progress.message
        error = f"{code}: {message}" if code is not None else message
        if error in self.errors or len(self.errors) < _KEPT_ERRORS:
            self.errors[error] += 1

    def facts(self, queries: int) -> dict[str, Any]:
        """Return what job.json says about the queries once they have ended.

        :param queries: how many there are
        """
        by_count = sorted(self.errors.items(), key=lambda one: (-one[1], one[0]))
        return {
            "queries": {"all": queries, **dict(sorted(self.by_status.items()))},
            "errors": dict(by_count[:_WRITTEN_ERRORS]),
            "evidence": {"all": 0, **dict(sorted(self.evidence.items()))},
        }


def _cut_short(progress: Progress, reason: str | None) -> Ending:
    if reason is None:
        progress.message = "its request or its answer was lost on the way: a bug, please report it"
        return Ending("partial" if progress.pages else "failed", "error", progress.evidence)
    if progress.pages:
        return Ending("partial", reason, progress.evidence)
    return Ending("failed" if progress.calls else "not_started", reason)
