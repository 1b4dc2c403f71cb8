"""Holders: what holds leases. It is the worker, as the parts that it is made of see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tmapi_spiders.arguments import Arguments
    from tmapi_spiders.config import Config
    from tmapi_spiders.distributed.lease import Lease
    from tmapi_spiders.distributed.shared_job import SharedJob

__all__ = ["Holder"]


class Holder(Protocol):
    """Holds leases, and brings to an end what comes of them."""

    name: str
    config: Config
    job: SharedJob
    keep_alive: bool
    crashed: bool
    held: dict[str, Lease]
    """What it holds, by the query that the calls are for."""

    @property
    def arguments(self) -> Arguments:
        """The job's."""

    @property
    def is_open(self) -> bool:
        """Whether calls may leave."""

    @property
    def is_away(self) -> bool:
        """Whether Redis did not answer when it was last asked."""

    @property
    def allowed(self) -> int:
        """Calls in flight that the account bears, of all workers, as far as is known."""

    @property
    def sent(self) -> int:
        """Calls that left."""

    def commit(self, lease: Lease) -> None:
        """Commit what is staged in a lease."""

    def commit_if_whole(self, lease: Lease) -> None:
        """Commit a page that was parsed, once all of its products are out of the pipelines."""

    def give_back(self, lease: Lease, how: str, **options: float) -> None:
        """Give a lease back."""

    def answered(self, lease: Lease) -> None:
        """Have the permit of a call come back before its page is parsed."""

    def take(self, row: list[Any], valid_until: float) -> None:
        """Begin with a lease that Redis has handed out."""

    def lose(self, lease: Lease) -> None:
        """Note that somebody else has a lease by now."""

    def note(self, query_id: str, code: int | None, message: str) -> None:
        """Note an error of a query."""

    def stop(self, reason: str, detail: str | None = None) -> None:
        """Take no more leases, and close the spider once what is in flight is committed."""

    def finish(self) -> None:
        """Close the spider: the job has ended."""
