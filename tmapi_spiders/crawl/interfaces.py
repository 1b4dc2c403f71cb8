"""The parts of a run, as Scrapy's components see them, whichever way it crawls.

In a process of its own: ``gate``, ``retries``, ``ledger`` and ``flow``. As one worker of many:
``distributed.worker_ports`` and ``distributed.worker_flow``.
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
    from tmapi_spiders.inputs.queries import Query
    from tmapi_spiders.inputs.seed import Seed

__all__ = ["Flow", "Gate", "GateClosed", "Ledger", "Permit", "Requests", "Retries"]


class GateClosed(IgnoreRequest):
    """The job is stopping: this call was not sent, and costs nothing."""


@attrs.frozen
class Permit:
    """Leave for one call, until it is given back."""

    number: int
    """Of the call in the journal; of a lease, its fencing token."""
    sent_at: str
    query_id: str = ""


class Gate(ABC):
    """What every call passes on its way out, and what stops them all."""

    sent: int = 0
    """Calls that left."""
    struck: int = 0
    """Those of them that turned out not to count."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether calls may still leave."""

    @property
    @abstractmethod
    def allowed(self) -> int:
        """Calls that may be in flight now, as far as is known."""

    @abstractmethod
    async def admit(self, call: Call | None = None, *, priority: int = 0) -> Permit:
        """Wait for leave to send one call.

        :param call: None of a request of the project's own
        :param priority: of those that wait here, the highest goes first
        :raises GateClosed: if the job is stopping, or stops during the wait
        :raises QueryEnded: if nobody waits for what it would bring
        """

    @abstractmethod
    def answered(self, permit: Permit, *, counts: bool, sign: Sign | None = None) -> None:
        """Take back the permit of a call that was answered, but for one over the limit.

        :param counts: whether the call keeps its place in the budget
        :param sign: what the answer tells of the API as a whole
        """

    @abstractmethod
    def failed(self, permit: Permit, *, sent: bool, sign: Sign | None = None) -> None:
        """Take back the permit of a call that brought no answer.

        :param sent: whether it may have reached the API
        :param sign: what that tells of the API as a whole
        """

    @abstractmethod
    async def is_spared(self, permit: Permit) -> bool:
        """Say whether the failure of a call whose permit is back is laid to the API.

        The page has not used up a try by it then.
        """

    @abstractmethod
    def refused(self, permit: Permit) -> None:
        """Take back the permit of a call that was over the account's limit."""

    @abstractmethod
    def close(self) -> None:
        """Let no more calls out; those in flight are not touched."""


class Retries(ABC):
    """The one authority over whether and when a call is tried again."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many pages are waiting in this process for their next try."""

    @abstractmethod
    def try_again(self, request: Request, call: Call) -> bool:
        """Try again a call that failed for a passing reason; return False if it had its tries.

        It has one more wherever the failure is not its own (:attr:`Call.is_spared`).
        """

    @abstractmethod
    def wait_for_room(self, request: Request, call: Call) -> None:
        """Try again a call that was over the account's limit, however often that happens."""


class Ledger(ABC):
    """What is known of each query, until its one outcome is written."""

    @abstractmethod
    def __getitem__(self, query_id: str) -> Progress:
        """Return how far an open query is.

        :raises KeyError: if it is not open, or not in this process
        """

    @abstractmethod
    def called(self, query_id: str, sent_at: str, *, again: bool) -> None:
        """Note that a call for this query leaves.

        :param again: whether it is a second or later try
        """

    @abstractmethod
    def not_counted(self, query_id: str, *, again: bool) -> None:
        """Take back :meth:`called`: that call does not count."""

    @abstractmethod
    def note(self, query_id: str, code: int | None, message: str) -> None:
        """Note an error that may not be the end of this query."""

    @abstractmethod
    def expect(self, call: Call, item: Any) -> bool:
        """Note that an item goes into the pipelines; say whether it is to.

        It is not where its answer is read again, and the item came out of them the first time.
        """

    @abstractmethod
    def settle(self, call: Call, *, new: bool = False, rejected: bool = False) -> None:
        """Note that a product has come out of the pipelines: written, dropped or rejected."""

    @abstractmethod
    def spoil(self, call: Call, item: Any, error: str) -> None:
        """Note that a pipeline failed on an item, so that its answer is kept as a dead letter.

        It has come out of the pipelines, too: see :meth:`settle`.
        """

    @abstractmethod
    def bury(self, call: Call, error: str) -> None:
        """Note that the spider could not take an answer: it is kept, and its query can't go on."""


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
    """What happens after a page or a conversion was answered.

    Each method yields the requests that this process is to make now.
    """

    converting: int = 0
    """Images whose conversion was asked for here, and has not been answered."""

    @abstractmethod
    def start(self, room: Callable[[], Awaitable[None]]) -> AsyncIterator[Request]:
        """Begin with the queries that nobody has taken up yet.

        :param room: waits until Scrapy has room for a request
        """

    @abstractmethod
    def first_items(self, progress: Progress) -> Iterator[Request]:
        """Note that a query's first page has items.

        Before they are read: a loader, or a spider middleware, that fails on them ends this query,
        and must not leave others of the image in doubt.
        """

    @abstractmethod
    def page_read(
        self, progress: Progress, page: int, answer: Page, reading: PageReading
    ) -> Iterator[Request]:
        """Go on after a page whose products are on their way, or end the query."""

    @abstractmethod
    def empty_first_page(
        self, progress: Progress, answer: Page, fetched_at: str
    ) -> Iterator[Request]:
        """Take up a first page without items: the query's end, once it is believed."""

    @abstractmethod
    def page_failed(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        """End a query whose page will not come, by an error."""

    @abstractmethod
    def convert_first(
        self, query: Query, page: int, code: int | None, message: str
    ) -> Iterator[Request]:
        """Take up the API's demand that a query's image be converted before it is searched for.

        :param code: the answer's
        :param message: likewise
        """

    @abstractmethod
    def page_cut_short(self, query: Query, page: int) -> Iterator[Request]:
        """Take up a page that will not be asked for here, since the run is stopping."""

    @abstractmethod
    def converted(self, seed: Seed, query_id: str, path: str, *, kept: bool) -> Iterator[Request]:
        """Have the queries go on that waited for a conversion.

        :param query_id: who paid for it
        :param path: what the conversion gave
        :param kept: whether another job has paid for it
        """

    @abstractmethod
    def conversion_failed(
        self, seed: Seed, query_id: str, code: int | None, message: str
    ) -> Iterator[Request]:
        """End the queries that waited for a conversion by its failure."""

    @abstractmethod
    def conversion_cut_short(self, seed: Seed, query_id: str) -> Iterator[Request]:
        """Take up a conversion that will not be asked for here, since the run is stopping."""
