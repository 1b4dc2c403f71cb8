"""The ledger of a worker: the progress of its queries is in their leases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tmapi_spiders.crawl.interfaces import Ledger

if TYPE_CHECKING:
    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.distributed.held_leases import HeldLeases

__all__ = ["LeaseLedger"]


class LeaseLedger(Ledger):
    """Keeps the progress of the queries whose leases this worker holds."""

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
        pass  # Redis counted the call when it was leased

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
    def item_done(self, call: Call, *, new: bool = False, rejected: bool = False) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.in_pipelines -= 1
            lease.progress.rejected_items += rejected
            lease.rejected += rejected
            self._holding.commit_if_whole(lease)

    @override
    def item_failed(self, call: Call, item: Any, error: str) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.failed.append(lease.names.of(item))
            lease.error = lease.error or error

    @override
    def answer_failed(self, call: Call, error: str) -> None:
        if (lease := self._holding.of(call)) is not None:
            lease.error, lease.is_parsed = error, False
            lease.callback_ended = True
            self._holding.commit_if_whole(lease)
