"""The interfaces of a run's parts, as Scrapy's components see them, however it crawls.

In one process they are implemented in ``local`` (``gate``, ``retries``, ``ledger`` and ``flow``),
in a worker in ``distributed`` (``worker_gate``, ``worker_retries``, ``worker_ledger`` and
``worker_flow``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import attrs
from scrapy.exceptions import IgnoreRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from scrapy import Request

    from tmapi_spiders.api.answers import Page
    from tmapi_spiders.api.calls import Call
    from tmapi_spiders.crawl.outage import Sign
    from tmapi_spiders.crawl.paging import PageReading
    from tmapi_spiders.crawl.progress import Progress
    from tmapi_spiders.errors import StorageError
    from tmapi_spiders.inputs.queries import Query
    from tmapi_spiders.inputs.seed import Seed

__all__ = ["Flow", "Gate", "GateClosed", "Ledger", "Permit", "Requests", "Retries", "Stopper"]


class GateClosed(IgnoreRequest):
    """The job is stopping: this call was not sent, and costs nothing."""


class Stopper(Protocol):
    """Stops a run early: the run itself, for those of its parts that find out why it must stop."""

    def stop(self, reason: str, detail: str | None = None) -> None:
        """Send no more calls, and close the spider once all paid answers are written.

        :param reason: a key of :data:`~tmapi_spiders.crawl.stops.STOPS`
        """

    def storage_failed(self, exc: StorageError) -> None:
        """Stop since a file of the job can't be read or written."""


@attrs.frozen
class Permit:
    """Leave to send one call, until it is given back."""

    number: int
    """The call's number in the journal; a lease's fencing token."""
    sent_at: str
    query_id: str = ""


class Gate(ABC):
    """Gives each call its permit, and no call once it is closed."""

    sent: int = 0
    """Calls that were sent."""
    struck: int = 0
    """Calls among them that turned out not to count."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether calls may still be sent."""

    @property
    @abstractmethod
    def allowed(self) -> int:
        """Calls that may be in flight now, as far as is known."""

    @abstractmethod
    async def admit(self, call: Call | None = None, *, priority: int = 0) -> Permit:
        """Wait for a permit to send one call.

        :param call: None for a request of the project's own
        :param priority: of the calls that wait here, the one with the highest priority goes first
        :raises GateClosed: if the job is stopping, or stops during the wait
        :raises QueryEnded: if the page that the call is for is done
        """

    @abstractmethod
    def answered(self, permit: Permit, *, counts: bool, sign: Sign | None = None) -> None:
        """Take back the permit of a call that was answered, except with "over the limit".

        :param counts: whether the call keeps its place in the budget
        :param sign: what the answer shows about the API as a whole
        """

    @abstractmethod
    def failed(self, permit: Permit, *, sent: bool, sign: Sign | None = None) -> None:
        """Take back the permit of a call that got no answer.

        :param sent: whether it may have reached the API
        :param sign: what that shows about the API as a whole
        """

    @abstractmethod
    async def is_spared(self, permit: Permit) -> bool:
        """Return whether the failure of a call whose permit is back is blamed on the API.

        If so, the page has not used up a retry.
        """

    @abstractmethod
    def refused(self, permit: Permit) -> None:
        """Take back the permit of a call that was over the account's limit."""

    @abstractmethod
    def close(self) -> None:
        """Send no more calls; those in flight are not affected."""


class Retries(ABC):
    """Retries calls; :mod:`~tmapi_spiders.crawl.retry_policy` decides whether and when."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many pages are waiting in this process for their retry."""

    @abstractmethod
    def retry(self, request: Request, call: Call) -> bool:
        """Retry a call after a transient failure; return False if it has used up its retries."""

    @abstractmethod
    def wait_for_room(self, request: Request, call: Call) -> None:
        """Retry a call that was over the account's limit, however often that happens."""


class Ledger(ABC):
    """Keeps the progress of each query until its one outcome is written."""

    @abstractmethod
    def __getitem__(self, query_id: str) -> Progress:
        """Return the progress of an open query.

        :raises KeyError: if it is not open, or not in this process
        """

    @abstractmethod
    def called(self, query_id: str, sent_at: str, *, again: bool) -> None:
        """Note that a call for this query is being sent.

        :param again: whether it is a retry
        """

    @abstractmethod
    def not_counted(self, query_id: str, *, again: bool) -> None:
        """Take back :meth:`called`: the call does not count."""

    @abstractmethod
    def note(self, query_id: str, code: int | None, message: str) -> None:
        """Note an error that may not be the end of this query."""

    @abstractmethod
    def expect(self, call: Call, item: Any) -> bool:
        """Note that an item is about to enter the pipelines; return whether it should.

        It should not if its answer is read again and it came out of the pipelines the first time.
        """

    @abstractmethod
    def item_done(self, call: Call, *, new: bool = False, rejected: bool = False) -> None:
        """Note that an item has left the pipelines: written, dropped or rejected."""

    @abstractmethod
    def item_failed(self, call: Call, item: Any, error: str) -> None:
        """Note that a pipeline failed on an item, so that its answer is kept as a dead letter.

        :meth:`item_done` follows, since it has left the pipelines, too.
        """

    @abstractmethod
    def answer_failed(self, call: Call, error: str) -> None:
        """Note that the spider failed on an answer: a dead letter, and its query can't continue."""


class Requests(Protocol):
    """Builds requests: the spider."""

    def request_page(
        self,
        query: Query,
        page: int,
        *,
        img_url: str | None,
        generation: int,
        priority: int = ...,
    ) -> Request:
        """Return the request for one page of a query."""

    def request_conversion(self, seed: Seed, query_id: str, repeat: int) -> Request:
        """Return the request for a conversion of a seed's image."""


class Flow(ABC):
    """Decides which request follows each answer.

    Each method yields the requests that this process is to make now.
    """

    @abstractmethod
    def start(self, room: Callable[[], Awaitable[None]]) -> AsyncIterator[Request]:
        """Begin the queries that have not begun yet.

        :param room: waits until Scrapy has room for a request
        """

    @abstractmethod
    def first_items(self, progress: Progress) -> Iterator[Request]:
        """Note that a query's first page has items, before they are read.

        A loader or a spider middleware that fails on them ends this query, and must not leave
        other queries of the image in doubt.
        """

    @abstractmethod
    def page_read(
        self, progress: Progress, page: int, answer: Page, reading: PageReading
    ) -> Iterator[Request]:
        """Continue after a page whose products are on their way, or end the query."""

    @abstractmethod
    def empty_first_page(
        self, progress: Progress, answer: Page, fetched_at: str
    ) -> Iterator[Request]:
        """Handle a first page without items, which ends the query once it is believed."""

    @abstractmethod
    def page_failed(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        """End a query with an error, since one of its pages will never come."""

    @abstractmethod
    def convert_first(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        """Handle the API's demand to convert a query's image before searching for it.

        :param code: the answer's
        :param message: the answer's
        """

    @abstractmethod
    def page_cut_short(self, query: Query, page: int) -> Iterator[Request]:
        """Handle a page that will not be requested here, since the run is stopping."""

    @abstractmethod
    def converted(self, seed: Seed, query_id: str, path: str, *, kept: bool) -> Iterator[Request]:
        """Continue the queries that waited for a conversion.

        :param query_id: the query that paid for it
        :param path: the path that the image was converted to
        :param kept: whether another job paid for it
        """

    @abstractmethod
    def conversion_failed(
        self, seed: Seed, query_id: str, code: int | None, message: str
    ) -> Iterator[Request]:
        """End the queries that waited for a conversion with its error."""

    @abstractmethod
    def conversion_cut_short(self, seed: Seed, query_id: str) -> Iterator[Request]:
        """Handle a conversion that will not be requested here, since the run is stopping."""
